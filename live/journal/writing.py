"""Writing the journal.

1. `append` commits rows, and whatever was noted since, in one transaction with ``synchronous=NORMAL``: they survive
   the death of the process. Rows are written before they are applied.
2. `intend` commits intentions with ``synchronous=FULL``: they survive power loss. They are written before anything is
   sent.
3. Everything else (digests, answers, logs) is noted in memory and rides along with the next commit: it can be told
   anew, by replaying or by asking the broker.
"""

import contextlib
import fcntl
import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from lockstep.engine.errors import ConfigError, EngineError
from lockstep.live import clock, points
from lockstep.live.core import Digest
from lockstep.live.rows import SIZE, Rows

from .schema import TABLES, VERSION, chained, checks, layout

FILE = "journal.sqlite"
KEPT_SNAPSHOTS = 2


class Intent(NamedTuple):
    """What is about to be asked of the broker, under the key by which it can be found again.

    `action` is ``submit``, ``cancel`` or ``replace``; `body` what is sent; `ts` the exchange time of the decision.
    """

    key: str
    number: int
    order_id: int
    action: str
    body: Mapping[str, Any]
    ts: int


def connect(path: Path) -> sqlite3.Connection:
    """Open a journal's file as reader and writer want it."""
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA synchronous=NORMAL")
    connection.execute("PRAGMA wal_autocheckpoint=4000")
    connection.execute("PRAGMA busy_timeout=10000")
    return connection


def packed(result: Mapping[str, Any]) -> bytes:
    """Return a job's result as bytes."""
    file = BytesIO()
    np.savez(file, **{name: np.asarray(value) for name, value in result.items()})
    return file.getvalue()


def sealed(payload: bytes) -> int:
    """Return a hash of a result's bytes that fits into its row."""
    return int.from_bytes(blake2b(payload, digest_size=8).digest(), "little", signed=True)


def unpacked(payload: bytes) -> dict[str, NDArray[Any]]:
    """Return a job's result from its bytes."""
    with np.load(BytesIO(payload), allow_pickle=False) as arrays:
        return {name: arrays[name] for name in arrays.files}


