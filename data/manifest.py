"""What a dataset says about itself: `manifest.json`, checked when it is read."""

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from lockstep.engine.errors import DataError
from lockstep.engine.instruments import Instrument

RowKind = Literal["bars", "closes", "quotes", "trades"]
Adjusted = Literal["raw", "split", "total"]
Label = Literal["open", "close", "session", "instant"]
Partition = Literal["decade", "year", "month"]
Severity = Literal["note", "warning"]

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_SYMBOL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._^=+-]{0,31}")
_INSIDE = r"^data/[0-9]{4}(s|-[0-9]{2})?\.parquet$"


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FileEntry(_Record):
    """One Parquet file of the dataset: path below the dataset's version, rows, range (ns UTC), size and SHA-256."""

    path: Annotated[str, Field(pattern=_INSIDE)]
    rows: int
    offset: int
    first: int
    last: int
    bytes: int
    sha256: str


class InstrumentEntry(_Record):
    """One instrument: its permanent id, its tickers over time, its grid and the range of its rows (ns UTC)."""

    id: str
    symbol: str
    name: str = ""
    sector: str = ""
    tick: int = 10_000
    lots_per_unit: int = 1
    shortable: bool = True
    rows: int = 0
    first: int = 0
    last: int = 0
    symbols: tuple[tuple[str, str], ...] = ()
    """(ISO date from which it holds, ticker), oldest first."""

    @property
    def first_ticker(self) -> str:
        """The oldest ticker known."""
        return self.symbols[0][1] if self.symbols else self.symbol


class Finding(_Record):
    """What a quality rule found: how often, in words, and the first few cases."""

    rule: str
    severity: Severity = "note"
    count: int
    detail: str
    examples: tuple[str, ...] = ()


class Repair(_Record):
    """A declared repair as it was carried out."""

    rule: str
    action: str
    count: int
    examples: tuple[str, ...] = ()

    def as_finding(self) -> Finding:
        """Return the repair as reports and checks list it."""
        detail = "kept as it is, as declared" if self.action == "keep" else f"repaired as declared: {self.action}"
        return Finding(rule=f"repair_{self.rule}", count=self.count, detail=detail, examples=self.examples)


class Manifest(_Record):
    """Everything known about one version of a dataset."""

    schema_version: Literal[1] = Field(alias="schema")
    name: str
    kind: RowKind
    hash: str
    rows: int
    first: int
    last: int
    timeframe: str
    label: Label
    zone: str
    calendar: str
    exchange_zone: str
    adjusted: Adjusted
    currency: str = "USD"
    source: str
    licence: str
    synthetic: bool = False
    survivorship: str = ""
    """Why the choice of symbols knows the future; empty where it does not."""
    partition: Partition
    files: tuple[FileEntry, ...]
    instruments: tuple[InstrumentEntry, ...]
    actions: int = 0
    actions_sha256: str = ""
    sessions_sha256: str = ""
    declaration: dict[str, Any] = {}
    findings: tuple[Finding, ...] = ()
    repairs: tuple[Repair, ...] = ()
    truth: dict[str, Any] = {}
    """What is known of a synthetic market: its pairs, regimes, seed."""

    def instrument(self, entry: InstrumentEntry) -> Instrument:
        """Return the engine's view of one of the instruments."""
        return Instrument(
            id=entry.id,
            symbol=entry.symbol,
            tick=entry.tick,
            lots_per_unit=entry.lots_per_unit,
            currency=self.currency,
            sector=entry.sector,
            shortable=entry.shortable,
            close_only=self.kind == "closes",
            adjusted=self.adjusted,
            synthetic=self.synthetic,
        )

    def dump(self) -> bytes:
        """Return the manifest as it is written to disk."""
        return (self.model_dump_json(by_alias=True, indent=1) + "\n").encode()


def load_manifest(text: bytes, where: str) -> Manifest:
    """Read a manifest.

    Raises
    ------
    DataError
        If it is damaged, or was written by another version of the schema.
    """
    try:
        return Manifest.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        raise DataError(
            f"{where}: damaged manifest, {key}: {first['msg']}; import the dataset again to replace it"
        ) from error


def check_name(name: str) -> str:
    """Return a dataset's name if it may serve as a folder's name.

    Raises
    ------
    DataError
        If it may not.
    """
    if not _NAME.fullmatch(name) or ".." in name:
        raise DataError(
            f"dataset name {name!r}: expected 1 to 64 of a-z, 0-9, '.', '_' and '-', starting with a letter or digit"
        )
    return name


def valid_symbol(symbol: str) -> bool:
    """Tell whether a ticker is one: letters, digits and ``._^=+-``, at most 32, without ``..``."""
    return bool(_SYMBOL.fullmatch(symbol)) and ".." not in symbol
