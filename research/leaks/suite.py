"""Check one target: run it over histories that agree up to a cut, and compare what it had done by then.

1. Look at the target: what it is and which data it is run on.
2. Run it twice on the history as it is, in processes that hash text differently (determinism gate). What it reads
   beside its declared data joins the history.
3. Choose cuts where it did something.
4. For each cut and each future: run it from scratch, compare all that was done by the cut.
5. A difference is a leak: localise it. Without one the verdict is *clean* only if there were decisions and if the
   future made a difference to the future; else *vacuous*.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockstep.data.bundled import BUNDLED, build
from lockstep.data.catalog import Catalog
from lockstep.data.synthetic.build import write_synthetic
from lockstep.data.synthetic.market import SyntheticMarket
from lockstep.engine.errors import LockstepError

from . import cuts as cutting
from .files import find_files
from .futures import CACHE, SAME_LENGTH, future_of
from .history import History, load_table
from .journal import AT_CUTS, Difference, Journal, differ_after, differences
from .ledger import early_fill
from .localise import localise
from .nullmarket import CERTAIN, WORLDS, certainty, earning_tracks, null_market
from .targets import Spec
from .verdict import Verdict
from .wording import clock_leak, early_leak, nondeterministic, null_leak, place, sentence
from .workshop import TargetError, Workshop

MARKET = "synthetic-leaks"
"""The market for targets that name no data: daily bars with splits, dividends, halts and a delisting."""
SETTINGS = SyntheticMarket(seed=11, symbols=8, sessions=520, start="2016-01-04", step=30, pairs=1, splits=2, late=0)
WRONG_CLOCK = -(423.0 * 86_400.0 + 5.0 * 3_600.0 + 37.0 * 60.0 + 11.0)
"""Seconds by which the wall clock of the second run is wrong: another year, weekday and hour."""
PROPERTIES = {
    "cocktail": "prefix invariance",
    "truncate": "truncation",
    "extend": "extension",
    "thin": "prefix invariance, rows missing",
    CACHE: "cache transparency",
}
MOST_CACHES = 4
"""Cuts at which caches are looked at, where a run leaves files behind."""
MOST_SEEDS = 3
"""Futures of the same length that are tried where one of another length has shown a leak."""
Progress = Callable[[str, int, int], None]
"""Called with what is being done, runs done and runs planned."""


@dataclass(frozen=True)
class Options:
    """How hard to look.

    Parameters
    ----------
    seconds : float
        For all runs of a target together.
    cuts : int
        Most cuts.
    tolerance : float
        For futures of another length, see `journal.differences`.
    seed : int
        Of cuts and futures.
    again : tuple of (str, int, int) or None
        One comparison instead of the search: future, cut (ns UTC), seed of the future.
    at : tuple of int
        The cuts, ns UTC, instead of chosen ones.
    """

    seconds: float = 300.0
    cuts: int = cutting.MOST
    tolerance: float = 0.0
    seed: int = 0
    again: tuple[str, int, int] | None = None
    at: tuple[int, ...] = ()


@dataclass
class Check:
    """The state of one check."""

    spec: Spec
    options: Options
    workshop: Workshop
    progress: Progress = lambda what, done, planned: None
    began: float = field(default_factory=time.perf_counter)
    started: float = 0.0
    caches: bool = False

    def verdict(self) -> Verdict:
        """Check the target; whatever it does, a verdict comes back."""
        verdict = Verdict(self.spec.target)
        try:
            self._fill(verdict)
        except TargetError as error:
            verdict.verdict = "error"
            verdict.reason = f"{error.kind}: {error}"
            verdict.source = [error.place] if error.place else []
        except LockstepError as error:
            verdict.verdict, verdict.reason = "error", str(error)
        verdict.runs = self.workshop.runs
        if self.workshop.box is not None:
            verdict.notes += self.workshop.box.notes
        verdict.seconds = round(time.perf_counter() - self.began, 3)
        return verdict

    @property
    def left(self) -> float:
        """Seconds of the budget that are left; loading and compiling the engine is not counted."""
        return self.options.seconds - (time.perf_counter() - self.started)

    @property
    def _deciding(self) -> tuple[str, ...]:
        """The stages that count as decisions: a job's are its results, everybody else's results are a means."""
        return ("jobs",) if self.spec.kind == "job" else ("decisions", "output")

    def _fill(self, verdict: Verdict) -> None:
        for zygote in self.workshop.zygotes:
            zygote.wait_until_ready()
        self.started = time.perf_counter()
        self.workshop.seconds = self.options.seconds
        self.workshop.deadline = self.started + self.options.seconds
        found = self.workshop.look(self.spec)
        self.spec = replace(self.spec, kind=found["kind"])
        verdict.kind = found["kind"]
        history = self._history(found["datasets"])
        history, base = self._baseline(history)
        verdict.decisions = base.count(self._deciding)
        chosen = list(self.options.at) or cutting.choose(history, base, self.options.seed, self.options.cuts)
        verdict.cuts = len(chosen)
        self.progress("again, unperturbed", 2, 2 + 3 * len(chosen))
        again = self._again(verdict, history, base, chosen)
        if again is None:
            return
        if not verdict.decisions or not chosen:
            verdict.verdict = "vacuous"
            verdict.reason = "it decided nothing on this history: give it a scenario or data on which it acts"
            return
        self._search(verdict, history, again, chosen)

    def _again(self, verdict: Verdict, history: History, base: Journal, chosen: list[int]) -> Journal | None:
        """Run once more under a wrong clock; return the journal, None where the verdict has been given."""
        gate: list[Difference] = []
        try:
            journal = self.workshop.run(self.spec, history, chosen, zygote=1, clock=WRONG_CLOCK)
            gate = _beside_cuts(base, journal)
        except TargetError as error:
            verdict.notes.append(f"it could not be run under a wrong clock: {error}")
            journal = self.workshop.run(self.spec, history, chosen, zygote=1)
            gate = _beside_cuts(base, journal)
            if gate:
                nondeterministic(verdict, gate[0])
        if gate and not verdict.track:
            right = _beside_cuts(base, self.workshop.run(self.spec, history, chosen, zygote=1))
            nondeterministic(verdict, right[0]) if right else clock_leak(verdict, gate[0])
        early = early_fill(journal)
        if not gate and early is not None:
            early_leak(verdict, early)
        return None if gate or early is not None else journal

    def _history(self, datasets: dict[str, int]) -> History:
        history = History({})
        for name, delay in datasets.items():
            history = self._with(history, name or MARKET, delay)
            if not name:
                self.spec = replace(self.spec, data=MARKET)
        return history

    def _with(self, history: History, name: str, delay: int = 0) -> History:
        catalog = self.workshop.catalog
        if name == MARKET and name not in catalog:
            catalog = Catalog(self.workshop.home / "own")
            if name not in catalog:
                write_synthetic(catalog, MARKET, SETTINGS, "daily")
        elif name in BUNDLED and name not in catalog:
            build(catalog, name)
        return history.with_table(load_table(catalog, name, delay))

    def _baseline(self, history: History) -> tuple[History, Journal]:
        """Run the target as it is, until the history holds all that it reads."""
        for _ in range(4):
            self.progress("unperturbed", 0, 2)
            missing: Sequence[str] = ()
            try:
                journal = self.workshop.run(self.spec, history)
                missing = journal.missing
            except TargetError as error:
                missing = [name for name in error.missing if name not in history.tables]
                if not missing:
                    raise
            if not missing:
                break
            for name in sorted(set(missing)):
                history = self._with(history, name)
        self.workshop.preload = journal.modules
        box = self.workshop.box
        assert box is not None
        self.caches = bool(box.outside or box.written())
        times, first = history.times, next(iter(history.tables.values()))
        files = find_files(box.sources or {}, first.sessions, int(times[0]))
        history = replace(history, files=files)
        self.workshop.seconds = max(self.options.seconds / 2, 5.0)
        return history, journal

    def _search(self, verdict: Verdict, history: History, base: Journal, chosen: list[int]) -> None:
        alive, failed = False, []
        planned = _plan(chosen, self.options, caches=self.caches)
        for number, (future, cut, seed) in enumerate(planned):
            if self.left < 0:
                verdict.notes.append(f"the budget ended after {number} of {len(planned)} comparisons")
                break
            self.progress(future, number + 2, len(planned) + 2)
            other = future_of(history, future, cut, seed)
            try:
                journal = self.another(future, history, other, chosen, zygote=number % 2)
            except TargetError as error:
                failed.append(f"{future} at {cut}: {error}")
                continue
            tolerance = 0.0 if future in SAME_LENGTH else self.options.tolerance
            found = differences(base, journal, cutting.agreed_until(history, cut, future), tolerance)
            if found:
                if future == "truncate" and not self.options.again:
                    future, seed, other, found = self._same_length(history, base, cut, seed, chosen, found, other)
                verdict.future, verdict.future_seed, verdict.cuts_at = future, seed, chosen
                self._leak(verdict, history, base, other, future, cut, found, chosen)
                return
            # A history of another length changes how much is done later, whatever the target looks at.
            alive = alive or (future == "cocktail" and differ_after(base, journal, cut, self._deciding))
        if not self.options.again and self._earns_from_nothing(verdict, history, base):
            return
        self._no_leak(verdict, base, alive=alive, failed=failed, planned=len(planned))

    def _earns_from_nothing(self, verdict: Verdict, history: History, base: Journal) -> bool:
        """Look at what a function says it earned on null markets; tell whether that is a leak."""
        tracks, journals = earning_tracks(base), []
        for world in range(WORLDS if tracks else 0):
            if self.left < 0:
                break
            self.progress("null market", world, WORLDS)
            try:
                journals.append(self.workshop.run(self.spec, null_market(history, self.options.seed + world)))
            except TargetError as error:
                verdict.notes.append(f"null market {world}: {error}")
        for track in tracks:
            t = certainty(journals, track)
            if t > CERTAIN:
                null_leak(verdict, track, t, len(journals))
                return True
        return False

    def _same_length(
        self,
        history: History,
        base: Journal,
        cut: int,
        seed: int,
        chosen: list[int],
        found: list[Difference],
        truncated: History,
    ) -> tuple[str, int, History, list[Difference]]:
        """Return a future of the same length that shows a truncation leak too, which tells how far it looks."""
        for other_seed in range(seed + 1000, seed + 1000 + MOST_SEEDS):
            other = future_of(history, "cocktail", cut, other_seed)
            try:
                journal = self.workshop.run(self.spec, other, chosen)
            except TargetError:
                continue
            shown = differences(base, journal, cutting.agreed_until(history, cut, "cocktail"))
            if shown:
                return "cocktail", other_seed, other, shown
        return "truncate", seed, truncated, found

    def another(self, future: str, history: History, other: History, cuts: list[int], zygote: int = 0) -> Journal:
        """Run over another future, or, where caches are looked at, over this one after the other."""
        journal = self.workshop.run(self.spec, other, cuts, zygote=zygote)
        if future == CACHE:
            journal = self.workshop.run(self.spec, history, cuts, zygote=zygote, warm=True)
        return journal

    def _leak(
        self,
        verdict: Verdict,
        history: History,
        base: Journal,
        other: History,
        future: str,
        cut: int,
        found: list[Difference],
        chosen: list[int],
    ) -> None:
        first = found[0]
        verdict.verdict, verdict.failed, verdict.cut = "leak", PROPERTIES[future], cut
        place(verdict, first)
        decided = next((each for each in found if each.stage in self._deciding), None)
        if decided is not None:
            known = decided.left or decided.right or {}
            verdict.decision = {"ts": decided.ts, "symbol": decided.symbol, **known}
        verdict.source = sorted({f"{name} opened at {place}" for name, place in base.datasets if place})
        self.progress("localising", 0, 1)
        localise(verdict, self, history, base, other, first, chosen)
        verdict.reason = sentence(verdict)

    def _no_leak(self, verdict: Verdict, base: Journal, *, alive: bool, failed: list[str], planned: int) -> None:
        verdict.notes += failed[:3]
        if failed and len(failed) > planned // 2:
            verdict.verdict, verdict.reason = "error", f"it fails on other histories: {failed[0]}"
        elif not alive and any(note.startswith("the budget ended") for note in verdict.notes):
            verdict.verdict = "error"
            verdict.reason = "the budget ended before any other future made a difference: give it more time"
        elif not alive:
            verdict.verdict = "vacuous"
            verdict.reason = (
                "no other future changed anything it did later: it does not depend on the data it was given"
                if self.left >= 0
                else f"the budget of {self.options.seconds:.0f} s ended before another future had changed anything it "
                "did later: give it more time"
            )
        else:
            verdict.verdict, verdict.reason = "clean", "nothing done by a cut depends on what came after it"


def _plan(chosen: list[int], options: Options, *, caches: bool) -> list[tuple[str, int, int]]:
    """Return comparisons (future, cut, seed), the most telling first, or the one that is asked for."""
    if options.again:
        return [options.again]
    return [
        (future, cut, options.seed + number) for number, (future, cut) in enumerate(_comparisons(chosen, caches=caches))
    ]


def _comparisons(chosen: list[int], *, caches: bool) -> Iterator[tuple[str, int]]:
    """Yield every cut once with each of the best two futures, then the others."""
    for number, cut in enumerate(chosen):
        yield "cocktail", cut
        yield "truncate", cut
        if caches and number < MOST_CACHES:
            yield CACHE, cut
    for cut in chosen[:2]:
        yield "extend", cut
        yield "thin", cut


def _beside_cuts(one: Journal, other: Journal) -> list[Difference]:
    """Return differences of two whole runs, save in what only the second records."""
    return [each for each in differences(one, other, 2**62) if not each.track.endswith(AT_CUTS)]


def check(
    target: str,
    *,
    scenario: str = "",
    data: str = "",
    parameters: dict[str, object] | None = None,
    catalog: str | None = None,
    folder: Path | None = None,
    options: Options = Options(),
    progress: Progress = lambda what, done, planned: None,
    workshop: Workshop | None = None,
) -> Verdict:
    """Check one target for leaks.

    Parameters
    ----------
    target : str
        A scenario, a dotted strategy, job or function, or a feature's name; see `targets`.
    scenario : str
        The scenario that a strategy or job is run in.
    data : str
        The dataset it is run on, where there is no scenario.
    parameters : dict or None
        For the strategy, job or function.
    catalog : str or None
        Where the user's datasets are.
    folder : Path or None
        The user's project; None: the current folder.
    options : Options
        How hard to look.
    progress : callable
        See `Progress`.
    workshop : Workshop or None
        One that is open already, for several checks one after another; then it knows the catalogue.
    """
    spec = Spec(target, scenario=scenario, data=data, parameters=dict(parameters or {}))
    if workshop is not None:
        workshop.enter(folder)
        return Check(spec, options, workshop, progress).verdict()
    with Workshop(catalog, folder) as own:
        return Check(spec, options, own, progress).verdict()
