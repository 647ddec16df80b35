"""The fixture in a user's repository: a clean strategy passes, a leaking one fails with the verdict's sentences."""

import json
import sys
from pathlib import Path

import pytest

from lockstep.engine.cache import cache_base

pytest_plugins = "pytester"
KERNELS = cache_base()
LOCKSTEP = Path(sys.executable).with_name("lockstep")

PROJECT = {
    "causal": """
from lockstep.engine.python_strategy import Strategy

class Rising(Strategy):
    def on_bar(self, bar):
        closes = self.history(bar.symbol, 5)
        self.target(bar.symbol, 10 if bar.close > closes.mean() else 0)
""",
    "peeking": """
from lockstep.engine.python_strategy import Strategy

class Tomorrow(Strategy):
    @staticmethod
    def features(bars):
        return (bars["close"].shift(-1) > bars["close"]).astype(float).rename("up")

    def on_bar(self, bar):
        self.target(bar.symbol, 10 if self.feature("up", bar.symbol) > 0 else 0)
""",
    "test_mine": """
def test_causal(leak_check):
    verdict = leak_check("causal:Rising", budget="60s")
    assert verdict.decisions > 100

def test_peeking(leak_check):
    leak_check("peeking:Tomorrow", budget="60s")
""",
}


@pytest.mark.slow
def test_a_clean_strategy_passes_and_a_leaking_one_fails_with_its_verdict(pytester, monkeypatch):
    if KERNELS is not None:  # pytester has another home, without compiled kernels
        monkeypatch.setenv("LOCKSTEP_CACHE", str(KERNELS.parent))
    pytester.makepyfile(**PROJECT)
    found = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    found.assert_outcomes(passed=1, failed=1)
    found.stdout.fnmatch_lines(
        [
            "*leak peeking:Tomorrow, expected clean: features * looks 1 ahead*",
            "*peek*exact: 1 events, *",
            "*look at*peeking.py:6: negative shift*",
            "*again*lockstep leaks --again *",
        ]
    )
    (reproducer,) = (pytester.path / ".lockstep" / "leaks").glob("*.json")
    plain = json.loads(reproducer.read_text())
    reproducer.write_text(json.dumps({**plain, "seconds": 20.0}))
    again = pytester.run(LOCKSTEP, "leaks", "--again", reproducer, "--json")
    assert again.ret == 7
    verdict = json.loads(again.outlines[0])
    assert (verdict["verdict"], verdict["ts"]) == ("leak", plain["shown"]["ts"])
    assert verdict["command"].endswith(reproducer.name)
    # The same comparison of mended code shows nothing, and says how little that proves.
    mended = (pytester.path / "peeking.py").read_text().replace("shift(-1) >", "shift(1) >")
    (pytester.path / "peeking.py").write_text(mended)
    gone = pytester.run(LOCKSTEP, "leaks", "--again", reproducer, "--json")
    assert gone.ret == 0
    assert "one comparison alone" in json.loads(gone.outlines[0])["notes"][-1]
