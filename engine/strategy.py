"""What a strategy is: declared parameters, state, warm-up, and callbacks, compiled or in plain Python."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .arena import INTERPRETED, table
from .compile import kernel
from .errors import StrategyError
from .parameters import Parameter, resolve
from .spin import ignore, ignore_bar, me_door, plain_entry, row_entry, spin_entry, start_entry
from .step import ON_BAR, ON_HAND_OVER, ON_ORDER, ON_SLICE, ON_STATUS, ON_TICK, ON_TIMER, SPIN

_NO_ROW = np.dtype([("unused", "<i8")])
Fields = Sequence[tuple[Any, ...]]


_ME = np.dtype([("rows", "<i8")])


def rows(dtype: np.dtype[Any]) -> Any:
    """Return the kernel ``f(me, instrument)`` that gives an instrument's row of a strategy's state.

    The offset of the first row is the first field of every strategy's own record.
    """
    return table(dtype, _ME, "rows")


@kernel
def _start_nothing(me: Any, row: Any) -> None:
    """Leave a row zeroed."""


@dataclass(frozen=True)
class KernelStrategy:
    """A strategy of compiled callbacks.

    Parameters
    ----------
    name : str
        How it is called in reports.
    parameters : mapping of str to Integer, Number or Switch
        What a scenario may set; fields of `me` in the callbacks.
    state : sequence of numpy fields
        Further fields of `me`, zeroed at the start.
    row : sequence of numpy fields
        One record for each instrument, zeroed at the start.
    start : kernel ``f(me, row)``
        Called once for each instrument before the first event.
    on_bar, on_tick : kernel ``f(world, me, row, event)``
        A bar or close; a quote or trade. Prices are forward-adjusted. Reads only this event and its own state.
    on_slice, on_order, on_timer, on_hand_over, on_status : kernel ``f(world, me, event)``
        Everything for a time is in; an order of its own changed; a timer; a job's result; a corporate action or
        change of status. ``event.timer % TIMERS_PER_SLEEVE`` numbers a strategy's schedules, those of its jobs first,
        then its timers.
    warmup : callable
        From the parameters to the number of bars of each instrument that it must have seen before it decides.
    series : sequence of str
        Names of what it records; `record(world, k, value)` records the k-th.
    jobs : sequence of Job
        Scheduled Python jobs, see `engine/jobs.py`.
    timers : sequence of Schedule
        When `on_timer` is called beside the jobs' schedules.
    """

    name: str
    parameters: Mapping[str, Parameter] = field(default_factory=dict)
    state: Fields = ()
    row: Fields = ()
    start: Any = _start_nothing
    on_bar: Any = None
    on_tick: Any = None
    on_slice: Any = None
    on_order: Any = None
    on_timer: Any = None
    on_hand_over: Any = None
    on_status: Any = None
    warmup: Callable[[Mapping[str, Any]], int] = lambda parameters: 0
    series: Sequence[str] = ()
    jobs: Sequence[Any] = ()
    timers: Sequence[Any] = ()

    is_kernel = True

    def resolve(self, given: Mapping[str, Any]) -> dict[str, Any]:
        """Return all parameters, checked; see `parameters.resolve`."""
        return resolve(self.name, self.parameters, given)

    @cached_property
    def me_dtype(self) -> np.dtype[Any]:
        """The strategy's own record: offset of its rows, parameters, state."""
        fields = [("rows", "<i8"), *((name, kind.code) for name, kind in self.parameters.items()), *self.state]
        try:
            return np.dtype(fields, align=True)
        except ValueError as error:
            raise StrategyError(f"{self.name}: its parameters and state do not make a record: {error}") from None

    @cached_property
    def row_dtype(self) -> np.dtype[Any]:
        """The record kept for each instrument."""
        return np.dtype(list(self.row), align=True) if self.row else _NO_ROW

    def state_size(self, n_instruments: int) -> int:
        """Return the bytes of state for this many instruments."""
        return self.rows_offset + self.row_dtype.itemsize * n_instruments

    @property
    def rows_offset(self) -> int:
        """Where the rows begin after the start of the strategy's record."""
        return -(-self.me_dtype.itemsize // 64) * 64

    @cached_property
    def entries(self) -> dict[int, Any]:
        """The compiled entries by callback number, `START` for the rows' start."""
        me_at, row_at = me_door(self.me_dtype), rows(self.row_dtype)
        found: dict[int, Any] = {START: start_entry(self.start, me_at, row_at)}
        for which, function in ((ON_BAR, self.on_bar), (ON_TICK, self.on_tick)):
            if function is not None:
                found[which] = row_entry(function, me_at, row_at)
        for which, function in (
            (ON_SLICE, self.on_slice),
            (ON_ORDER, self.on_order),
            (ON_TIMER, self.on_timer),
            (ON_HAND_OVER, self.on_hand_over),
            (ON_STATUS, self.on_status),
        ):
            if function is not None:
                found[which] = plain_entry(function, me_at)
        if not INTERPRETED:
            found[SPIN] = spin_entry(self.on_bar or ignore_bar, self.on_slice or ignore, me_at, row_at)
        return found


START = 8
"""Number of the entry that starts an instrument's row."""
