"""Whose fault an exception is: one from a strategy's own code is told with its place, others are Lockstep's."""

import sysconfig
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType

from lockstep.engine.errors import LockstepError, StrategyError

_INSTALLED = tuple(sysconfig.get_paths()[name] for name in ("stdlib", "platstdlib", "purelib", "platlib"))


@contextmanager
def strategy_errors() -> Iterator[None]:
    """Turn what a strategy or job raises into one sentence that says where.

    Raises
    ------
    StrategyError
        If the exception came out of code that is neither Lockstep's own nor installed; its cause is the exception.
    """
    try:
        yield
    except LockstepError:
        raise
    except (Exception, SystemExit) as error:  # a user's code may raise anything
        place = _place(error.__traceback__)
        if place is None:
            raise
        said = " ".join(str(error).split())
        raise StrategyError(
            f"the strategy failed at {place}: {type(error).__name__}{': ' if said else ''}{said}; "
            "mend it there, or run with --debug for the whole traceback"
        ) from error


def _place(raised: TracebackType | None) -> str | None:
    """Return the innermost place that is the strategy's, None where there is none."""
    found = None
    for frame, line in traceback.walk_tb(raised):
        module, file = frame.f_globals.get("__name__", ""), frame.f_code.co_filename
        ours = module.startswith("lockstep.") and not module.startswith("lockstep.strategies.")
        if not ours and not file.startswith("<") and not _is_installed(file):
            found = f"{file}:{line} in {frame.f_code.co_name}"
    return found


def _is_installed(file: str) -> bool:
    return file.startswith(_INSTALLED) or "site-packages" in Path(file).parts
