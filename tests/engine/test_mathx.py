"""The engine's exp, log and tanh against 100-digit decimals, and compiled against interpreted bits."""

import math
import os
import subprocess
import sys
from decimal import Decimal, localcontext

import numpy as np
import pytest

from lockstep.engine import mathx
from lockstep.engine.compile import kernel

RNG = np.random.default_rng(7)
NEAR_ZERO = RNG.choice([-1, 1], 400) * 10.0 ** RNG.uniform(-20, 0, 400)
EDGES = np.array([0.0, 1.0, 2.0, 0.5, np.e, np.nextafter(1.0, 2), np.nextafter(1.0, 0), 0.25, 1e-300, 5e-324, 1e-310])
POINTS = {
    "exp": np.concatenate([RNG.uniform(-745, 709.7, 1500), NEAR_ZERO, -EDGES, EDGES]),
    "expm1": np.concatenate([RNG.uniform(-60, 709.7, 1500), NEAR_ZERO, -EDGES, EDGES]),
    "log": np.concatenate([10.0 ** RNG.uniform(-307, 308, 1500), 1 + NEAR_ZERO[abs(NEAR_ZERO) < 0.9], EDGES[1:]]),
    "log1p": np.concatenate(
        [10.0 ** RNG.uniform(-30, 300, 800), RNG.uniform(-0.999, 3, 800), NEAR_ZERO[NEAR_ZERO > -1]]
    ),
    "tanh": np.concatenate([RNG.uniform(-25, 25, 1500), NEAR_ZERO, EDGES]),
    "sigmoid": np.concatenate([RNG.uniform(-700, 700, 1500), NEAR_ZERO, EDGES]),
}
TINY = Decimal("1e-25")  # below it 1 + x leaves too few of the 100 digits; x (1 - x / 2) has 50
EXACT = {
    "exp": lambda x: x.exp(),
    "expm1": lambda x: x.exp() - 1 if abs(x) > TINY else x * (1 + x / 2),
    "log": lambda x: x.ln(),
    "log1p": lambda x: (1 + x).ln() if abs(x) > TINY else x * (1 - x / 2),
    "tanh": lambda x: 1 - 2 / ((2 * x).exp() + 1) if abs(x) > TINY else x,
    "sigmoid": lambda x: 1 / (1 + (-x).exp()),
}
LIMIT_ULP = {"exp": 1, "expm1": 1, "log": 1, "log1p": 1, "tanh": 2, "sigmoid": 2}


def errors_in_ulp(name):
    function = getattr(mathx, name)
    with localcontext() as context:
        context.prec, context.Emin, context.Emax = 100, -9999, 9999
        for x in POINTS[name].tolist():
            exact = EXACT[name](Decimal(x))
            yield float(abs(Decimal(float(function(x))) - exact) / Decimal(math.ulp(float(exact))))


@pytest.mark.parametrize("name", POINTS)
def test_error_stays_below_its_limit(name):
    assert max(errors_in_ulp(name)) < LIMIT_ULP[name]


@pytest.mark.parametrize(
    ("name", "x", "expected"),
    [
        ("exp", math.inf, math.inf), ("exp", -math.inf, 0.0), ("exp", 710.0, math.inf), ("exp", -746.0, 0.0),
        ("exp", -745.13, 5e-324), ("exp", 0.0, 1.0),
        ("expm1", math.inf, math.inf), ("expm1", -math.inf, -1.0), ("expm1", -100.0, -1.0), ("expm1", 710.0, math.inf),
        ("log", 0.0, -math.inf), ("log", -1.0, math.nan), ("log", math.inf, math.inf), ("log", 1.0, 0.0),
        ("log1p", -1.0, -math.inf), ("log1p", -1.5, math.nan), ("log1p", math.inf, math.inf), ("log1p", 0.0, 0.0),
        ("tanh", math.inf, 1.0), ("tanh", -math.inf, -1.0), ("tanh", 30.0, 1.0),
        ("sigmoid", math.inf, 1.0), ("sigmoid", -math.inf, 0.0), ("sigmoid", 0.0, 0.5),
    ],
)  # fmt: skip
def test_edges(name, x, expected):
    np.testing.assert_equal(float(getattr(mathx, name)(x)), expected)


@pytest.mark.parametrize("name", POINTS)
def test_nan_gives_nan(name):
    assert math.isnan(getattr(mathx, name)(math.nan))


@pytest.mark.parametrize("name", ["expm1", "log1p", "tanh"])
def test_sign_of_zero_is_kept(name):
    assert math.copysign(1.0, getattr(mathx, name)(-0.0)) == -1.0


@pytest.mark.parametrize("x", [0.0, -1e308, 5e-324, math.inf, -math.inf, math.nan])
def test_finite(x):
    assert mathx.finite(x) == math.isfinite(x)


@kernel
def _all_values(points, out):
    for i in range(points.size):
        x = points[i]
        out[i, 0], out[i, 1], out[i, 2] = mathx.exp(x), mathx.log(abs(x)), mathx.tanh(x)
        out[i, 3], out[i, 4], out[i, 5] = mathx.expm1(x), mathx.log1p(x), mathx.sigmoid(x)


def values_in_hex():
    points = np.concatenate([values[:300] for values in POINTS.values()])
    out = np.empty((points.size, 6))
    with np.errstate(all="ignore"):
        _all_values(points, out)
    return out.tobytes().hex()


def test_compiled_and_interpreted_bits_are_equal():
    program = f"import runpy; print(runpy.run_path({__file__!r})['values_in_hex']())"
    interpreted = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert interpreted.stdout.strip() == values_in_hex()
