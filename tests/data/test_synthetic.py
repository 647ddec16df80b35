import numpy as np
import pytest

from lockstep.data.bundled import build
from lockstep.data.calendar import load_sessions
from lockstep.data.commands import audit
from lockstep.data.reading import read_frame, read_rows
from lockstep.data.rows import join
from lockstep.data.synthetic import Market, SyntheticMarket, synthetic_frames, write_synthetic
from lockstep.data.synthetic.build import chunks
from lockstep.data.synthetic.market import PAIR_SIGMA, VOLATILITY
from lockstep.data.synthetic.paths import paths, smile
from lockstep.engine.errors import DataError

PLAIN = {"splits": 0, "halts": 0, "late": 0, "delisted": 0, "dividends": False}


def logs(market):
    """Log closes (n, steps) of the whole history, on the shares of the start."""
    factor = [np.log(market.split_factor(path.session))[:, None] for path in paths(market)]
    return np.hstack([np.log(path.close) + f for path, f in zip(paths(market), factor, strict=True)])


def test_equal_settings_give_equal_bytes_and_other_seeds_other_data(own):
    small = {"symbols": 3, "sessions": 3, "pairs": 1, "splits": 1, "late": 0, "delisted": 0}
    first = write_synthetic(own, "synthetic-a", SyntheticMarket(seed=1, **small))
    assert write_synthetic(own, "synthetic-b", SyntheticMarket(seed=1, **small)).files == first.files
    assert write_synthetic(own, "synthetic-c", SyntheticMarket(seed=2, **small)).files != first.files


def test_more_sessions_do_not_change_those_before():
    short, long = (Market(SyntheticMarket(symbols=4, sessions=n, pairs=1, **PLAIN)) for n in (3, 6))
    for left, right in zip(paths(short), paths(long), strict=False):
        assert np.array_equal(left.close, right.close)


def test_it_is_called_synthetic_everywhere(own):
    with pytest.raises(DataError, match="must be named so"):
        write_synthetic(own, "my-data", SyntheticMarket())
    manifest = build(own, "synthetic-trades")
    assert manifest.synthetic
    assert "synthetic" in manifest.source
    assert all(entry.name.startswith("Synthetic") and entry.id.startswith("SYN") for entry in manifest.instruments)
    assert all(entry.sector.startswith("Synthetic") for entry in manifest.instruments)
    assert manifest.findings[0].rule == "synthetic"


def test_pairs_are_cointegrated_as_the_manifest_says():
    market = Market(SyntheticMarket(symbols=4, sessions=60, pairs=2, half_life=390, **PLAIN))
    path = logs(market)
    for pair, told in zip(market.pairs, market.truth()["pairs"], strict=True):
        assert (told["first"], told["second"]) == (market.ids[pair.first], market.ids[pair.second])
        spread = path[pair.second] - told["offset"] - told["beta"] * path[pair.first]
        assert spread.std() == pytest.approx(PAIR_SIGMA, rel=0.5)
        phi = np.corrcoef(spread[:-1], spread[1:])[0, 1]
        # Rounding to cents adds a little noise of its own, which draws the estimate down.
        assert 100 < -np.log(2) / np.log(phi) < 800
    assert path[0].std() > 3 * PAIR_SIGMA


def test_sectors_move_together():
    market = Market(SyntheticMarket(symbols=12, sessions=40, pairs=0, **PLAIN))
    moves = np.diff(logs(market), axis=1)
    correlation = np.corrcoef(moves)
    same = market.sector[:, None] == market.sector[None, :]
    off = ~np.eye(12, dtype=bool)
    assert correlation[same & off].mean() > correlation[~same].mean() + 0.05
    assert correlation[~same].mean() > 0.1


def test_regimes_change_volatility_and_are_told():
    market = Market(SyntheticMarket(seed=11, symbols=6, sessions=500, pairs=0, step=30, **PLAIN))
    deviation = {0: [], 1: [], 2: []}
    for path in paths(market):
        deviation[int(market.regime[path.session])].append(np.diff(np.log(path.close), axis=1).std())
    means = [np.mean(deviation[regime]) for regime in (0, 1, 2)]
    assert means[1] / means[0] == pytest.approx(VOLATILITY[1] / VOLATILITY[0], rel=0.1)
    assert means[2] / means[1] == pytest.approx(VOLATILITY[2] / VOLATILITY[1], rel=0.15)
    told = market.truth()["regimes"]
    assert len(told) == 1 + np.count_nonzero(np.diff(market.regime))


def test_volume_is_u_shaped_and_gaps_fall_between_sessions():
    market = Market(SyntheticMarket(symbols=4, sessions=40, pairs=0, **PLAIN))
    rows = join(list(chunks(market, "intraday")))
    number = market.sessions.holding(rows["ts_event"])
    minute = (rows["ts_event"] - market.sessions.open[number]) // 60_000_000_000 - 1
    volume = np.bincount(minute, rows["volume"], 390)
    assert volume[:30].mean() > 1.5 * volume[180:210].mean() < volume[-30:].mean() / 1.5 * 1.5**2
    assert smile(390)[0] == smile(390)[-1] > 2 * smile(390)[195]
    close = logs(market)
    gaps = np.abs(close[:, 390::390] - close[:, 389:-1:390])
    assert gaps.mean() > 3 * np.abs(np.diff(close, axis=1)).mean()


