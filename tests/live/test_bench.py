"""The live benchmark measures what it says: the same decisions with and without a journal, all of it journalled."""

import json
import sqlite3

from lockstep.live import bench, bench_feed
from lockstep.live.journal.writing import FILE

SLICES = 40


def test_journal_changes_no_decision_and_holds_every_row(tmp_path):
    plain, bare = bench.one_by_one(SLICES)
    journal = bench._journal(tmp_path)
    kept, rig = bench.one_by_one(SLICES, journal)
    journal.close()
    assert plain.orders == kept.orders > 200
    assert bare.core.world.digest == rig.core.world.digest
    assert plain.count == (SLICES - bench.WARM) * bench.SYMBOLS
    # A bar and an end for each slice, and two updates for each order.
    rows = SLICES * (bench.SYMBOLS + 1) + 2 * kept.orders
    with sqlite3.connect(tmp_path / FILE) as connection:
        assert connection.execute("SELECT sum(count) FROM batches").fetchone() == (rows,)
    header = rig.core.world.header
    assert (int(header.count_orders), int(header.count_fills)) == (kept.orders, kept.orders)


def test_every_stage_is_measured():
    rows = list(bench.measure(SLICES, 3))
    assert [row.stage for row in rows] == ["core", "journalled", "stream", "intent"]
    for row in rows:
        assert 0 < row.p50_us <= row.p99_us <= row.highest_us
        assert row.per_second > 0
        assert json.loads(json.dumps(row.to_json()))["count"] == row.count
        assert row.stage in bench.told(row)
    assert rows[2].count == (SLICES - bench.WARM) * (bench.SYMBOLS + 1)


def test_a_feed_is_traded_and_its_lateness_told():
    row = bench_feed.measure_feed(16, rate=100, symbols=4)
    assert (row.symbols, row.replay) == (4, "identical")
    assert 50 < row.count <= 390 * 4
    assert row.per_second > 20
    assert 0.0 <= min(row.late_first_ms, row.late_last_ms) <= row.late_p99_ms
    assert json.loads(json.dumps(row.to_json()))["count"] == row.count
    assert "identical" in bench_feed.told_feed(row)
