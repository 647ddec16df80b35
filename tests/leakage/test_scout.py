"""A scout finds cuts next to where a function acts once in a while, and none where it never looks ahead."""

import numpy as np
import pandas as pd

from lockstep.research.leaks.scout import Scout

DAY = 86_400_000_000_000


def market(n: int = 500):
    rng = np.random.default_rng(3)
    close = 100 * np.exp(np.cumsum(0.01 * rng.standard_t(3, n)))
    frame = pd.DataFrame(dict.fromkeys(("open", "high", "low", "close"), close) | {"volume": 1e6})
    return {"A": frame}, {"A": np.arange(1, n + 1) * DAY}


def scouted(function, wanted=None):
    def call(frames, known):
        return {("value", symbol): (known[symbol], function(frame).to_numpy()) for symbol, frame in frames.items()}

    search = Scout(call, apart=True, wanted=wanted, seconds=5.0, tolerance=0.0, seed=0)
    return search.search(*market())


def is_shock(frame):
    returns = frame["close"].pct_change()
    return returns.abs() > 3 * returns.rolling(60).std().shift(1)


def after_a_shock(frame):
    returns = frame["close"].pct_change()
    return returns.where(~is_shock(frame), returns.shift(-1))


def test_a_peek_after_a_shock_is_found_at_the_shock():
    finds = scouted(after_a_shock)
    frames, known = market()
    assert finds
    assert {find.cut for find in finds} <= {*known["A"][is_shock(frames["A"])].tolist()}
    assert all(find.ts == find.cut for find in finds)


def test_the_first_row_that_changes_tells_how_far_it_looks():
    assert {find.cut - find.ts for find in scouted(lambda frame: frame["close"].shift(-7))} == {6 * DAY}


def test_what_looks_back_is_never_found():
    assert scouted(lambda frame: frame["close"].rolling(9).mean()) == []


def test_columns_that_nobody_wants_do_not_count():
    assert scouted(lambda frame: frame["close"].shift(-1), wanted=["other"]) == []
