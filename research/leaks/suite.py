"""Check one target: run it over histories that agree up to a cut, and compare what it had done by then.

1. Look at the target: what it is and which data it is run on.
2. Run it twice on the history as it is, in processes that hash text differently (determinism gate). What it reads
   beside its declared data joins the history.
3. Choose cuts where it did something.
4. For each cut and each future: run it from scratch, compare all that was done by the cut.
5. A difference is a leak: localise it. Without one the verdict is *clean* only if there were decisions and if the
   future made a difference to the future; else *vacuous*.
"""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

from lockstep.engine.errors import LockstepError

from . import TOLERANCE
from . import cuts as cutting
from .beyond import BEYOND
from .comparisons import Comparison, plan
from .files import find_files
from .futures import CACHE, SAME_LENGTH, future_of
from .gather import MARKET, first_run, look, with_datasets
from .history import History
from .journal import AT_CUTS, Difference, Journal, differ_after, differences
from .lanes import in_order
from .ledger import early_fill
from .localise import localise
from .scout import Find
from .targets import Spec
from .verdict import Verdict, iso
from .wording import clock_leak, early_leak, nondeterministic, place, sentence
from .workshop import TargetError, Workshop

SCOUTING = 2.0
"""Seconds in which cuts are looked for, where a run does not take longer."""
PATIENCE, LEAST = 30.0, 10.0
"""A run over another future may take so many times as long as the run as it is, and so many seconds more."""
WRONG_CLOCK = -(423.0 * 86_400.0 + 5.0 * 3_600.0 + 37.0 * 60.0 + 11.0)
"""Seconds by which the wall clock of the second run is wrong: another year, weekday and hour."""
PROPERTIES = {
    "cocktail": "prefix invariance",
    "truncate": "truncation",
    "extend": "extension",
    "thin": "prefix invariance, rows missing",
    CACHE: "cache transparency",
}
ENOUGH = 10
"""Comparisons without which nothing is called clean, when the budget has ended."""
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
    nightly : bool
        Whether what takes long is tried too, see `bounds`.
    localised : bool
        Whether a leak is followed until it is known how far and at what it looks.
    """

    seconds: float = 300.0
    cuts: int = cutting.MOST
    tolerance: float = TOLERANCE
    seed: int = 0
    again: tuple[str, int, int] | None = None
    at: tuple[int, ...] = ()
    nightly: bool = False
    localised: bool = True


@dataclass(frozen=True)
class Outcome:
    """What came of one comparison: differences, whether later decisions changed, or an error."""

    found: list[Difference] = field(default_factory=list)
    alive: bool = False
    failed: str = ""


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
    took: float = 0.0
    fine: Journal | None = None
    """Of the run as it is, finely rounded, where the target uses transforms; see `transforms`."""
    batched: Difference | None = None
    """What depends on where batches of events end."""

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
        verdict.notes += self.workshop.box.notes
        verdict.seconds = round(time.perf_counter() - self.began, 3)
        return verdict

    @property
    def left(self) -> float:
        """Seconds of the budget that are left; loading and compiling the engine is not counted."""
        return self.options.seconds - (time.perf_counter() - self.started)

    @property
    def deciding(self) -> tuple[str, ...]:
        """The stages that count as decisions: a job's are its results, everybody else's results are a means."""
        return ("jobs",) if self.spec.kind == "job" else ("decisions", "output")

    def _fill(self, verdict: Verdict) -> None:
        for zygote in self.workshop.zygotes:
            zygote.wait_until_ready()
        self.started = time.perf_counter()
        self.workshop.seconds = self.options.seconds
        self.workshop.deadline = self.started + self.options.seconds
        found = look(self.workshop, self.spec)
        self.spec = replace(self.spec, kind=found["kind"])
        verdict.kind = found["kind"]
        history = self._history(found["datasets"])
        history, base = self._baseline(history)
        verdict.decisions = base.count(self.deciding)
        finds = self._scouted(history, base)
        chosen = list(self.options.at) or cutting.choose(
            history, base, self.options.seed, self.options.cuts, [find.cut for find in finds]
        )
        verdict.cuts = len(chosen)
        self.progress("again, unperturbed", 2, 2 + 3 * len(chosen))
        again = self._again(verdict, history, base, chosen)
        if again is None:
            return
        if not verdict.decisions or not chosen:
            verdict.verdict = "vacuous"
            verdict.reason = "it decided nothing on this history: give it a scenario or data on which it acts"
            return
        if self.workshop.scales:
            self.fine = self.workshop.run(self.spec, history, chosen, fine=True)
        self._search(verdict, history, again, chosen, finds)
        if self.batched is not None and verdict.verdict != "leak":
            nondeterministic(verdict, self.batched)

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
            whole = self._halts_matter(history, base, chosen) if right else None
            if whole is not None:
                self.batched = right[0]
                return whole
            nondeterministic(verdict, right[0]) if right else clock_leak(verdict, gate[0])
        early = early_fill(journal)
        if not gate and early is not None:
            early_leak(verdict, early)
        return None if gate or early is not None else journal

    def _halts_matter(self, history: History, base: Journal, chosen: list[int]) -> Journal | None:
        """Return a run that is not halted at the cuts, if it does what the first one did, which was not either.

        Then something depends on where batches of events end, as one does who reads on within them. From here on no run
        is halted, so that it can be seen to read beyond a cut.
        """
        self.workshop.halts = False
        journal = self.workshop.run(self.spec, history, chosen, zygote=1)
        if not differences(base, journal, 2**62):
            return journal
        self.workshop.halts = True
        return None

    def _scouted(self, history: History, base: Journal) -> list[Find]:
        """Return cuts that are worth a run before all others; a hint, so that a scout that fails is no news."""
        if self.options.at:
            return []
        self.progress("looking for cuts", 1, 2)
        options = {"tolerance": self.options.tolerance, "seed": self.options.seed}
        seconds = min(max(SCOUTING, 2 * self.took), self.options.seconds / 10)
        try:
            finds = self.workshop.scout(self.spec, history, cutting.features_read(base), seconds=seconds, **options)
        except TargetError:
            return []
        return cutting.worth(finds, base, history.times)

    def _history(self, datasets: dict[str, int]) -> History:
        if "" in datasets:
            self.spec = replace(self.spec, data=MARKET)
        return with_datasets(self.workshop, History({}), {name or MARKET: delay for name, delay in datasets.items()})

    def _baseline(self, history: History) -> tuple[History, Journal]:
        """Run the target as it is; learn what it reads, which modules it loads and what it transforms."""
        self.progress("unperturbed", 0, 2)
        began = time.perf_counter()
        history, journal = first_run(self.workshop, self.spec, history)
        self.took = time.perf_counter() - began
        self.workshop.preload, self.workshop.scales = journal.modules, journal.transforms
        box = self.workshop.box
        self.caches = bool(box.outside or box.written())
        first = next(iter(history.tables.values()))
        files = find_files(box.sources or {}, first.sessions, int(history.times[0]))
        history = replace(history, files=files)
        self.workshop.usual = self.took
        self.workshop.seconds = min(self.options.seconds / 2, PATIENCE * self.took + LEAST)
        if journal.transforms:
            journal = self.workshop.run(self.spec, history)
        return history, journal

    def _search(self, verdict: Verdict, history: History, base: Journal, chosen: list[int], finds: list[Find]) -> None:
        again = self.options.again
        planned = [again] if again else plan(chosen, finds, self.options.seed, caches=self.caches)
        if not again:
            planned.append(("cocktail", cutting.before_all(history, base, self.deciding), self.options.seed))
        planned = [each for each in planned if each[0] in PROPERTIES]
        lanes = self.workshop.lanes
        done = self._compare_all(planned, history, base, chosen, lanes)
        if self.workshop.lanes < lanes:  # runs have begun to write where they meet
            done = self._compare_all(planned, history, base, chosen, self.workshop.lanes)
        if len(done) < len(planned) and not (done and done[-1].found):
            verdict.notes.append(f"the budget ended after {len(done)} of {len(planned)} comparisons")
        if done and done[-1].found:
            self._first_leak(verdict, history, base, planned[len(done) - 1], done[-1].found, chosen)
        elif not self._beyond(verdict, history, base):
            alive = any(each.alive for each in done) or (again is not None and again[0] not in PROPERTIES)
            failed = [each.failed for each in done if each.failed]
            self._no_leak(verdict, base, alive=alive, failed=failed, done=len(done))

    def _compare_all(
        self, planned: list[Comparison], history: History, base: Journal, chosen: list[int], lanes: int
    ) -> list[Outcome]:
        """Return what came of all comparisons up to the first that found something, or until the budget ends."""

        def compare(number: int, comparison: Comparison) -> Outcome | None:
            return self._compare(comparison, history, base, chosen, number % 2) if self.left > 0 else None

        done: list[Outcome] = []
        with contextlib.closing(in_order(compare, planned, lanes)) as outcomes:
            for (future, _, _), outcome in zip(planned, outcomes, strict=False):
                if outcome is None:
                    break
                self.progress(future, len(done) + 2, len(planned) + 2)
                done.append(outcome)
                if outcome.found:
                    break
        return done

    def _compare(
        self, comparison: Comparison, history: History, base: Journal, chosen: list[int], zygote: int
    ) -> Outcome | None:
        """Run over another future and compare what was done by the cut; None where the budget ends before."""
        future, cut, seed = comparison
        try:
            journal = self.another(future, history, future_of(history, future, cut, seed), chosen, zygote=zygote)
        except TargetError as error:
            return None if error.kind == "budget" else Outcome(failed=f"{future} at {iso(cut)}: {error}")
        same = future in SAME_LENGTH
        tolerance, one = (0.0, base) if same else (self.options.tolerance, self.fine or base)
        until = cutting.agreed_until(history, cut, future)
        found = differences(one, journal, until, tolerance, cutting.opened_until(history, cut, until))
        # A history of another length changes how much is done later, whatever the target looks at.
        return Outcome(found, alive=future == "cocktail" and differ_after(base, journal, cut, self.deciding))

    def _first_leak(
        self,
        verdict: Verdict,
        history: History,
        base: Journal,
        comparison: Comparison,
        found: list[Difference],
        chosen: list[int],
    ) -> None:
        future, cut, seed = comparison
        other = future_of(history, future, cut, seed)
        if future == "truncate" and not self.options.again and self.options.localised:
            future, seed, other, found = self._same_length(history, base, cut, seed, chosen, found, other)
        verdict.future, verdict.future_seed, verdict.cuts_at = future, seed, chosen
        self._leak(verdict, history, base, other, future, cut, found, chosen)

    def _beyond(self, verdict: Verdict, history: History, base: Journal) -> bool:
        """Try the other properties, or the one that a reproducer names; tell whether one has shown a leak."""
        again = self.options.again
        for name, shows in BEYOND.items():
            if self.left < 0:
                verdict.notes.append(f"the budget ended before {name} was tried")
            elif (again is None or again[0] == name) and shows(self, verdict, history, base):
                verdict.cuts_at = verdict.cuts_at or [verdict.cut]
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
            until = cutting.agreed_until(history, cut, "cocktail")
            shown = differences(base, journal, until, 0.0, cutting.opened_until(history, cut, until))
            if shown:
                return "cocktail", other_seed, other, shown
        return "truncate", seed, truncated, found

    def another(self, future: str, history: History, other: History, cuts: list[int], zygote: int = 0) -> Journal:
        """Run over another future, or, where caches are looked at, over this one after the other."""
        fine = self.fine is not None and future not in SAME_LENGTH
        journal = self.workshop.run(self.spec, other, cuts, zygote=zygote, fine=fine)
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
        decided = next((each for each in found if each.stage in self.deciding), None)
        if decided is not None:
            known = decided.left or decided.right or {}
            verdict.decision = {"ts": decided.ts, "symbol": decided.symbol, **known}
        opened = {f"{name} opened at {place}" for name, place in base.datasets if place}
        verdict.source = sorted(
            opened | {f"{name} at {at}" for stage, name, at in base.functions if stage == first.stage}
        )
        if self.options.localised:
            self.progress("localising", 0, 1)
            localise(verdict, self, history, base, other, first, chosen)
        verdict.reason = sentence(verdict)

    def _no_leak(self, verdict: Verdict, base: Journal, *, alive: bool, failed: list[str], done: int) -> None:
        verdict.notes += failed[:3]
        if failed and len(failed) > done // 2:
            verdict.verdict, verdict.reason = "error", f"it fails on other histories: {failed[0]}"
        elif any(note.startswith("the budget ended") for note in verdict.notes) and (not alive or done < ENOUGH):
            verdict.verdict = "error"
            verdict.reason = f"the budget ended after {done} comparisons, too few to call it clean: give it more time"
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
