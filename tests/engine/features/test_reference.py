"""Every feature against TA-Lib, pandas or scipy where they have it, else against its definition written out."""

import math
from collections import Counter

import numpy as np
import pandas as pd
import pytest
import talib
from scipy import stats

from lockstep.engine.features import registry
from lockstep.engine.features.registry import FEATURES, compute


def columns_of(*series):
    return np.column_stack([np.asarray(s, dtype=float) for s in series])


def over(series, window, function):
    """A function of each full window, written out; several series give it several arguments."""
    several = series if isinstance(series, tuple) else (series,)
    arrays = [np.asarray(s, dtype=float) for s in several]
    out = np.full(arrays[0].size, np.nan)
    for i in range(window - 1, out.size):
        out[i] = function(*(a[i - window + 1 : i + 1] for a in arrays))
    return out


def ema(series, window):
    return series.ewm(span=window, adjust=False).mean()


def wilder(series, window):
    """Wilder's average begun at the mean of the first `window` values."""
    values, out = series.dropna(), pd.Series(np.nan, index=series.index)
    average = values.iloc[:window].mean()
    out.loc[values.index[window - 1]] = average
    for i, value in values.iloc[window:].items():
        average = (average * (window - 1) + value) / window
        out.loc[i] = average
    return out


def log_return(s):
    return np.log(s / s.shift())


def typical(b):
    return (b.high + b.low + b.close) / 3


def true_range(b):
    past = b.close.shift()
    return pd.concat([b.high, past], axis=1).max(axis=1, skipna=False) - pd.concat([b.low, past], axis=1).min(
        axis=1, skipna=False
    )


def kama(b, window, fast, slow):
    close = b.close.to_numpy()
    out, value = np.full(close.size, np.nan), close[window - 1]
    for i in range(window, close.size):
        ratio = abs(close[i] - close[i - window]) / np.abs(np.diff(close[i - window : i + 1])).sum()
        value += (ratio * (2 / (fast + 1) - 2 / (slow + 1)) + 2 / (slow + 1)) ** 2 * (close[i] - value)
        out[i] = value
    return out


