"""The catalogue: datasets of Parquet files with manifests, below one root, queried with DuckDB."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lockstep.engine.errors import DataError

from .calendar import Sessions
from .manifest import Manifest, check_name, load_manifest
from .storage import Storage
from .writer import column

if TYPE_CHECKING:
    import duckdb

DEFAULT = ".lockstep/catalog"
VARIABLE = "LOCKSTEP_CATALOG"


@dataclass(frozen=True)
class Dataset:
    """One version of a dataset, ready to be read."""

    storage: Storage
    manifest: Manifest
    folder: str

    def open(self, path: str) -> pq.ParquetFile:
        """Open one of the dataset's files.

        Raises
        ------
        DataError
            If it is missing, or damaged.
        """
        try:
            return self.storage.parquet(f"{self.folder}/{path}")
        except (OSError, pa.ArrowInvalid) as error:
            raise DataError(
                f"dataset {self.manifest.name!r}: {path} is missing or damaged ({str(error).splitlines()[0]}); "
                "import the dataset again"
            ) from error

    def actions(self) -> pa.Table:
        """Return the corporate actions and changes of status, sorted by time."""
        return self.open("actions.parquet").read()

    def sessions(self) -> Sessions:
        """Return the sessions from the first row's to a few beyond the last row's."""
        table = self.open("sessions.parquet").read()
        date = column(table, "date").astype(np.int64)
        opens, closes, midnight = (column(table, name) for name in ("open", "close", "midnight"))
        return Sessions(self.manifest.calendar, self.manifest.exchange_zone, date, opens, closes, midnight)


class Catalog:
    """Datasets below one root.

    Parameters
    ----------
    root : str, Path or None
        A folder or URL; None takes the environment variable ``LOCKSTEP_CATALOG``, else ``.lockstep/catalog`` in the
        current folder.
    """

    def __init__(self, root: str | Path | None = None) -> None:
        self.storage = Storage(root if root is not None else os.environ.get(VARIABLE) or DEFAULT)

    def names(self) -> list[str]:
        """Return the names of the datasets, sorted."""
        return self.storage.names()

    def __contains__(self, name: str) -> bool:
        return self.storage.current(check_name(name)) is not None

    def dataset(self, name: str) -> Dataset:
        """Return the current version of a dataset.

        Raises
        ------
        DataError
            If there is none of that name, or its manifest is damaged.
        """
        version = self.storage.current(check_name(name))
        if version is None:
            known = ", ".join(self.names()) or "none yet"
            raise DataError(
                f"dataset {name!r} is not in the catalogue {self.storage.url} (it holds: {known}); "
                "see `lockstep data list`, or add it with `lockstep data import`"
            )
        folder = f"{name}/{version}"
        try:
            text = self.storage.read(f"{folder}/manifest.json")
        except FileNotFoundError as error:
            raise DataError(f"dataset {name!r}: {folder}/manifest.json is missing; import the dataset again") from error
        return Dataset(self.storage, load_manifest(text, f"{self.storage.url}/{folder}/manifest.json"), folder)

    def manifest(self, name: str) -> Manifest:
        """Return the manifest of a dataset's current version."""
        return self.dataset(name).manifest

    def sql(self, query: str, parameters: list[Any] | None = None) -> pa.Table:
        """Run a DuckDB query over the catalogue; every dataset is a view of its name, times shown in UTC.

        Each view has the dataset's columns and `symbol` and `id`; the view ``"NAME/actions"`` has its actions.

        Raises
        ------
        DataError
            If DuckDB refuses the query.
        """
        import duckdb

        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for name in self.names():
                if name in query:
                    self._add_views(connection, self.dataset(name))
            try:
                return connection.sql(query, params=parameters or []).to_arrow_table()
            except duckdb.Error as error:
                raise DataError(f"SQL: {str(error).splitlines()[0]}; views: {', '.join(self.names())}") from error

    def _add_views(self, connection: "duckdb.DuckDBPyConnection", dataset: Dataset) -> None:
        from pyarrow.dataset import dataset as arrow_dataset

        manifest = dataset.manifest
        instruments = pa.table(
            {
                "instrument": pa.array(range(len(manifest.instruments)), pa.int32()),
                "symbol": [entry.symbol for entry in manifest.instruments],
                "id": [entry.id for entry in manifest.instruments],
                "sector": [entry.sector for entry in manifest.instruments],
            }
        )
        tables = {"": [entry.path for entry in manifest.files], "/actions": ["actions.parquet"]}
        connection.register(f"{manifest.name}/instruments", instruments)
        for suffix, paths in tables.items():
            full = [dataset.storage.full(f"{dataset.folder}/{path}") for path in paths]
            source = f"{manifest.name}{suffix}/rows"
            connection.register(source, arrow_dataset(full, filesystem=dataset.storage.files, format="parquet"))
            connection.execute(
                f'CREATE VIEW "{manifest.name}{suffix}" AS SELECT i.symbol, i.id, r.* EXCLUDE (instrument) '
                f'FROM "{source}" r JOIN "{manifest.name}/instruments" i USING (instrument)'
            )
