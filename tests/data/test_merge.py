"""Merging in pieces equals sorting the whole, compiled or interpreted."""

import os
import subprocess
import sys
from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from lockstep.data.lifecycle import in_order
from lockstep.data.merge import add_slices, merge, rebatch, whole_groups
from lockstep.data.records import concatenate, insert
from lockstep.engine.events import BAR, EVENT, SESSION_CLOSE, SLICE, SPLIT, TIMER, empty, mark_slices, sort_events


def market(times, instruments):
    events = empty(len(times))
    events["ts_available"] = events["ts_event"] = times
    events["instrument"] = instruments
    events["kind"] = BAR
    events["sequence"] = np.arange(len(times))
    events["close"] = np.arange(len(times)) + 0.5
    return sort_events(events)


def others(times, kinds):
    events = empty(len(times))
    events["ts_available"] = events["ts_event"] = times
    events["kind"] = kinds
    events["sequence"] = np.arange(len(times))
    return sort_events(events)


@st.composite
def streams(draw):
    found = []
    for _ in range(draw(st.integers(1, 3))):
        n = draw(st.integers(0, 30))
        times = draw(st.lists(st.integers(0, 20), min_size=n, max_size=n))
        instruments = draw(st.lists(st.integers(0, 3), min_size=n, max_size=n))
        cuts = sorted(draw(st.lists(st.integers(0, n), max_size=4)))
        found.append((market(times, instruments), cuts))
    return found


@st.composite
def rare_events(draw):
    n = draw(st.integers(0, 8))
    times = draw(st.lists(st.integers(-2, 23), min_size=n, max_size=n))
    kinds = draw(st.lists(st.sampled_from([SPLIT, TIMER, SESSION_CLOSE]), min_size=n, max_size=n))
    return others(times, kinds)


def pieces(events, cuts):
    bounds = [0, *cuts, len(events)]
    return [events[a:b] for a, b in pairwise(bounds) if b > a]


def expected(parts, rare):
    """Sort by the contract's key; where all of it is equal the order of the streams decides."""
    whole = concatenate([*parts, rare])
    stream = np.repeat(np.arange(len(parts) + 1), [len(part) for part in (*parts, rare)])
    keys = (whole["sequence"], stream, whole["instrument"], whole["kind"] // 16, whole["ts_available"])
    return whole[np.lexsort(keys)].view("V80").view(EVENT)


@given(streams(), rare_events())
def test_merging_in_pieces_equals_sorting_the_whole(found, rare):
    merged = list(merge([pieces(events.copy(), cuts) for events, cuts in found], rare, mark=True))
    want = mark_slices(expected([events for events, _ in found], rare))
    assert (concatenate(merged) if merged else empty(0)).tobytes() == want.tobytes()
    assert all(len(piece) for piece in merged)


@given(streams(), rare_events(), st.integers(1, 8))
def test_slices_follow_each_group_after_the_grace(found, rare, grace):
    merged = list(add_slices(merge([pieces(e.copy(), cuts) for e, cuts in found], rare, mark=False), grace))
    events = concatenate(merged) if merged else empty(0)
    slices = events[events["kind"] == SLICE]
    bars = events[events["kind"] == BAR]
    assert np.array_equal(slices["ts_available"], np.unique(bars["ts_available"]) + grace)
    rest = events[events["kind"] != SLICE].view("V80").view(EVENT)
    assert rest.tobytes() == expected([e for e, _ in found], rare).tobytes()
    keys = np.stack([events["ts_available"], events["kind"] // 16])
    assert (np.lexsort(keys[::-1]) == np.arange(len(events))).all()


@given(streams())
def test_groups_of_equal_times_are_never_torn(found):
    events, cuts = found[0]
    whole = list(whole_groups(pieces(events, cuts)))
    assert b"".join(piece.tobytes() for piece in whole) == events.tobytes()
    assert all(a["ts_available"][-1] < b["ts_available"][0] for a, b in pairwise(whole))


def test_records_keep_their_layout():
    """`np.concatenate` and `np.insert` would lay the overlapping fields out anew."""
    events = market([1, 2, 3], [0, 1, 2])
    assert concatenate([events, events[::2]]).dtype == EVENT
    assert insert(events, np.array([1]), events[:1])["ts_event"].tolist() == [1, 1, 2, 3]
    assert in_order([events, others([0], [TIMER])]).dtype == EVENT


def test_batches_are_never_empty():
    assert [len(batch) for batch in rebatch([market([1, 2, 3], [0, 0, 0])], 2)] == [2, 1]


TWIN = """
import hashlib, sys
from lockstep.data.catalog import Catalog
from lockstep.data.feed import Replay
catalog = Catalog(sys.argv[1])
digest = hashlib.sha256()
wanted = [
    {"datasets": ["ohlcv-5", "sp500-index"], "start": "2012-01-01"},
    {"datasets": "synthetic-quotes", "end": "2019-01-02T15:00:00Z"},
]
for options in wanted:
    for grace in (0, 10**9):
        for batch in Replay(catalog, **options, grace_ns=grace):
            digest.update(batch.tobytes())
print(digest.hexdigest())
"""


def test_interpreted_kernels_give_the_same_bytes(catalog):
    digests = []
    for environment in ({"PYTHONHASHSEED": "1"}, {"PYTHONHASHSEED": "2", "NUMBA_DISABLE_JIT": "1"}):
        command = [sys.executable, "-c", TWIN, str(catalog.storage.local)]
        run = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=True)
        digests.append(run.stdout)
    assert digests[0] == digests[1]
