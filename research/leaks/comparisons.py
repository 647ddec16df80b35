"""Which cut meets which future, the most telling first."""

from collections.abc import Iterator, Sequence

from .futures import CACHE
from .scout import Find

MOST_CACHES = 4
"""Cuts at which caches are looked at, where a run leaves files behind."""
TRUNCATED = 3
"""Every so manieth cut also ends the history; each of those that a scout has found does."""
LONGER_OR_THINNER = 2
"""Cuts at which the history goes on for longer, or loses rows."""
Comparison = tuple[str, int, int]
"""Future, cut (ns UTC), seed of the future."""


def plan(chosen: Sequence[int], finds: Sequence[Find], seed: int, *, caches: bool) -> list[Comparison]:
    """Return all comparisons of a check."""
    found = {find.cut: find.future for find in finds}
    pairs = list(dict.fromkeys(_pairs(chosen, found, caches=caches)))
    return [(future, cut, seed + number) for number, (future, cut) in enumerate(pairs)]


def _pairs(chosen: Sequence[int], found: dict[int, str], *, caches: bool) -> Iterator[tuple[str, int]]:
    for cut in chosen:
        if cut in found:
            yield found[cut], cut
    plain = [cut for cut in chosen if cut not in found]
    for number, cut in enumerate([*found, *plain]):
        if cut not in chosen:
            continue
        yield "cocktail", cut
        if number % TRUNCATED == 0 or cut in found:
            yield "truncate", cut
        if caches and number < MOST_CACHES:
            yield CACHE, cut
    for cut in plain[:LONGER_OR_THINNER] or chosen[:LONGER_OR_THINNER]:
        yield "extend", cut
        yield "thin", cut
