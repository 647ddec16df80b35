"""The logs' memory: what the engine writes rows into and Python empties."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import records as r
from .arena import address
from .world import World

_PLACES: Any = r.OUTPUT.fields


class Output:
    """Buffers for a world's logs.

    Parameters
    ----------
    world : World
        Whose logs they are.
    rows : int
        Rows for which each log has room before it must be emptied.
    equity_every_slice : bool
        Whether equity is logged at every slice; otherwise at the end of each session.
    quiet : bool
        Whether nothing but counts and digests is wanted.
    marks : bool
        Whether every session's mark of every instrument is logged, as reports need it.
    """

    def __init__(
        self,
        world: World,
        rows: int = 65_536,
        *,
        equity_every_slice: bool = True,
        quiet: bool = False,
        marks: bool = True,
    ) -> None:
        n, slots = len(world.instruments), world.slots
        # One event may end every open order, refuse as many proposals and mark every instrument.
        reserve = 4 * slots + n * (len(world.sleeves) + 2) + 512
        self._keep = np.zeros(1, r.OUTPUT)
        self.header: Any = self._keep.view(np.recarray)[0]
        self.buffers: dict[str, NDArray[Any]] = {}
        for name, dtype in r.LOGS.items():
            buffer = np.zeros(0 if quiet else rows + reserve, dtype)
            self.buffers[name] = buffer
            self.header[f"{name}_at"] = address(buffer)
            self.header[f"{name}_room"] = -1 if quiet else rows
        if not marks:
            self.header.marks_room = -1
        self.header.equity_every_slice = equity_every_slice and not quiet
        self.header.broker = address(world.broker_block)
        self.words = memoryview(self._keep.data).cast("B").cast("q")
        self._counts = [_PLACES[f"{name}_n"][1] // 8 for name in r.LOGS]
        self.at = int(self.header.__array_interface__["data"][0])

    def take(self) -> dict[str, NDArray[Any]]:
        """Return copies of all rows written since the last call, and empty the logs."""
        taken = {}
        for name, buffer in self.buffers.items():
            n = int(self.header[f"{name}_n"])
            taken[name] = buffer[:n].copy()
            self.header[f"{name}_n"] = 0
        self.header.full = 0
        return taken

    def clear(self) -> None:
        """Empty the logs without looking at them."""
        for place in self._counts:
            self.words[place] = 0
        self.words[0] = 0
