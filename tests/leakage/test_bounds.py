"""Compiled code that reads beyond a column's end, which shows in no other property, is found in the nightly profile."""

import subprocess
import sys

import numpy as np
import pandas as pd
import pytest

from lockstep.research.leaks.guard import guard, guarded
from lockstep.research.leaks.judge import Request, again, judge
from lockstep.research.leaks.suite import Options, check

BEYOND = """
import numba
import numpy as np

@numba.njit
def smoothed(close, limit):
    out = np.empty(len(close))
    for i in range(len(close)):
        out[i] = close[i] if close[i + 1] < limit else -close[i]
    return out

def feature(close):
    return smoothed(close, 1e300)
"""
READER = """
import ctypes
import numpy as np
from lockstep.research.leaks.guard import guarded
column = guarded(np.arange(700.0))
print(ctypes.c_double.from_address(column.ctypes.data + 8 * 699).value, flush=True)
ctypes.c_double.from_address(column.ctypes.data + 8 * 700).value
"""


def test_guarded_column_ends_at_a_page_that_cannot_be_read():
    found = subprocess.run([sys.executable, "-c", READER], capture_output=True, text=True, check=False)
    assert (found.stdout, found.returncode) == ("699.0\n", -11)


def test_guarded_values_are_the_same():
    frame = pd.DataFrame({"close": [1.0, np.nan], "symbol": ["A", "B"]}, index=pd.to_datetime(["2020", "2021"]))
    pd.testing.assert_frame_equal(guard({"A": frame})["A"], frame)
    pd.testing.assert_series_equal(guard(frame["close"]), frame["close"])
    np.testing.assert_array_equal(guarded(np.arange(6).reshape(2, 3)), np.arange(6).reshape(2, 3))
    assert guard((1, "a")) == (1, "a")


@pytest.mark.slow
def test_nightly_profile_finds_a_read_beyond_the_end(workshop, tmp_path):
    (tmp_path / "target_here.py").write_text(BEYOND)
    usual = check("target_here:feature", folder=tmp_path, options=Options(cuts=2), workshop=workshop)
    assert usual.verdict == "clean", usual.reason
    catalog = str(tmp_path / "catalog")
    options = Options(cuts=2, nightly=True)
    found = judge(Request("target_here:feature", catalog=catalog, folder=tmp_path, options=options))
    assert (found.verdict, found.failed) == ("leak", "bounds")
    assert "out of bounds" in found.reason
    assert found.source[0].endswith("target_here.py:13")
    (path,) = tmp_path.glob(".lockstep/leaks/*.json")
    assert again(path).reason == found.reason
