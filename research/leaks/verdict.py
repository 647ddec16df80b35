"""What the suite says about a target."""

import json
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

import numpy as np

Kind = Literal["clean", "leak", "vacuous", "nondeterministic", "error"]
EXIT_CODES: dict[str, int] = {"clean": 0, "leak": 7, "nondeterministic": 8, "vacuous": 9, "error": 4}
"""Exit codes of `lockstep leaks`; of several verdicts the worst counts, in this order: leak, nondeterministic, error,
vacuous."""
WORST = ("leak", "nondeterministic", "error", "vacuous", "clean")


@dataclass
class Verdict:
    """A verdict on one target.

    Parameters
    ----------
    target, kind : str
        What was checked; ``scenario``, ``strategy``, ``job``, ``function`` or ``feature``.
    verdict : {"clean", "leak", "vacuous", "nondeterministic", "error"}
        What was found.
    reason : str
        In one sentence.
    failed : str
        Of a leak: the property that failed.
    stage, track : str
        The first stage of the journal that differs, and in it what.
    ts : int
        When the first record that differs was made, ns UTC.
    cut : int
        Everything known by then was the same in both runs, ns UTC.
    future, future_seed : str, int
        What came after the cut in the other run, see `futures`.
    cuts_at : list of int
        All cuts at which state was recorded, ns UTC.
    symbol : str
        Its instrument.
    fields : list of str
        Its fields that differ.
    left, right : dict or None
        The record with the one future and with the other.
    decision : dict or None
        The first decision that differs, if any did.
    peek_events, peek_ns : int or None
        How far ahead it looks: times at which data came, and nanoseconds. None: no finite distance.
    peek_bound : str
        ``exact``, ``at least``, ``to the end`` or ``length`` (it knows how long the data is).
    reads : list of str
        What it looks at, ``symbol.column``.
    source : list of str
        Places in the source where data was opened.
    advice : list of str
        What the pre-check of the source found, ``file:line: pattern: advice``; it never makes a verdict.
    reproducer, command : str
        A file that shows the leak, and the command that runs it.
    runs, cuts, decisions : int
        How much was done: runs, cuts, decisions of the unperturbed run.
    seconds : float
        Wall time.
    notes : list of str
        What a reader should know.
    """

    target: str
    kind: str = ""
    verdict: Kind = "error"
    reason: str = ""
    failed: str = ""
    stage: str = ""
    track: str = ""
    ts: int = 0
    cut: int = 0
    future: str = ""
    future_seed: int = 0
    cuts_at: list[int] = field(default_factory=list)
    symbol: str = ""
    fields: list[str] = field(default_factory=list)
    left: dict[str, Any] | None = None
    right: dict[str, Any] | None = None
    decision: dict[str, Any] | None = None
    peek_events: int | None = None
    peek_ns: int | None = None
    peek_bound: str = ""
    reads: list[str] = field(default_factory=list)
    source: list[str] = field(default_factory=list)
    advice: list[str] = field(default_factory=list)
    reproducer: str = ""
    command: str = ""
    runs: int = 0
    cuts: int = 0
    decisions: int = 0
    seconds: float = 0.0
    notes: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> int:
        """What `lockstep leaks` exits with."""
        return EXIT_CODES[self.verdict]

    def as_json(self) -> str:
        """Return it as one line of JSON, times as ISO text beside their nanoseconds."""
        plain = asdict(self)
        for name in ("ts", "cut"):
            plain[f"{name}_utc"] = iso(plain[name]) if plain[name] else ""
        return json.dumps(plain, default=str)


def iso(ts: int) -> str:
    """Return an instant (ns UTC) as text."""
    return f"{np.datetime64(int(ts), 'ns').astype('datetime64[s]')}Z"