def test_bars_obey_the_rules_of_quality(own):
    for form in ("intraday", "daily", "quotes", "trades"):
        write_synthetic(own, f"synthetic-{form}", SyntheticMarket(symbols=6, sessions=30, pairs=1), form, per_step=1)
        found = {finding.rule for finding in audit(own.dataset(f"synthetic-{form}"))}
        assert found <= {"sparse", "splits", "half_days", "gaps", "ends_early"}, (form, found)


def test_days_are_made_of_their_minutes(own):
    market = SyntheticMarket(symbols=3, sessions=5, pairs=0, **PLAIN)
    write_synthetic(own, "synthetic-1min", market, "intraday")
    write_synthetic(own, "synthetic-day", market, "daily")
    bars = read_frame(own.dataset("synthetic-1min"))
    day = bars.groupby([bars["ts_event"].dt.date, "symbol"]).agg(
        {"open": "first", "high": "max", "low": "min", "close": "last", "volume": "sum"}
    )
    daily = read_frame(own.dataset("synthetic-day"))
    for field in ("open", "high", "low", "close", "volume"):
        assert daily[field].tolist() == day[field].tolist(), field


def test_ticks_lie_within_their_bars(own):
    market = SyntheticMarket(symbols=2, sessions=1, pairs=0, **PLAIN)
    bars = join(list(chunks(Market(market), "intraday")))
    quotes = join(list(chunks(Market(market), "quotes", 30)))
    trades = join(list(chunks(Market(market), "trades", 30)))
    assert (quotes["bid"] < quotes["ask"]).all()
    assert (quotes["bid_size"] > 0).all()
    assert (trades["size"] >= 1).all()
    for ticks, name in ((quotes, "bid"), (trades, "price")):
        assert (np.diff(ticks["ts_event"]) >= 0).all()
        for code in (0, 1):
            own, bar = ticks.take(ticks["code"] == code), bars.take(bars["code"] == code)
            place = np.searchsorted(bar["ts_event"], own["ts_event"])
            middle = (bar["open"] + bar["close"])[place] / 2
            assert np.abs(own[name] / middle - 1).max() < 0.01


def test_splits_keep_the_value_of_a_position():
    market = Market(SyntheticMarket(seed=5, symbols=4, sessions=40, pairs=0, **{**PLAIN, "splits": 4}))
    raw = np.hstack([np.log(path.close) for path in paths(market)])
    assert np.abs(np.diff(logs(market), axis=1)).max() < 0.2
    assert np.abs(np.diff(raw, axis=1)).max() > 0.5
    assert {action.kind for action in market.actions} == {"split"}


def test_late_and_delisted_instruments_have_rows_only_while_they_live():
    market = Market(SyntheticMarket(symbols=6, sessions=20, pairs=1, step=30, late=2, delisted=2))
    rows = join(list(chunks(market, "intraday")))
    session = market.sessions.holding(rows["ts_event"])
    for code in range(6):
        own = session[rows["code"] == code]
        assert (own.min(), own.max()) == (market.first[code], market.last[code])
    assert (market.first > 0).sum() == 2
    assert (market.last < 19).sum() == 2


def test_markets_that_never_close():
    market = Market(SyntheticMarket(symbols=2, sessions=3, pairs=0, calendar="24/7", step=30, **PLAIN))
    rows = join(list(chunks(market, "intraday")))
    expected = load_sessions("24/7", "2019-01-02", "2019-01-04")
    assert rows["ts_event"].max() == expected.close[-1]
    assert market.steps(0) == 48


@pytest.mark.parametrize(
    "wrong", [{"symbols": 1}, {"sessions": 0}, {"pairs": 7}, {"splits": 9}, {"step": 7}, {"half_life": 0}]
)
def test_settings_that_make_no_sense_are_refused(wrong):
    with pytest.raises(DataError, match="expected"):
        SyntheticMarket(**wrong)


def test_frames_for_studies():
    settings = SyntheticMarket(symbols=3, sessions=4, pairs=0, **PLAIN)
    daily, minutes = synthetic_frames(settings), synthetic_frames(settings, "intraday")
    assert list(daily) == ["SYN001", "SYN002", "SYN003"]
    assert daily["SYN001"]["close"].iloc[-1] == minutes["SYN001"]["close"].iloc[-1]
    assert str(minutes["SYN001"].index.tz) == "UTC"
    assert len(daily["SYN001"]) == 4


def test_streaming_writes_what_reading_finds(own, monkeypatch):
    monkeypatch.setattr("lockstep.data.synthetic.build.CHUNK", 2)
    settings = SyntheticMarket(symbols=3, sessions=7, pairs=1, splits=0, late=0, delisted=0)
    manifest = write_synthetic(own, "synthetic-1min", settings)
    rows, whole = read_rows(own.dataset("synthetic-1min")), join(list(chunks(Market(settings), "intraday")))
    assert np.array_equal(rows["close"], whole["close"])
    assert manifest.rows == len(rows) == sum(entry.rows for entry in manifest.instruments)
    assert {entry.first for entry in manifest.instruments} <= set(rows["ts_event"][:10])
