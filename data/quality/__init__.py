"""Quality rules: what is wrong and undeclared refuses the import, the rest is found, named and counted.

1. Values (`values`): missing, price, volume, ohlc, crossed, future.
2. Times (`times`): calendar and extended hours, label, order, duplicates, timeframe; then gaps and sparse sessions.
3. Prices (`prices`): splits, jumps, vendor-adjusted closes, bad ticks, stale and coarse prices.

Real crashes stay: a price is only ever touched by a repair that was declared, and each repair is logged.
"""

from lockstep.data.actions import Action
from lockstep.data.calendar import Sessions
from lockstep.data.declaration import Declaration
from lockstep.data.rows import Rows

from .inspection import Checked, Inspection
from .prices import check_prices
from .times import check_times
from .values import check_values

__all__ = ["Checked", "check"]


def check(
    rows: Rows,
    declaration: Declaration,
    sessions: Sessions,
    actions: list[Action],
    *,
    now: int,
    audit: bool = False,
) -> Checked:
    """Apply every rule to the rows of a source, repairing what was declared.

    Parameters
    ----------
    rows : Rows
        With ``stamp`` in UTC (see `ingest.to_utc`), or with ``ts_event`` if they were placed before.
    declaration : Declaration
        What was declared.
    sessions : Sessions
        Covering the rows.
    actions : list of Action
        Declared corporate actions.
    now : int
        Rows from after this instant (ns UTC) are refused.
    audit : bool
        Whether to note what would refuse an import, and to go on.

    Returns
    -------
    Checked
        The rows, sorted by (instrument, ts_event), with findings and repairs.

    Raises
    ------
    DataError
        On the first violation for which no repair was declared; names file, line, value and remedy.
    """
    inspection = Inspection(rows, declaration, sessions, list(actions), now=now, audit=audit)
    check_values(inspection)
    check_times(inspection)
    check_prices(inspection)
    return inspection.result()
