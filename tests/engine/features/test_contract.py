"""What every feature keeps: causality, one kernel for all uses, missing values, warm-up, bounded memory and drift."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lockstep.engine.compile import kernel
from lockstep.engine.features import registry
from lockstep.engine.features.averages import ema_dtype, ema_start, ema_update, sma_dtype, sma_start, sma_update
from lockstep.engine.features.registry import FEATURES, compute
from lockstep.engine.features.runner import runner

EVERY = pytest.mark.parametrize("name", FEATURES)
UNBOUNDED = {
    "ema", "wilder", "dema", "tema", "kama", "rsi", "macd", "ppo", "trix", "atr", "adx", "keltner", "ewma_volatility",
    "obv", "price_volume_trend", "accumulation_distribution", "force_index",
}  # fmt: skip


def small(name):
    """Short windows, all different, so that little data makes every feature warm and wraps its rings many times."""
    whole = [key for key, bounds in FEATURES[name].params.items() if isinstance(bounds.default, int)]
    if name == "half_life":  # over few bars anything may seem not to revert
        return {"window": 30}
    return {key: int(max(FEATURES[name].params[key].low, 5 + 2 * k)) for k, key in enumerate(whole)}


def rows(bars, n):
    return {key: values[:n].copy() for key, values in bars.items()}


def same_bits(a, b):
    return a.tobytes() == b.tobytes()


@EVERY
def test_later_inputs_change_no_earlier_output(name, bars):
    columns = rows(bars, 160)
    before = compute(name, columns, **small(name))
    rng = np.random.default_rng(1)
    for cut in (159, 120, 1):
        for values in columns.values():
            values[cut:] *= rng.uniform(0.5, 2.0, 160 - cut)
        after = compute(name, columns, **small(name))
        assert same_bits(before[:cut], after[:cut])
    assert not same_bits(before, after)


@EVERY
def test_one_by_one_gives_what_arrays_give(name, bars):
    feature, columns = FEATURES[name], rows(bars, 90)
    states = registry.begin(name, **small(name))
    inputs = zip(*(columns[key].tolist() for key in feature.inputs), strict=True)
    one_by_one = np.array([feature.update(states[0], *values) for values in inputs])
    assert same_bits(one_by_one, compute(name, columns, **small(name)))


@EVERY
def test_state_carries_over_a_cut(name, bars):
    feature, n, cut = FEATURES[name], 120, 67
    columns = [bars[key][:n] for key in feature.inputs]
    states, out = registry.begin(name, **small(name)), np.empty((n, len(feature.outputs)))
    loop = runner(feature.update, len(feature.inputs), len(feature.outputs))
    loop(states, *(c[:cut] for c in columns), out[:cut])
    restored = np.frombuffer(states.tobytes(), states.dtype).copy()
    loop(restored, *(c[cut:] for c in columns), out[cut:])
    assert same_bits(out, compute(name, rows(bars, n), **small(name)))


@EVERY
@pytest.mark.parametrize("missing", [np.nan, np.inf, -np.inf])
def test_a_missing_input_gives_nan_and_leaves_the_state(name, missing, bars):
    n, gaps = 140, [0, 1, 40, 41, 90, 139]
    kept = np.setdiff1d(np.arange(n), gaps)
    for key in FEATURES[name].inputs:
        columns = rows(bars, n)
        columns[key][gaps] = missing
        out = compute(name, columns, **small(name))
        assert np.isnan(out[gaps]).all()
        assert same_bits(out[kept], compute(name, {k: v[kept] for k, v in columns.items()}, **small(name)))


@EVERY
@pytest.mark.parametrize("defaults", [True, False])
def test_first_value_comes_exactly_when_warm(name, defaults, bars):
    params = {} if defaults else small(name)
    out = compute(name, bars, **params).reshape(600, -1)
    warm = registry.warmup(name, **params)
    assert np.isnan(out[: warm - 1]).all()
    assert np.isfinite(out[warm - 1]).all()
    assert np.isfinite(out[warm - 1 :]).mean() > 0.98


@pytest.mark.parametrize("name", sorted(set(FEATURES) - UNBOUNDED))
def test_what_left_the_window_leaves_no_trace(name, bars):
    clean, shocked = rows(bars, 300), rows(bars, 300)
    for values in shocked.values():
        values[50:52] *= 1e7
    warm = registry.warmup(name, **small(name))
    a, b = compute(name, clean, **small(name)), compute(name, shocked, **small(name))
    assert same_bits(a[52 + warm :], b[52 + warm :])


FAR = 1e9


def distance(x):
    return (x - FAR).astype(np.longdouble)


def exact_std(x):
    return distance(x).std(ddof=1)


@pytest.mark.parametrize(
    ("name", "exact", "tolerance"),
    [
        ("sma", lambda x: FAR + distance(x).mean(), 1e-15),
        ("wma", lambda x: FAR + np.average(distance(x), weights=np.arange(1, x.size + 1)), 1e-15),
        ("rolling_std", exact_std, 1e-13),
        ("zscore", lambda x: (distance(x)[-1] - distance(x).mean()) / exact_std(x), 1e-13),
    ],
)
def test_a_million_steps_far_from_zero_do_not_drift(name, exact, tolerance):
    x = FAR + np.random.default_rng(5).normal(size=1_000_000)
    out = compute(name, {"close": x, "x": x}, window=47)
    for end in (999_000, 999_983, 1_000_000):
        np.testing.assert_allclose(out[end - 1], float(exact(x[end - 47 : end])), rtol=tolerance)


def test_a_running_total_does_not_drift():
    n = 1_000_000
    bars = {"high": np.full(n, 2.0), "low": np.full(n, 1.0), "close": np.full(n, 2.0), "volume": np.full(n, 0.1)}
    out = compute("accumulation_distribution", bars)
    np.testing.assert_allclose(out, np.arange(1, n + 1) * 0.1, rtol=4e-16)


def digests():
    """Outputs and final state of every feature, in hex."""
    bars = sys.modules["bars_of_features"].make_bars(150)
    found = {}
    for name, feature in FEATURES.items():
        states, out = registry.begin(name, **small(name)), np.empty((150, len(feature.outputs)))
        with np.errstate(all="ignore"):
            runner(feature.update, len(feature.inputs), len(feature.outputs))(
                states, *(bars[k] for k in feature.inputs), out
            )
        found[name] = hashlib.sha256(out.tobytes() + states.tobytes()).hexdigest()
    return found


def test_compiled_and_interpreted_bytes_are_equal():
    program = f"""