def hma(b, window):
    def wma(s, n):
        return over(s, n, lambda x: np.average(x, weights=np.arange(1, n + 1)))

    return wma(2 * wma(b.close, window // 2) - wma(b.close, window), math.isqrt(window))


def cmo(b, window):
    move = b.close.diff()
    up, down = move.clip(lower=0).rolling(window).sum(), (-move).clip(lower=0).rolling(window).sum()
    return 100 * (up - down) / (up + down)


def macd(b, fast, slow, signal):
    line = (ema(b.close, fast) - ema(b.close, slow)).where(b.index >= max(fast, slow) - 1)
    average = ema(line, signal)
    return columns_of(line, average, line - average)


def trix(b, window):
    return 100 * ema(ema(ema(b.close, window), window), window).pct_change()


def adx(b, window):
    up, down = b.high.diff(), -b.low.diff()
    plus = up.where((up > down) & (up > 0), 0.0).where(up.notna())
    minus = down.where((down > up) & (down > 0), 0.0).where(up.notna())
    size = wilder(true_range(b), window)
    plus_di, minus_di = 100 * wilder(plus, window) / size, 100 * wilder(minus, window) / size
    return columns_of(wilder(100 * (plus_di - minus_di).abs() / (plus_di + minus_di), window), plus_di, minus_di)


def vortex(b, window):
    size = true_range(b).rolling(window).sum()
    plus, minus = (b.high - b.low.shift()).abs(), (b.low - b.high.shift()).abs()
    return columns_of(plus.rolling(window).sum() / size, minus.rolling(window).sum() / size)


def ewma_volatility(b, window, decay):
    return np.sqrt((log_return(b.close) ** 2).ewm(alpha=1 - decay, adjust=False).mean())


def garman_klass(b, window):
    daily = 0.5 * np.log(b.high / b.low) ** 2 - (2 * math.log(2) - 1) * np.log(b.close / b.open) ** 2
    return np.sqrt(daily.rolling(window).mean())


def rogers_satchell(b):
    return np.log(b.high / b.close) * np.log(b.high / b.open) + np.log(b.low / b.close) * np.log(b.low / b.open)


def yang_zhang(b, window):
    k = 0.34 / (1.34 + (window + 1) / (window - 1))
    overnight, inside = np.log(b.open / b.close.shift()), np.log(b.close / b.open)
    drift_free = rogers_satchell(b).rolling(window).mean()
    return np.sqrt(overnight.rolling(window).var() + k * inside.rolling(window).var() + (1 - k) * drift_free)


def bollinger(b, window, width):
    upper, middle, lower = talib.BBANDS(b.close.to_numpy(), window, width, width)
    return columns_of(middle, upper, lower, (b.close - lower) / (upper - lower), (upper - lower) / middle)


def keltner(b, window, range_window, width):
    middle, half = ema(b.close, window), width * wilder(true_range(b), range_window)
    return columns_of(middle, middle + half, middle - half)


def donchian(b, window):
    upper, lower = b.high.rolling(window).max(), b.low.rolling(window).min()
    return columns_of((upper + lower) / 2, upper, lower)


def cmf(b, window):
    flow = (2 * b.close - b.high - b.low) / (b.high - b.low) * b.volume
    return flow.rolling(window).sum() / b.volume.rolling(window).sum()


def regression(b, window):
    def part(pick):
        return over(b.close, window, lambda y: pick(stats.linregress(np.arange(window), y), y))

    return columns_of(
        part(lambda fit, y: fit.slope),
        part(lambda fit, y: fit.rvalue**2),
        part(lambda fit, y: y[-1] - fit.intercept - fit.slope * (window - 1)),
    )


def variance_ratio(b, window, horizon):
    return b.x.diff(horizon).rolling(window).var() / (horizon * b.x.diff().rolling(window).var())


def hurst(b, window):
    lags = np.array([1, 2, 4, 8, 16])
    means = [(b.x.diff(k) ** 2).rolling(window).mean() for k in lags]
    logs = 0.5 * np.log(columns_of(*means))
    return np.array([np.polyfit(np.log(lags), row, 1)[0] if np.isfinite(row).all() else np.nan for row in logs])


def half_life(b, window):
    slope = over(
        (b.x.shift(), b.x.diff()), window, lambda x, d: np.polyfit(x, d, 1)[0] if np.isfinite(x).all() else np.nan
    )
    return np.where((slope > -1) & (slope < 0), -math.log(2) / np.log1p(np.where(slope > -1, slope, np.nan)), np.nan)


def permutation_entropy(b, window):
    x = b.x.to_numpy()

    def entropy(part):
        orders = Counter(tuple(np.argsort(part[i : i + 3], kind="stable")) for i in range(part.size - 2))
        return stats.entropy(list(orders.values())) / math.log(6)

    return over(x, window + 2, entropy)


def mfi(b, window):
    cents = (100 * (b.high + b.low + b.close)).round()
    flow, move = cents * b.volume, cents.diff()
    up, down = flow.where(move > 0, 0.0).where(move.notna()), flow.where(move < 0, 0.0).where(move.notna())
    return 100 * up.rolling(window).sum() / (up + down).rolling(window).sum()


def per_volume(b, price, window):
    return (price * b.volume).rolling(window).sum() / b.volume.rolling(window).sum()


REFERENCES = {
    "simple_return": lambda b, window: b.close.pct_change(window),
    "log_return": lambda b, window: np.log(b.close).diff(window),
    "overnight_return": lambda b: b.open / b.close.shift() - 1,
    "intraday_return": lambda b: b.close / b.open - 1,
    "sma": lambda b, window: talib.SMA(b.close.to_numpy(), window),
    "ema": lambda b, window: ema(b.close, window),
    "wilder": lambda b, window: wilder(b.close, window),
    "wma": lambda b, window: talib.WMA(b.close.to_numpy(), window),
    "dema": lambda b, window: 2 * ema(b.close, window) - ema(ema(b.close, window), window),
    "tema": lambda b, window: (
        3 * ema(b.close, window)
        - 3 * ema(ema(b.close, window), window)
        + ema(ema(ema(b.close, window), window), window)
    ),
    "kama": kama,
    "hma": hma,
    "trima": lambda b, window: talib.TRIMA(b.close.to_numpy(), window),
    "vwma": lambda b, window: per_volume(b, b.close, window),
    "vwap": lambda b, window: per_volume(b, typical(b), window),
    "efficiency_ratio": lambda b, window: b.close.diff(window).abs() / b.close.diff().abs().rolling(window).sum(),
    "momentum": lambda b, window: talib.MOM(b.close.to_numpy(), window),
    "roc": lambda b, window: talib.ROC(b.close.to_numpy(), window),
    "rsi": lambda b, window: talib.RSI(b.close.to_numpy(), window),
    "cmo": cmo,
    "macd": macd,
    "ppo": lambda b, fast, slow: 100 * (ema(b.close, fast) / ema(b.close, slow) - 1),
    "stochastic": lambda b, window, smooth, signal: columns_of(
        *talib.STOCH(b.high, b.low, b.close, window, smooth, 0, signal, 0)
    ),
    "williams_r": lambda b, window: talib.WILLR(b.high, b.low, b.close, window),
    "cci": lambda b, window: talib.CCI(b.high, b.low, b.close, window),
    "trix": trix,
    "aroon": lambda b, window: columns_of(
        *reversed(talib.AROON(b.high, b.low, window)), talib.AROONOSC(b.high, b.low, window)
    ),
    "true_range": lambda b: talib.TRANGE(b.high, b.low, b.close),
    "atr": lambda b, window: talib.ATR(b.high, b.low, b.close, window),
    "adx": adx,
    "vortex": vortex,
    "rolling_std": lambda b, window: b.close.rolling(window).std(),
    "ewma_volatility": ewma_volatility,
    "realised_volatility": lambda b, window: np.sqrt((log_return(b.close) ** 2).rolling(window).sum()),
    "downside_deviation": lambda b, window: np.sqrt((b.close.pct_change().clip(upper=0) ** 2).rolling(window).mean()),
    "historical_volatility": lambda b, window, periods: log_return(b.close).rolling(window).std() * math.sqrt(periods),
    "volatility_of_volatility": lambda b, window, outer: log_return(b.close).rolling(window).std().rolling(outer).std(),
    "parkinson": lambda b, window: np.sqrt((np.log(b.high / b.low) ** 2).rolling(window).mean() / (4 * math.log(2))),
    "garman_klass": garman_klass,
    "rogers_satchell": lambda b, window: np.sqrt(rogers_satchell(b).rolling(window).mean()),
    "yang_zhang": yang_zhang,
    "bollinger": bollinger,
    "keltner": keltner,
    "donchian": donchian,
    "obv": lambda b: talib.OBV(b.close, b.volume) - b.volume[0],
    "price_volume_trend": lambda b: (b.volume * b.close.pct_change()).fillna(0.0).cumsum(),
    "accumulation_distribution": lambda b: talib.AD(b.high, b.low, b.close, b.volume),
    "cmf": cmf,
    "mfi": mfi,
    "volume_ratio": lambda b, window: b.volume / b.volume.shift().rolling(window).mean(),
    "volume_zscore": lambda b, window: (b.volume - b.volume.rolling(window).mean()) / b.volume.rolling(window).std(),
    "dollar_volume": lambda b, window: (b.close * b.volume).rolling(window).mean(),
    "amihud": lambda b, window: 1e6 * (b.close.pct_change().abs() / (b.close * b.volume)).rolling(window).mean(),
    "force_index": lambda b, window: ema(b.close.diff() * b.volume, window),
    "rolling_max": lambda b, window: talib.MAX(b.x.to_numpy(), window),
    "rolling_min": lambda b, window: talib.MIN(b.x.to_numpy(), window),
    "drawdown": lambda b, window: b.close / b.close.rolling(window).max() - 1,
    "rolling_median": lambda b, window: b.x.rolling(window).median(),
    "rolling_quantile": lambda b, window, q: b.x.rolling(window).quantile(q),
    "rolling_rank": lambda b, window: b.x.rolling(window).rank(pct=True),
    "permutation_entropy": permutation_entropy,
    "zscore": lambda b, window: (b.x - b.x.rolling(window).mean()) / b.x.rolling(window).std(),
    "skewness": lambda b, window: over(b.x, window, lambda x: stats.skew(x, bias=False)),
    "kurtosis": lambda b, window: over(b.x, window, lambda x: stats.kurtosis(x, bias=False)),
    "correlation": lambda b, window: talib.CORREL(b.x.to_numpy(), b.y.to_numpy(), window),
    "covariance": lambda b, window: b.x.rolling(window).cov(b.y),
    "beta": lambda b, window: over((b.x, b.y), window, lambda x, y: stats.linregress(y, x).slope),
    "autocorrelation": lambda b, window, lag: b.x.rolling(window).corr(b.x.shift(lag)),
    "regression": regression,
    "variance_ratio": variance_ratio,
    "hurst": hurst,
    "half_life": half_life,
}
SHORT = {
    "macd": {"fast": 5, "slow": 9, "signal": 4},
    "ppo": {"fast": 5, "slow": 9},
    "kama": {"window": 7, "fast": 3, "slow": 20},
    "stochastic": {"window": 9, "smooth": 4, "signal": 5},
    "keltner": {"window": 9, "range_window": 21, "width": 1.5},
    "bollinger": {"window": 9, "width": 1.5},
    "rolling_quantile": {"window": 21, "q": 0.15},
    "autocorrelation": {"window": 21, "lag": 3},
    "variance_ratio": {"window": 21, "horizon": 3},
    "hurst": {"window": 40},
}


@pytest.fixture(scope="module")
def frame(bars):
    return pd.DataFrame(bars)


def assert_same(name, frame, params, rtol=1e-9):
    full = registry.parameters(name, **params)
    expected = np.asarray(REFERENCES[name](frame, **full), dtype=float).reshape(len(frame), -1)
    out = compute(name, frame, **params).reshape(len(frame), -1)
    warm = registry.warmup(name, **params) - 1
    np.testing.assert_allclose(
        out[warm:], expected[warm:], rtol=rtol, atol=1e-10 * max(1.0, np.nanmax(np.abs(expected)))
    )


def test_every_feature_has_a_reference():
    assert list(REFERENCES) == list(FEATURES)


@pytest.mark.parametrize("name", FEATURES)
def test_defaults_agree(name, frame):
    assert_same(name, frame, {})


@pytest.mark.parametrize("name", [name for name, feature in FEATURES.items() if feature.params])
def test_other_parameters_agree(name, frame):
    assert_same(name, frame, SHORT.get(name, {"window": 9}))


def test_mfi_is_talibs_where_no_mean_price_repeats(frame):
    columns = {key: frame[key] + np.arange(600) * 1e-4 for key in ("high", "low", "close")} | {"volume": frame.volume}
    np.testing.assert_allclose(compute("mfi", columns)[14:], talib.MFI(*columns.values(), 14)[14:], rtol=1e-9)


def test_kama_is_talibs(frame):
    np.testing.assert_allclose(compute("kama", frame)[10:], talib.KAMA(frame.close, 10)[10:], rtol=1e-12)


def test_adx_tends_to_talibs(frame):
    # TA-Lib begins its sums one bar earlier than Wilder's text.
    arguments = frame.high, frame.low, frame.close, 14
    expected = columns_of(talib.ADX(*arguments), talib.PLUS_DI(*arguments), talib.MINUS_DI(*arguments))
    np.testing.assert_allclose(compute("adx", frame)[-1], expected[-1], rtol=1e-9)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("rsi", 50.0), ("cmo", 0.0), ("stochastic", 50.0), ("williams_r", -50.0), ("cci", 0.0), ("adx", 0.0),
        ("efficiency_ratio", 0.0), ("zscore", 0.0), ("rolling_std", 0.0), ("parkinson", 0.0), ("yang_zhang", 0.0),
        ("historical_volatility", 0.0), ("permutation_entropy", 0.0), ("skewness", np.nan), ("kurtosis", np.nan),
        ("correlation", np.nan), ("autocorrelation", np.nan), ("hurst", np.nan), ("half_life", np.nan),
        ("mfi", 50.0), ("beta", np.nan),
        ("variance_ratio", np.nan), ("vortex", np.nan), ("cmf", 0.0), ("amihud", 0.0), ("drawdown", 0.0),
    ],
)  # fmt: skip
def test_a_series_that_never_moves(name, value):
    still = {key: np.full(400, 0.1) for key in ("open", "high", "low", "close", "x", "y")} | {
        "volume": np.full(400, 7.0)
    }
    np.testing.assert_array_equal(compute(name, still)[-1], np.full_like(compute(name, still)[-1], value))


