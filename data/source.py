"""What an importer hands over."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .actions import Action
from .declaration import Declaration
from .manifest import Finding, Repair
from .rows import Rows


@dataclass(frozen=True)
class Source:
    """All that an importer hands over.

    Parameters
    ----------
    rows : Rows
        With ``stamp``, in the order of the source.
    declaration : Declaration
        How to read them.
    actions : sequence of Action
        Splits, dividends, changes of ticker …, by instrument id.
    instruments : mapping of str to dict
        Further fields of `InstrumentEntry` by id: ``symbol``, ``name``, ``sector``, ``symbols``.
    findings : sequence of Finding
        What the importer itself has noticed.
    repairs : sequence of Repair
        What the importer itself has repaired, as declared.
    truth : dict
        What is known of a synthetic market.
    """

    rows: Rows
    declaration: Declaration
    actions: Sequence[Action] = ()
    instruments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()
    repairs: tuple[Repair, ...] = ()
    truth: dict[str, Any] = field(default_factory=dict)