import importlib.util, json, sys
def load(name, path):
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
load("bars_of_features", {str(Path(__file__).with_name("conftest.py"))!r})
print(json.dumps(load("contract", {__file__!r}).digests()))
"""

    def ask(**environment):
        return json.loads(
            subprocess.check_output([sys.executable, "-c", program], env=os.environ | environment, text=True)
        )

    compiled, interpreted = ask(), ask(NUMBA_DISABLE_JIT="1")
    assert [name for name in FEATURES if compiled[name] != interpreted[name]] == []


@EVERY
def test_field_names_are_not_those_of_numpys_methods(name):
    def names(dtype):
        found = list(dtype.names or ())
        return found + [inner for field in found for inner in names(dtype[field].base)]

    assert not set(names(registry.state_dtype(name))) & set(dir(np.zeros(1, "V1").view(np.recarray)[0]))


def test_states_nest_in_a_strategys_rows(bars):
    row = np.dtype([("fast", sma_dtype(64)), ("slow", ema_dtype()), ("position", "<i8")])
    wide = np.zeros(3, row)

    @kernel
    def absorb(rows, prices, out):
        for i in range(rows.shape[0]):
            sma_start(rows[i].fast, 5 + i)
            ema_start(rows[i].slow, 20)
        for j in range(prices.size):
            for i in range(rows.shape[0]):
                out[j, i] = sma_update(rows[i].fast, prices[j]) - ema_update(rows[i].slow, prices[j])

    out = np.empty((200, 3))
    absorb(wide, bars["close"][:200], out)
    for i in range(3):
        columns = rows(bars, 200)
        expected = compute("sma", columns, window=5 + i) - compute("ema", columns, window=20)
        assert same_bits(out[:, i].copy(), expected)