def test_bands_of_a_series_that_never_moves():
    assert compute("bollinger", {"close": np.full(50, 0.1)})[-1].tolist() == [0.1, 0.1, 0.1, 0.5, 0.0]


@pytest.mark.parametrize("name", ["vwma", "vwap", "cmf", "volume_ratio", "amihud"])
def test_no_volume_gives_nan(name, bars):
    assert np.isnan(compute(name, bars | {"volume": np.zeros(600)})).all()


def test_amihud_leaves_bars_without_trade_out(bars):
    volume = bars["volume"].copy()
    volume[100:110] = 0.0
    close = pd.Series(bars["close"])
    ratios = (1e6 * close.pct_change().abs() / (close * volume))[volume > 0].rolling(20).mean()
    out = compute("amihud", bars | {"volume": volume})
    assert np.isnan(out[100:110]).all()
    np.testing.assert_allclose(out[volume > 0], ratios, rtol=1e-12)


@pytest.mark.parametrize("name", ["log_return", "realised_volatility", "parkinson", "yang_zhang"])
def test_prices_that_are_not_positive_have_no_logarithm(name, bars):
    columns = {key: bars[key].copy() for key in ("open", "high", "low", "close")}
    for values in columns.values():
        values[300] = -5.0
    out = compute(name, columns)
    assert np.isnan(out[300])
    assert np.isfinite(out[330:]).all()
