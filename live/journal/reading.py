"""Reading a journal, beside a session that writes it or after it."""

import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockstep.engine import records as r
from lockstep.engine.errors import ConfigError
from lockstep.engine.events import EVENT, Events
from lockstep.live.core import Digest

from .schema import chained, checks
from .writing import FILE, check_version, unpacked


class Batch(NamedTuple):
    """Rows that were committed together.

    `sound` says whether their hash still follows on the batch before, `altered` which row is no longer what it was
    (-1: none that can be told).
    """

    first: int
    wall: int
    events: Events
    sound: bool
    altered: int


class Ack(NamedTuple):
    """What became of an intent."""

    key: str
    outcome: str
    broker_id: str
    detail: str
    body: str
    wall: int


class Stored(NamedTuple):
    """An intent as it was written."""

    key: str
    number: int
    order_id: int
    action: str
    body: dict[str, Any]
    ts: int
    wall: int


class Snapshot(NamedTuple):
    """The state before row `number`."""

    number: int
    digest: str
    fingerprint: str
    core: bytes
    session: dict[str, Any]


class Reader:
    """A journal, read only.

    Parameters
    ----------
    folder : Path
        The run's folder.

    Raises
    ------
    ConfigError
        If it holds no journal, or one of another version.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE
        if not self.path.is_file():
            raise ConfigError(f"{folder} holds no journal ({FILE}); name the folder of a live run")
        self._connection = sqlite3.connect(self.path, isolation_level=None, check_same_thread=False)
        self._connection.execute("PRAGMA query_only=ON")
        check_version(self._connection, self.path)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def meta(self) -> dict[str, Any]:
        """Return what the journal says of its run."""
        return {key: json.loads(value) for key, value in self._connection.execute("SELECT key, value FROM meta")}

    def batches(self, start: int = 0) -> Iterator[Batch]:
        """Yield the rows from number `start` on, as they were committed; `start` must be the first of a batch."""
        before = self._connection.execute(
            "SELECT chain FROM batches WHERE first < ? ORDER BY first DESC LIMIT 1", (start,)
        ).fetchone()
        chain, expected = bytes(before[0]) if before else b"", start
        query = "SELECT first, count, wall, chain, checks, rows FROM batches WHERE first >= ? ORDER BY first"
        for first, count, wall, stored, told, rows in self._connection.execute(query, (start,)):
            found = chained(chain, rows)
            sound = found == stored and first == expected and len(rows) == count * EVENT.itemsize
            whole = len(rows) // EVENT.itemsize * EVENT.itemsize
            altered = -1 if sound else _first_altered(rows[:whole], told)
            yield Batch(first, wall, np.frombuffer(rows[:whole], EVENT), sound, altered)
            chain, expected = bytes(stored), first + count

    def payload(self, number: int) -> bytes:
        """Return the bytes of what the hand-over in a row brought; none where it is missing."""
        row = self._connection.execute("SELECT payload FROM results WHERE number = ?", (number,)).fetchone()
        return bytes(row[0]) if row else b""

    def result(self, number: int) -> dict[str, NDArray[Any]] | None:
        """Return what the hand-over in a row brought."""
        payload = self.payload(number)
        return unpacked(payload) if payload else None

    def digests(self, start: int = 0) -> Iterator[Digest]:
        """Yield the digests of rows from number `start` on."""
        query = "SELECT number, ts, orders, marks, equity FROM digests WHERE number >= ? ORDER BY number"
        for number, ts, orders, marks, equity in self._connection.execute(query, (start,)):
            yield Digest(number, ts, int(orders, 16), int(marks, 16), equity)

    def intents(self) -> Iterator[Stored]:
        """Yield all intents in the order in which they came up."""
        query = "SELECT key, number, order_id, action, body, ts, wall FROM intents ORDER BY number, wall, key"
        for key, number, order_id, action, body, ts, wall in self._connection.execute(query):
            yield Stored(key, number, order_id, action, json.loads(body), ts, wall)

    def acks(self) -> Iterator[Ack]:
        """Yield all answers in the order in which they came."""
        query = "SELECT key, outcome, broker_id, detail, body, wall FROM acks ORDER BY id"
        yield from (Ack._make(row) for row in self._connection.execute(query))

    def updates(self) -> Iterator[tuple[int, str, int]]:
        """Yield order events as the broker told them: number of the next row then, text, wall clock."""
        yield from self._connection.execute("SELECT number, body, wall FROM updates ORDER BY id")

    def oddities(self) -> Iterator[tuple[str, str, int]]:
        """Yield what could not be understood: what it was, text, wall clock."""
        yield from self._connection.execute("SELECT what, body, wall FROM oddities ORDER BY id")

    def timings(self) -> NDArray[np.int64]:
        """Return an (n, 6) array of the times of intents, monotonic ns: see `Journal.note_timing`."""
        query = "SELECT received, journalled, decided, intended, sent, answered FROM timings"
        return np.array(self._connection.execute(query).fetchall(), np.int64).reshape(-1, 6)

    def logs(self, name: str) -> NDArray[Any]:
        """Return one of the engine's logs, `records.LOGS`."""
        rows = self._connection.execute("SELECT rows FROM logs WHERE name = ? ORDER BY id", (name,)).fetchall()
        return np.frombuffer(b"".join(row[0] for row in rows), r.LOGS[name])

    def snapshot(self, fingerprint: str) -> Snapshot | None:
        """Return the last snapshot that was made by the same code."""
        query = "SELECT number, digest, fingerprint, core, session FROM snapshots ORDER BY number DESC"
        for number, digest, made_by, core, session in self._connection.execute(query):
            if made_by == fingerprint:
                return Snapshot(number, digest, made_by, core, json.loads(session))
        return None

    def counts(self) -> dict[str, int]:
        """Return how many rows each table has."""
        tables = ("batches", "results", "digests", "intents", "acks", "updates", "oddities", "snapshots")
        return {name: self._connection.execute(f"SELECT count(*) FROM {name}").fetchone()[0] for name in tables}


def _first_altered(rows: bytes, told: bytes) -> int:
    found = np.frombuffer(checks(rows, EVENT.itemsize), "<u4")
    known = np.frombuffer(told, "<u4")
    n = min(len(found), len(known))
    differing = np.flatnonzero(found[:n] != known[:n])
    if len(differing):
        return int(differing[0])
    return -1 if len(found) == len(known) else n
