"""Errors that a user can act on: each names the thing, the value, what was expected and the remedy."""


class LockstepError(Exception):
    """Base of every error that is the user's to mend; the command line prints it without a traceback."""

    exit_code = 1


class ConfigError(LockstepError):
    """A scenario, parameter or argument is wrong."""

    exit_code = 2


class DataError(LockstepError):
    """Market data is wrong, missing or undeclared."""

    exit_code = 3


class StrategyError(LockstepError):
    """A strategy is declared wrongly, broke its contract or raised."""

    exit_code = 4


class LookaheadError(StrategyError):
    """A read asked for data that was not yet available, or was given such data."""


def reads_ahead(reader: str, data: str, now: int, available: int | None) -> LookaheadError:
    """Return the error of a reader that looks past the time at hand.

    Parameters
    ----------
    reader, data : str
        Who asked, and for what.
    now, available : int
        The time, and when the data become available, ns UTC; None: with an event that has not come yet.
    """
    when = "with events that have not come yet" if available is None else f"at {available}, {available - now} ns later"
    return LookaheadError(
        f"{reader} reads ahead: it is {now} (ns UTC) now, and {data} becomes available {when}; "
        "ask only for what is known by now"
    )


class EngineError(LockstepError):
    """The engine refused to go on: capacity, overflow or a broken invariant."""

    exit_code = 5


class VerifyError(LockstepError):
    """A re-run did not give the same digest."""

    exit_code = 6
