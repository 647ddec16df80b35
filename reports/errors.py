"""What can be wrong with a run folder."""

from lockstep.engine.errors import DataError


class RunError(DataError):
    """A run folder is missing, damaged or of an unknown schema."""
