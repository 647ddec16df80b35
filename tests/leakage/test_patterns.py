"""The pre-check names patterns with their line, keeps quiet on their causal counterparts, and imports nothing."""

import pytest

from lockstep.research.leaks.patterns import scan, scan_text
from lockstep.research.leaks.sources import files_of

HEAD = "import datetime as dt\nimport random\nimport time\nimport numpy as np\nimport pandas as pd\n"
LEAKING = {
    "negative shift": ["x = close.shift(-1)", "x = close.pct_change(periods=-h)", "x = np.roll(close, -1)"],
    "centred window": ["x = close.rolling(5, center=True).mean()"],
    "back-fill": [
        "x = f.bfill()",
        "x = f.fillna(method='backfill')",
        "x = f.reindex(i, method='bfill')",
        "x = f.interpolate()",
    ],
    "forward merge": ["x = pd.merge_asof(a, b, direction='nearest')"],
    "two-sided filter": ["from scipy import signal\nx = signal.filtfilt(b, a, close)"],
    "full-sample normalisation": [
        "x = (close - close.mean()) / close.std()",
        "x = close / close.max()",
        "x = close - np.mean(close)",
        "x = bars['close'] / bars['close'].max()",
    ],
    "full-sample fit": ["m = scaler.fit_transform(bars)", "m = arch_model(returns).fit(disp='off')"],
    "wall clock": ["x = time.time()", "x = dt.datetime.now()", "x = pd.Timestamp('today')", "x = pd.Timestamp.now()"],
    "unseeded random numbers": [
        "x = np.random.default_rng()",
        "x = np.random.normal(0, 1)",
        "x = random.random()",
        "from sklearn.ensemble import RandomForestClassifier\nx = RandomForestClassifier(n_estimators=5)",
    ],
}
CAUSAL = [
    "x = close.shift(1)",
    "x = close.pct_change()",
    "x = np.diff(close)",
    "x = close.rolling(5).mean()",
    "x = f.ffill()",
    "x = pd.merge_asof(a, b, direction='backward')",
    "x = (close - close.rolling(20).mean()) / close.rolling(20).std()",
    "x = close / close.expanding().max()",
    "x = frame.sub(frame.mean(axis=1), axis=0)",
    "x = frame - frame.mean(axis=1)",
    "x = weights / weights.sum()",
    "x = close[-20:] - close[-20:].mean()",
    "def f(asof, parameters):\n    c = asof.bars('A', 50)['close']\n    return {'m': model.fit(c - c.mean())}",
    "class S:\n    def on_bar(self, bar):\n        c = self.history(bar.symbol, 20)\n        z = c - c.mean()",
    "for t in range(9):\n    m = model.fit(x[:t], y[:t])",
    "def f(x, t):\n    train = x.iloc[:t]\n    return model.fit(train)",
    "x = time.perf_counter()",
    "x = pd.Timestamp('2020-01-01')",
    "x = dt.datetime(2020, 1, 1)",
    "x = np.random.default_rng(7).normal()",
    "np.random.seed(1)\nx = np.random.normal()",
    "from sklearn.ensemble import RandomForestClassifier\nx = RandomForestClassifier(random_state=0)",
]


@pytest.mark.parametrize(("pattern", "text"), [(p, t) for p, texts in LEAKING.items() for t in texts])
def test_a_pattern_is_named_with_its_line(pattern, text):
    found = scan_text(HEAD + text)
    assert [each.pattern for each in found] == [pattern] * len(found)
    assert found
    assert {each.line for each in found} == {len((HEAD + text).splitlines())}


@pytest.mark.parametrize("text", CAUSAL)
def test_causal_code_is_not_spoken_of(text):
    assert scan_text(HEAD + text) == []


def test_the_files_of_a_target_are_found_without_importing_them(tmp_path):
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "__init__.py").touch()
    (tmp_path / "mine" / "mod.py").write_text("from .tools import lead\nimport numpy\nraise SystemExit\n")
    (tmp_path / "mine" / "tools.py").write_text("def lead(x):\n    return x.shift(-3)\n")
    files = files_of("mine.mod:Strategy", folder=tmp_path)
    assert [file.name for file in files] == ["mod.py", "tools.py"]
    assert [str(each).split(": ")[0] for each in scan(files)] == [f"{tmp_path}/mine/tools.py:2"]


def test_a_scenario_s_strategies_are_read():
    assert [file.name for file in files_of("sma-cross")] == ["sma_cross.py"]


@pytest.mark.parametrize("room", ["engine", "strategies", "scenarios"])
def test_what_decides_in_lockstep_gives_no_false_alarm(room):
    from lockstep.engine.fingerprint import PACKAGE

    assert scan(sorted((PACKAGE / room).rglob("*.py"))) == []