class Journal:
    """A journal being written; one process at a time.

    Parameters
    ----------
    folder : Path
        The run's folder.
    meta : mapping or None
        What a new journal says of its run; None opens one that is there.

    Raises
    ------
    ConfigError
        If it is not there, is there already, is in use, or is of another version.
    """

    def __init__(self, folder: Path, meta: Mapping[str, Any] | None = None) -> None:
        self.path = folder / FILE
        if meta is None and not self.path.is_file():
            raise ConfigError(f"{folder} holds no journal ({FILE}); name the folder of a live run")
        if meta is not None and self.path.exists():
            raise ConfigError(f"{self.path} is there already; resume that run, or choose another folder")
        self._lock = _locked(folder)
        self._notes: list[tuple[str, tuple[Any, ...]]] = []
        if meta is not None:
            _create(self.path, meta)
        self._connection = connect(self.path)
        check_version(self._connection, self.path)
        row = self._connection.execute(
            "SELECT first + count, chain FROM batches ORDER BY first DESC LIMIT 1"
        ).fetchone()
        self.number, self.chain = (int(row[0]), bytes(row[1])) if row else (0, b"")

    def _full(self, statement: str, rows: Iterable[Sequence[Any]]) -> None:
        """Commit rows of one table so that they survive power loss, with all that was noted."""
        connection = self._connection
        connection.execute("PRAGMA synchronous=FULL")
        try:
            self._commit([(statement, tuple(row)) for row in rows])
        finally:
            connection.execute("PRAGMA synchronous=NORMAL")

    def _commit(self, statements: list[tuple[str, tuple[Any, ...]]]) -> None:
        notes, self._notes = self._notes, []
        connection = self._connection
        connection.execute("BEGIN IMMEDIATE")
        try:
            for statement, values in (*statements, *notes):
                connection.execute(statement, values)
        except BaseException as failure:
            connection.execute("ROLLBACK")
            self._notes = notes + self._notes
            raise failure
        connection.execute("COMMIT")

    def append(self, rows: Rows) -> None:
        """Commit all rows of the buffer, and what was noted since the last commit.

        Raises
        ------
        EngineError
            If they do not follow on the rows that are there.
        """
        if rows.first != self.number:
            raise EngineError(f"rows from {rows.first} on do not follow the journal's {self.number}; this is a defect")
        points.reach("rows-before")
        part = bytes(rows.bytes[: rows.n * SIZE])
        chain = chained(self.chain, part)
        values = (rows.first, rows.n, clock.now(), chain, checks(part, SIZE), part)
        insert = ("INSERT INTO batches VALUES (?, ?, ?, ?, ?, ?)", values)
        if self._notes:
            self._commit([insert])
        else:
            self._connection.execute(*insert)
        self.chain, self.number = chain, rows.first + rows.n
        points.reach("rows-after")

    def note_result(self, number: int, payload: bytes) -> None:
        """Note what the hand-over in row `number`, not yet appended, brings."""
        self._notes.append(("INSERT INTO results VALUES (?, ?)", (number, payload)))

    def note_digests(self, digests: Iterable[Digest]) -> None:
        """Note digests; those that are there already stay."""
        insert = "INSERT OR IGNORE INTO digests VALUES (?, ?, ?, ?, ?)"
        for d in digests:
            self._notes.append((insert, (d.number, d.ts, f"{d.orders:016x}", f"{d.marks:016x}", d.equity)))

    def note_update(self, number: int, body: str) -> None:
        """Note an order event as the broker told it, and the number of the row that it became, or would have."""
        self._notes.append(("INSERT INTO updates (number, body, wall) VALUES (?, ?, ?)", (number, body, clock.now())))

    def note_oddity(self, what: str, body: str) -> None:
        """Note what could not be understood."""
        self._notes.append(("INSERT INTO oddities (what, body, wall) VALUES (?, ?, ?)", (what, body, clock.now())))

    def note_logs(self, number: int, logs: Mapping[str, NDArray[Any]]) -> None:
        """Note what the engine logged up to row `number`."""
        self._notes += [
            ("INSERT INTO logs (number, name, rows) VALUES (?, ?, ?)", (number, name, rows.tobytes()))
            for name, rows in logs.items()
            if len(rows)
        ]

    def note_timing(self, key: str, times: Sequence[int]) -> None:
        """Note when an intent's event came in, was journalled, decided, intended, sent, answered (monotonic ns)."""
        self._notes.append(("INSERT OR REPLACE INTO timings VALUES (?, ?, ?, ?, ?, ?, ?)", (key, *times)))

    def intend(self, intents: Sequence[Intent]) -> None:
        """Commit intentions, durably."""
        points.reach("intent-before")
        wall = clock.now()
        self._full(
            "INSERT INTO intents VALUES (?, ?, ?, ?, ?, ?, ?)",
            [(i.key, i.number, i.order_id, i.action, json.dumps(i.body), i.ts, wall) for i in intents],
        )
        points.reach("intent-after")

    def acknowledge(self, key: str, outcome: str, broker_id: str = "", detail: str = "", body: str = "") -> None:
        """Commit what became of an intent."""
        points.reach("ack-before")
        statement = "INSERT INTO acks (key, outcome, broker_id, detail, body, wall) VALUES (?, ?, ?, ?, ?, ?)"
        self._commit([(statement, (key, outcome, broker_id, detail, body, clock.now()))])
        points.reach("ack-after")

    def snapshot(self, digest: str, fingerprint: str, core: bytes, session: Mapping[str, Any]) -> None:
        """Commit a snapshot of everything before the next row; only the last few are kept."""
        points.reach("snapshot-before")
        values = (self.number, digest, fingerprint, core, json.dumps(session))
        old = "DELETE FROM snapshots WHERE number NOT IN (SELECT number FROM snapshots ORDER BY number DESC LIMIT ?)"
        self._commit([("INSERT OR REPLACE INTO snapshots VALUES (?, ?, ?, ?, ?)", values), (old, (KEPT_SNAPSHOTS,))])
        points.reach("snapshot-after")

    def set_meta(self, **values: Any) -> None:
        """Commit further facts of the run, durably."""
        self._full("INSERT OR REPLACE INTO meta VALUES (?, ?)", [(k, json.dumps(v)) for k, v in values.items()])

    def forget_logs(self, number: int) -> None:
        """Forget what the engine logged from row `number` on: replaying tells it again."""
        # A log bears the number of the row that comes after it.
        self._commit([("DELETE FROM logs WHERE number > ?", (number,))])

    def flush(self) -> None:
        """Commit what was noted."""
        if self._notes:
            self._commit([])

    def close(self) -> None:
        """Commit what was noted and close the file; the write-ahead log goes into it."""
        self.flush()
        self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._connection.close()
        self._lock.close()


def _create(path: Path, meta: Mapping[str, Any]) -> None:
    """Write a new journal under another name and give it its own at the end: there is no half of one."""
    draft = path.with_suffix(".begun")
    draft.unlink(missing_ok=True)
    told = {**meta, "version": VERSION, "layout": layout()}
    with contextlib.closing(sqlite3.connect(draft, isolation_level=None)) as connection:
        connection.executescript(f"BEGIN; {TABLES} COMMIT;")
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO meta VALUES (?, ?)", [(key, json.dumps(told[key])) for key in told])
        connection.execute("COMMIT")
    draft.rename(path)


def check_version(connection: sqlite3.Connection, path: Path) -> None:
    """Raise unless a journal is of this version, and its records of this layout."""
    try:
        told = dict(connection.execute("SELECT key, value FROM meta WHERE key IN ('version', 'layout')"))
    except sqlite3.DatabaseError as error:
        raise ConfigError(f"{path} is no journal, or damaged ({error})") from error
    version, found = json.loads(told.get("version", "null")), json.loads(told.get("layout", "null"))
    if version != VERSION or found != layout():
        raise ConfigError(
            f"{path}: journal of version {version} and layout {found}, expected {VERSION} and {layout()}; "
            "use the version of Lockstep that wrote it"
        )


def _locked(folder: Path) -> Any:
    lock = (folder / ".lock").open("w")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        lock.close()
        raise ConfigError(f"{folder} is in use by another session; stop that one first") from error
    return lock
