"""The list of bad inputs: how the command line is called, on which files, and what its one sentence must say."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from . import actions, arguments, declarations, files, folders, runs, scenarios, strategies


@dataclass(frozen=True)
class Case:
    """One bad input.

    Parameters
    ----------
    arguments : sequence of str
        After `lockstep`.
    code : int
        The exit code.
    words : sequence of str
        Regular expressions that the sentence must hold: the thing, the value, what was expected or the remedy.
    files : mapping of str to str or bytes
        Written into the empty current folder.
    spoil : callable or None
        Damages the folders `run` (a sound run) and `catalog` (with ohlcv-5), which are there only with it.
    """

    arguments: Sequence[str]
    code: int
    words: Sequence[str]
    files: Mapping[str, str | bytes] = field(default_factory=dict)
    spoil: Callable[[Path], object] | None = None


ROOMS = (arguments, scenarios, strategies, declarations, actions, files, folders, runs)
CASES = {
    f"{room.__name__.rpartition('.')[2]}: {name}": Case(*case) for room in ROOMS for name, case in room.cases().items()
}
