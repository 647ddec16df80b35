"""Whatever door code looks at the wall clock through, a run under a wrong one shows it."""

import json
import platform
import subprocess
import sys
import textwrap

import pytest

from lockstep.research.leaks.suite import Options, check

YEARS = -400 * 86_400
DOORS = (
    "time.time()",
    "time.time_ns() / 1e9",
    "time.mktime(time.localtime())",
    "calendar.timegm(time.gmtime())",
    "datetime.datetime.now().timestamp()",
    "datetime.datetime.now(datetime.UTC).timestamp()",
    "time.mktime(datetime.date.today().timetuple())",
)
COMPILED = (
    "np.datetime64('now').astype('datetime64[s]').astype(int)",
    "np.datetime64('today').astype('datetime64[s]').astype(int)",
    "np.array('now', 'datetime64[s]').astype(int)",
    "pd.Timestamp.now('UTC').timestamp()",
    "pd.Timestamp.today().timestamp()",
    "pd.Timestamp('now', tz='UTC').timestamp()",
    "pd.to_datetime('now', utc=True).timestamp()",
    "pd.Period.now('D').start_time.timestamp()",
    "duckdb.sql('select now()').fetchall()[0][0].timestamp()",
)
LINUX = pytest.mark.skipif(platform.system() != "Linux", reason="compiled code asks a clock that is turned on Linux")
SHOWN = """
import calendar, datetime, json, sys, time
import duckdb, numpy as np, pandas as pd
from lockstep.research.leaks.clock import SHIFT
doors = json.loads(sys.argv[1])
before = [float(eval(door)) for door in doors]
SHIFT(int(sys.argv[2]))
print(json.dumps([float(eval(door)) - was for door, was in zip(doors, before, strict=True)]))
"""


def moved(doors, shift):
    command = [sys.executable, "-c", SHOWN.replace("SHIFT", shift), json.dumps(doors), str(YEARS)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


@LINUX
def test_system_clock_is_turned_for_all_doors():
    assert [abs(by - YEARS) < 86_400 + 60 for by in moved(DOORS + COMPILED, "shift_clock")] == [True] * 16


def test_doors_of_python_are_turned_where_the_system_clock_cannot_be():
    assert [abs(by - YEARS) < 86_400 + 60 for by in moved(DOORS, "_shift_doors")] == [True] * 7


@LINUX
@pytest.mark.parametrize("now", ["np.datetime64('now').astype('M8[D]').astype(int)", "pd.Timestamp('now').dayofyear"])
def test_feature_that_asks_compiled_code_for_the_time(workshop, tmp_path, now):
    source = f"""
        import numpy as np
        import pandas as pd
        def feature(bars):
            return bars["close"].rolling(5).mean() * ({now})
    """
    (tmp_path / "target_here.py").write_text(textwrap.dedent(source))
    verdict = check("target_here:feature", folder=tmp_path, options=Options(cuts=2), workshop=workshop)
    assert (verdict.verdict, verdict.failed) == ("leak", "clock")
    assert "depend on the wall clock" in verdict.reason
