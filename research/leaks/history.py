"""A history: everything a run may read, with the time at which each row became known, and how it is laid out on disk.

A history holds whole datasets of the catalogue. What the suite perturbs is written as datasets of the same names into a
catalogue of its own, so that a run reads the perturbed rows by whatever way it reads data: through the feed, through
`lockstep.data`, at import, in a job.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from lockstep.data.calendar import Sessions
from lockstep.data.catalog import Catalog, Dataset
from lockstep.data.manifest import Manifest
from lockstep.data.publish import Tally, content_hash
from lockstep.data.reading import read_rows
from lockstep.data.rows import Rows
from lockstep.data.storage import POINTER
from lockstep.data.writer import RowWriter, choose_partition, column, write_actions, write_sessions
from lockstep.engine.errors import DataError

from .files import Edit, UserFile

Ints = np.ndarray


@dataclass(frozen=True)
class Table:
    """One dataset in memory.

    Parameters
    ----------
    manifest : Manifest
        Its description; counts and ranges follow the rows when it is written.
    rows : Rows
        Sorted by (``ts_event``, instrument); times ns UTC.
    actions : pyarrow.Table
        Corporate actions and changes of status, with the columns of `data.schema.ACTIONS`.
    sessions : Sessions
        The calendar, reaching beyond the last row. It is known in advance and never perturbed.
    delay : int
        Nanoseconds from a row's ``ts_event`` until it is known.
    """

    manifest: Manifest
    rows: Rows
    actions: pa.Table
    sessions: Sessions
    delay: int = 0

    @property
    def name(self) -> str:
        """The dataset's name."""
        return self.manifest.name

    @property
    def known_at(self) -> Ints:
        """When each row became known, ns UTC, (n,) int64, ascending."""
        return np.asarray(self.rows["ts_event"]) + self.delay

    @property
    def actions_known_at(self) -> Ints:
        """When each corporate action became known, ns UTC, (k,) int64."""
        return np.asarray(column(self.actions, "ts_event")) + self.delay

    def with_rows(self, rows: Rows, actions: pa.Table | None = None) -> "Table":
        """Return the table with other rows."""
        return replace(self, rows=rows, actions=self.actions if actions is None else actions)


@dataclass(frozen=True)
class History:
    """The datasets a run may read, by name, and the files of the user's project with times in them.

    Files are held as they are; `edit` says how other futures change them, `rewritten` which are others altogether.
    """

    tables: Mapping[str, Table]
    files: tuple[UserFile, ...] = ()
    edit: Edit | None = None
    rewritten: Mapping[str, bytes | None] | None = None

    def changed_files(self) -> dict[str, bytes | None]:
        """Return those files that are not as they are in the project; None: it is not there."""
        edit = self.edit
        if self.rewritten is not None:
            return dict(self.rewritten)
        return {} if edit is None else {file.name: file.after(edit) for file in self.files if file.touched(edit)}

    @cached_property
    def times(self) -> Ints:
        """All times at which a row became known, ns UTC, ascending, each once."""
        return np.unique(np.concatenate([table.known_at for table in self.tables.values()]))

    @property
    def length(self) -> int:
        """Number of rows."""
        return sum(len(table.rows) for table in self.tables.values())

    def with_table(self, table: Table) -> "History":
        """Return the history with one dataset added or replaced."""
        return replace(self, tables={**self.tables, table.name: table})


def load_table(catalog: Catalog, name: str, delay: int = 0) -> Table:
    """Read a whole dataset.

    Raises
    ------
    DataError
        If it is missing or damaged.
    """
    dataset: Dataset = catalog.dataset(name)
    return Table(dataset.manifest, read_rows(dataset), dataset.actions(), dataset.sessions(), delay)


def write_history(history: History, root: Path) -> None:
    """Write every dataset of a history into a catalogue below `root`, in place of what is there."""
    for table in history.tables.values():
        write_table(table, root)


def write_table(table: Table, root: Path) -> Manifest:
    """Write one dataset below `root` and turn its pointer to it.

    Not crash-safe as an import is: the suite's catalogues live as long as the suite.

    Raises
    ------
    DataError
        If no row is left.
    """
    rows = table.rows
    if len(rows) == 0:
        raise DataError(f"{table.name}: no row is known by the cut; choose a later cut")
    home = root / table.name
    staged = home / "staged"
    staged.mkdir(parents=True)
    first, last = int(rows["ts_event"][0]), int(rows["ts_event"][-1])
    partition = choose_partition(len(rows), first, last)
    writer = RowWriter(staged, rows.kind, partition, tuple(c for c in ("adj_close",) if rows.has(c)), plain=True)
    writer.write(rows.table())
    files = writer.close()
    tally = Tally(len(rows.ids))
    tally.add(rows)
    entries = tuple(
        entry.model_copy(update={"rows": int(tally.rows[n]), "first": int(tally.first[n]), "last": int(tally.last[n])})
        for n, entry in enumerate(table.manifest.instruments)
    )
    changes: dict[str, Any] = {
        "rows": len(rows),
        "first": first,
        "last": last,
        "partition": partition,
        "files": files,
        "instruments": entries,
        "actions": table.actions.num_rows,
        "actions_sha256": write_actions(staged, table.actions),
        "sessions_sha256": write_sessions(staged, table.sessions),
    }
    manifest = table.manifest.model_copy(update=changes)
    manifest = manifest.model_copy(update={"hash": content_hash(manifest, writer.digest())})
    (staged / "manifest.json").write_bytes(manifest.dump())
    version = manifest.hash[:16]
    staged.rename(home / version)
    (home / POINTER).write_text(version)
    return manifest
