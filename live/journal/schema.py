"""The journal's tables. A journal of another version is refused: its rows would mean something else."""

from hashlib import blake2b
from struct import pack
from zlib import crc32

from lockstep.engine import records
from lockstep.engine.events import EVENT

VERSION = 1
CHAIN = 16
"""Bytes of the hash that chains the batches of rows."""

TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE batches (
    first INTEGER PRIMARY KEY, count INTEGER NOT NULL, wall INTEGER NOT NULL, chain BLOB NOT NULL,
    checks BLOB NOT NULL, rows BLOB NOT NULL
);
CREATE TABLE results (number INTEGER PRIMARY KEY, payload BLOB NOT NULL);
CREATE TABLE digests (
    number INTEGER PRIMARY KEY, ts INTEGER NOT NULL, orders TEXT NOT NULL, marks TEXT NOT NULL, equity INTEGER NOT NULL
);
CREATE TABLE intents (
    key TEXT PRIMARY KEY, number INTEGER NOT NULL, order_id INTEGER NOT NULL, action TEXT NOT NULL, body TEXT NOT NULL,
    ts INTEGER NOT NULL, wall INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE acks (
    id INTEGER PRIMARY KEY, key TEXT NOT NULL, outcome TEXT NOT NULL, broker_id TEXT NOT NULL, detail TEXT NOT NULL,
    body TEXT NOT NULL, wall INTEGER NOT NULL
);
CREATE INDEX acks_by_key ON acks (key);
CREATE TABLE updates (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, body TEXT NOT NULL, wall INTEGER NOT NULL);
CREATE TABLE logs (id INTEGER PRIMARY KEY, number INTEGER NOT NULL, name TEXT NOT NULL, rows BLOB NOT NULL);
CREATE TABLE oddities (id INTEGER PRIMARY KEY, what TEXT NOT NULL, body TEXT NOT NULL, wall INTEGER NOT NULL);
CREATE TABLE timings (
    key TEXT PRIMARY KEY, received INTEGER NOT NULL, journalled INTEGER NOT NULL, decided INTEGER NOT NULL,
    intended INTEGER NOT NULL, sent INTEGER NOT NULL, answered INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE snapshots (
    number INTEGER PRIMARY KEY, digest TEXT NOT NULL, fingerprint TEXT NOT NULL, core BLOB NOT NULL,
    session TEXT NOT NULL
);
"""


def layout() -> str:
    """Return a hash of the layout of all records that the journal holds as bytes."""
    described = [str(records.SCHEMA), *(f"{name}:{EVENT.fields[name]}" for name in EVENT.names or ())]  # type: ignore[index]
    described += [f"{name}:{dtype.descr}" for name, dtype in records.LOGS.items()]
    return blake2b("|".join(described).encode(), digest_size=8).hexdigest()


def chained(chain: bytes, rows: bytes | memoryview) -> bytes:
    """Return the chain's hash after one more batch of rows."""
    hashed = blake2b(chain, digest_size=CHAIN)
    hashed.update(rows)
    return hashed.digest()


def checks(rows: bytes | memoryview, size: int) -> bytes:
    """Return a checksum of each row, four bytes each: they tell which row is no longer what it was."""
    return pack(f"<{len(rows) // size}I", *(crc32(rows[at : at + size]) for at in range(0, len(rows), size)))
