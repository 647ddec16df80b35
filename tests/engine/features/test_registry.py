"""The registry: what it refuses, what it makes, and the page made from it."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from lockstep.engine.errors import ConfigError
from lockstep.engine.features.registry import FEATURES, THEMES, compute, find, parameters, state_dtype

ROOT = Path(__file__).resolve().parents[3]


def test_names_are_unique():
    assert len(FEATURES) == sum(len(features) for features in THEMES.values()) >= 50


@pytest.mark.parametrize("name", FEATURES)
def test_every_description_is_complete(name):
    feature = find(name)
    assert feature.formula
    assert feature.source
    assert feature.unit
    assert feature.update.__doc__
    assert all(bounds.low <= bounds.default <= bounds.high for bounds in feature.params.values())
    assert all(type(bounds.low) is type(bounds.default) for bounds in feature.params.values())


def test_states_at_the_limits_of_parameters_start():
    # Interpreted: to compile each start for its largest ring takes a minute.
    program = """
from lockstep.engine.features.registry import FEATURES, begin
for name, feature in FEATURES.items():
    for edge in ("low", "high"):
        begin(name, **{key: getattr(bounds, edge) for key, bounds in feature.params.items()})
print("started")
"""
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    assert subprocess.check_output([sys.executable, "-c", program], env=environment, text=True) == "started\n"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"window": 0}, r"feature sma: window is 0, expected a whole number from 1 to 4096"),
        ({"window": 4097}, r"window is 4097"),
        ({"window": 2.5}, r"window is 2\.5, expected a whole number"),
        ({"window": float("nan")}, r"window is nan"),
        ({"window": True}, r"window is True \(bool\)"),
        ({"window": "20"}, r"window is '20' \(str\)"),
        ({"span": 20}, r"feature sma: parameter 'span' does not exist; expected window"),
    ],
)
def test_wrong_parameters_are_refused(params, message):
    with pytest.raises(ConfigError, match=message):
        compute("sma", {"close": np.ones(3)}, **params)


def test_parameters_of_a_feature_without_any():
    with pytest.raises(ConfigError, match="parameter 'window' does not exist; expected none"):
        parameters("obv", window=3)


def test_whole_floats_and_numpy_numbers_are_taken():
    assert parameters("bollinger", window=np.int32(9), width=3) == {"window": 9, "width": 3.0}
    assert [type(value) for value in parameters("bollinger", window=9.0).values()] == [int, float]


def test_unknown_feature_names_its_neighbours():
    with pytest.raises(ConfigError, match=r"feature 'smma' does not exist; .*sma"):
        find("smma")


def test_missing_column_is_named():
    with pytest.raises(ConfigError, match=r"feature vwma: column 'volume' is missing; .*got close"):
        compute("vwma", {"close": np.ones(3)})


@pytest.mark.parametrize("shape", [(4,), (3, 1)])
def test_columns_of_different_shapes_are_refused(shape):
    with pytest.raises(ConfigError, match="expected one and the same"):
        compute("vwma", {"close": np.ones(3), "volume": np.ones(shape)})


def test_inputs_are_converted_and_left_alone():
    close = np.arange(60, dtype=np.int64)
    out = compute("sma", {"close": close[::2]}, window=3)
    np.testing.assert_allclose(out[2:], np.arange(2, 58, 2))
    assert close.dtype == np.int64


@pytest.mark.parametrize(("name", "shape"), [("sma", (0,)), ("macd", (0, 3))])
def test_no_rows_give_no_rows(name, shape):
    assert compute(name, {"close": np.empty(0)}).shape == shape


@pytest.mark.parametrize(("window", "places"), [(1, 64), (64, 64), (65, 128), (4096, 4096)])
def test_rings_take_powers_of_two(window, places):
    assert state_dtype("rolling_max", window=window)["ring"].shape == (places,)


def test_the_page_of_features_is_current():
    make = runpy.run_path(str(ROOT / "docs" / "make_features.py"))
    assert make["page"]() == (ROOT / "docs" / "features.md").read_text(encoding="utf-8"), "run docs/make_features.py"
