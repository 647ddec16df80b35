"""Properties beyond prefix invariance, tried where no other future has shown a leak, the cheapest first."""

from collections.abc import Callable

from . import bounds, calendarshift, fieldvariant, nullmarket, warmup
from .bounds import reads_beyond
from .calendarshift import clock_shift
from .fieldvariant import field_variant
from .nullmarket import null_markets
from .warmup import warm_up

Property = Callable[..., bool]
"""Takes check, verdict, history and the unperturbed run's journal; writes a leak into the verdict and tells of it."""
BEYOND: dict[str, Property] = {
    fieldvariant.NAME: field_variant,
    calendarshift.NAME: clock_shift,
    warmup.NAME: warm_up,
    nullmarket.NAME: null_markets,
    bounds.NAME: reads_beyond,
}
