"""Latencies as histograms of constant size: each bucket is at most 1/16 wider than its lower end."""

from typing import NamedTuple

_BITS = 4
_PER_OCTAVE = 1 << _BITS
STAGES = ("journal", "decision", "intent", "send", "answer")
"""Event received → its row committed; received → order approved; approved → intention on disk; → request sent; sent →
answered."""


class Summary(NamedTuple):
    """Percentiles of one stage, ns."""

    count: int
    p50: int
    p90: int
    p99: int
    highest: int


class Histogram:
    """Counts of durations in ns."""

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self.count, self.highest = 0, 0

    def add(self, ns: int, times: int = 1) -> None:
        """Count a duration."""
        ns = max(ns, 0)
        octave = max(ns.bit_length() - _BITS - 1, 0)
        place = octave * _PER_OCTAVE + (ns >> octave)
        self._counts[place] = self._counts.get(place, 0) + times
        self.count += times
        if ns > self.highest:
            self.highest = ns

    def at(self, part: float) -> int:
        """Return the duration, ns, that a part of all does not exceed; 0 where nothing was counted."""
        left = part * self.count
        for place in sorted(self._counts):
            left -= self._counts[place]
            if left <= 0:
                octave = max(place // _PER_OCTAVE - 1, 0)
                return min(((place - octave * _PER_OCTAVE + 1) << octave) - 1, self.highest)
        return self.highest

    def summary(self) -> Summary:
        """Return its percentiles."""
        return Summary(self.count, self.at(0.5), self.at(0.9), self.at(0.99), self.highest)


class Latency:
    """One histogram for each stage."""

    def __init__(self) -> None:
        self.stages = {stage: Histogram() for stage in STAGES}

    def add(self, stage: str, ns: int, times: int = 1) -> None:
        """Count a duration of a stage."""
        self.stages[stage].add(ns, times)

    def summaries(self) -> dict[str, Summary]:
        """Return the stages that were counted at all."""
        return {stage: each.summary() for stage, each in self.stages.items() if each.count}
