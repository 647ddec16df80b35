"""What of a target can be scouted, inside the process of one run: pandas features, and functions over frames."""

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from lockstep.data.catalog import Catalog
from lockstep.scenarios import features
from lockstep.scenarios.plan import Plan

from .inputs import CLOSES, FRAMES, Given, arguments, place_labels, required, symbol_frames
from .outputs import tracks_of
from .scout import Find, Frames, Known, Scout, Values
from .targets import Spec, find, run


class _Scouted(BaseException):
    """Ends a run whose features have been scouted; no handler of the target's may catch it."""

    def __init__(self, finds: list[Find]) -> None:
        super().__init__()
        self.finds = finds


def scout_target(spec: Spec, catalog: Catalog, wanted: list[str], **options: Any) -> list[Find]:
    """Return cuts at which a target's features, or what a function returns, look ahead in this process.

    Parameters
    ----------
    spec, catalog
        As for `targets.run`.
    wanted : list of str
        The features that are read.
    options
        ``seconds``, ``tolerance`` and ``seed`` of a `Scout`.
    """
    if spec.kind == "function":
        return _scout_function(spec, catalog, options)
    compute = features.compute_features

    def scouted(plan: Plan) -> Any:
        raise _Scouted(_scout_features(plan, wanted, options))

    features.compute_features = scouted
    try:
        run(spec, catalog)
    except _Scouted as end:
        return end.finds
    finally:
        features.compute_features = compute
    return []


def _scout_features(plan: Plan, wanted: list[str], options: dict[str, Any]) -> list[Find]:
    bars, known = features.replayed_bars(plan)
    found = []
    for sleeve in plan.sleeves:
        function = getattr(sleeve.strategy, "features", None)
        if function is not None:
            apart = next(iter(inspect.signature(function).parameters), "") != "panel"
            found += Scout(_reader(function, sleeve), apart, wanted, **options).search(bars, known)
    return found


def _reader(function: Any, sleeve: Any) -> Callable[[Frames, Known], Values]:
    def read(frames: Frames, known: Known) -> Values:
        made = features.feature_columns(function, sleeve, frames, known)
        return {(name, symbol): pairs[i] for name, pairs in made.items() for i, symbol in enumerate(frames)}

    return read


def _scout_function(spec: Spec, catalog: Catalog, options: dict[str, Any]) -> list[Find]:
    function, dataset = find(spec.target), catalog.dataset(spec.data)
    wanted = required(function, spec.parameters)
    frames = symbol_frames(dataset)
    if not wanted or {*wanted} <= {"catalog", "dataset"}:
        return []
    daily, sessions = dataset.manifest.label == "session", dataset.sessions()
    known = {symbol: place_labels(frame.index, sessions, daily=daily) for symbol, frame in frames.items()}
    if not {*wanted} & {*FRAMES, *CLOSES}:  # it is given one symbol
        chosen = max(frames, key=lambda symbol: len(frames[symbol]))
        frames, known = {chosen: frames[chosen]}, {chosen: known[chosen]}

    def read(changed: Frames, until: Known) -> Values:
        given: Given = arguments(function, catalog, spec.data, spec.parameters, frames=changed)
        tracks = tracks_of(function(**given.values), given)
        return {
            (name, ""): (track.ts, track.rows["value"] + track.rows["hash"].astype(np.float64))
            for name, track in tracks.items()
        }

    return Scout(read, apart=False, wanted=None, **options).search(frames, known)
