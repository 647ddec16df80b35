"""The pre-check: patterns in the source that often look ahead. Advice with file and line, never a verdict.

Only the text is read; nothing is run or imported. What is found may be right (labels are made with negative shifts),
and what is not found may look ahead all the same; the verdict comes from runs alone.
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

WALL_CLOCK = frozenset(
    (
        *("time.time", "time.time_ns", "time.localtime", "time.gmtime", "datetime.datetime.now", "datetime.date.today"),
        *("datetime.datetime.utcnow", "datetime.datetime.today", "pandas.Timestamp.now", "pandas.Timestamp.today"),
        *("pandas.Timestamp.utcnow", "pandas.to_datetime"),
    )
)
SEEDED = frozenset(("default_rng", "Generator", "RandomState", "SeedSequence", "seed", "PCG64", "Philox", "get_state"))
ESTIMATORS = frozenset(
    (
        *("RandomForestClassifier", "RandomForestRegressor", "ExtraTreesClassifier", "ExtraTreesRegressor", "KMeans"),
        *(
            "GradientBoostingClassifier",
            "GradientBoostingRegressor",
            "MLPClassifier",
            "MLPRegressor",
            "IsolationForest",
        ),
        *(
            "HistGradientBoostingClassifier",
            "HistGradientBoostingRegressor",
            "GaussianMixture",
            "KFold",
            "ShuffleSplit",
        ),
    )
)
WHOLE = frozenset(("mean", "std", "var", "max", "min", "median", "quantile"))
FITS = frozenset(("fit", "fit_transform", "fit_predict", "train_test_split", "cross_val_score"))
BOTH_WAYS = frozenset(("filtfilt", "sosfiltfilt", "savgol_filter", "smooth", "smoothed_marginal_probabilities"))
BACK = frozenset(("bfill", "backfill", "nearest"))


@dataclass(frozen=True, order=True)
class Finding:
    """One place: file, line, the pattern's name and what to think about."""

    path: str
    line: int
    pattern: str
    advice: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line}: {self.pattern}: {self.advice}"


def scan(files: Iterable[Path]) -> list[Finding]:
    """Return what is found in files, sorted; a file that cannot be read or parsed is passed over, a run will tell."""
    found: list[Finding] = []
    for path in files:
        try:
            found += scan_text(path.read_text(encoding="utf-8"), str(path))
        except (OSError, UnicodeDecodeError, SyntaxError, ValueError):
            continue
    return sorted(set(found))


def scan_text(text: str, path: str = "<text>") -> list[Finding]:
    """Return what is found in a module's text.

    Raises
    ------
    SyntaxError
        If it is no Python.
    """
    tree = ast.parse(text)
    reader = _Reader(path, _aliases(tree))
    reader.visit(tree)
    return sorted(set(reader.found))


class _Reader(ast.NodeVisitor):
    """Walks a module and knows in which function it is."""

    def __init__(self, path: str, aliases: dict[str, str]) -> None:
        self.path, self.aliases = path, aliases
        self.found: list[Finding] = []
        self.bounded = False
        """In a function that sees only what is known by now: a job, or a callback of a strategy."""
        self.past: set[str] = set()
        """Names that hold a slice with an end."""
        self.seeds = False

    def visit_Module(self, node: ast.Module) -> None:
        """Note whether the module seeds the global generators."""
        names = {self._name(each.func) for each in ast.walk(node) if isinstance(each, ast.Call)}
        self.seeds = bool(names & {"numpy.random.seed", "random.seed"})
        self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        """Walk a function with what is known of its arguments."""
        kept = self.bounded, self.past
        first = node.args.args[0].arg if node.args.args else ""
        callback = first == "self" and node.name.startswith("on_")
        self.bounded, self.past = self.bounded or first == "asof" or callback, self.past | _past(node)
        self.generic_visit(node)
        self.bounded, self.past = kept

    def visit_Call(self, node: ast.Call) -> None:
        """Look at a call."""
        name = self._name(node.func)
        method = name.rpartition(".")[2]
        for pattern, advice in (
            *_shifts(node, name, method),
            *_windows(node, method),
            *_filling(node, method),
            *self._fits(node, method),
            *self._clock(node, name),
            *self._random(node, name, method),
        ):
            self._add(node, pattern, advice)
        self.generic_visit(node)

    def visit_BinOp(self, node: ast.BinOp) -> None:
        """Look for a series that is set against a figure of its whole self."""
        if not self.bounded and isinstance(node.op, ast.Sub | ast.Div):
            figure = _whole_figure(node.right)
            if figure is not None and any(_same(figure, part) for part in ast.walk(node.left)):
                self._add(
                    node,
                    "full-sample normalisation",
                    "a figure of the whole series is used on each of its rows; take expanding() or rolling() before it",
                )
        self.generic_visit(node)

    def _add(self, node: ast.expr, pattern: str, advice: str) -> None:
        self.found.append(Finding(self.path, node.lineno, pattern, advice))

    def _name(self, node: ast.expr) -> str:
        """Return the dotted name of what is called, imports resolved; of a method of a value its own name alone."""
        parts: list[str] = []
        while isinstance(node, ast.Attribute):
            parts.insert(0, node.attr)
            node = node.value
        if isinstance(node, ast.Name):
            parts.insert(0, self.aliases.get(node.id, node.id))
        return ".".join(parts)

    def _fits(self, node: ast.Call, method: str) -> Iterator[tuple[str, str]]:
        if method not in FITS or self.bounded:
            return
        parts = list(ast.walk(node))
        past = any(_ends(each) or (isinstance(each, ast.Name) and each.id in self.past) for each in parts)
        if past:
            return
        if method == "train_test_split" and any(_keyword(node, "shuffle", False)):
            return
        yield (
            "full-sample fit",
            f"{method}() sees no slice that ends at a time; fit on what was known by then, or in a job on `asof`",
        )

    def _clock(self, node: ast.Call, name: str) -> Iterator[tuple[str, str]]:
        text = node.args[0].value if node.args and isinstance(node.args[0], ast.Constant) else None
        asks = text in ("now", "today")
        if (name in WALL_CLOCK and name != "pandas.to_datetime") or (
            asks and name in ("pandas.to_datetime", "pandas.Timestamp", "numpy.datetime64")
        ):
            yield (
                "wall clock",
                f"{name}() gives another answer each day; use the time of the event (`self.now`, `asof.now`)",
            )

    def _random(self, node: ast.Call, name: str, method: str) -> Iterator[tuple[str, str]]:
        nothing = not node.args and not node.keywords
        if name in ("numpy.random.default_rng", "numpy.random.RandomState", "random.Random") and nothing:
            yield "unseeded random numbers", f"{name}() without a seed differs from run to run; give it one"
        elif name.startswith(("numpy.random.", "random.")) and not self.seeds:
            if method not in SEEDED and name != "random.Random":
                yield "unseeded random numbers", f"{name}() draws from a generator nobody seeded; use default_rng(seed)"
        elif name.startswith("sklearn.") and method in ESTIMATORS and not _random_state(node, method):
            yield "unseeded random numbers", f"{method} without random_state differs from run to run; give it one"


def _aliases(tree: ast.Module) -> dict[str, str]:
    found = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                top = each.name.partition(".")[0]
                found[each.asname or top] = each.name if each.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for each in node.names:
                found[each.asname or each.name] = f"{node.module}.{each.name}"
    return found


def _past(function: ast.FunctionDef) -> set[str]:
    """Return names that a function assigns from a slice with an end."""
    found = set()
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and any(_ends(each) for each in ast.walk(node.value)):
            found |= {each.id for target in node.targets for each in ast.walk(target) if isinstance(each, ast.Name)}
    return found


def _ends(node: ast.AST) -> bool:
    return isinstance(node, ast.Slice) and node.upper is not None


def _negative(node: ast.expr | None) -> bool:
    return isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)


def _keyword(node: ast.Call, name: str, *wanted: object) -> Iterator[object]:
    for each in node.keywords:
        if each.arg == name and isinstance(each.value, ast.Constant) and each.value.value in wanted:
            yield each.value.value


def _shifts(node: ast.Call, name: str, method: str) -> Iterator[tuple[str, str]]:
    position = 1 if name == "numpy.roll" else 0
    if not (name == "numpy.roll" or method in ("shift", "diff", "pct_change")) or (name == "numpy.diff"):
        return
    by = node.args[position] if len(node.args) > position else None
    by = next((each.value for each in node.keywords if each.arg in ("periods", "shift", "n")), by)
    if _negative(by):
        yield (
            "negative shift",
            f"{method}() by a negative number takes later rows; right for labels, never for what is read live",
        )
    elif name == "numpy.roll":
        yield "roll", "numpy.roll() wraps the last rows around to the first; use shift()"


def _windows(node: ast.Call, method: str) -> Iterator[tuple[str, str]]:
    if method == "rolling" and any(_keyword(node, "center", True)):
        yield "centred window", "half of it lies ahead; drop center=True"
    if method in BOTH_WAYS:
        yield "two-sided filter", f"{method}() uses what comes later too; use its one-sided or filtered counterpart"


def _filling(node: ast.Call, method: str) -> Iterator[tuple[str, str]]:
    told = "a gap is filled with what came after it; use ffill(), or leave it NaN"
    if method == "bfill" or any(_keyword(node, "method", *BACK)):
        yield "back-fill", told
    elif method == "interpolate":
        yield "back-fill", "a gap is filled from both of its sides; use ffill()"
    elif method == "merge_asof" and any(_keyword(node, "direction", "forward", "nearest")):
        yield "forward merge", "rows are joined to later ones; use direction='backward'"


def _whole_figure(node: ast.expr) -> ast.expr | None:
    """Return the series of ``series.mean()`` or ``np.mean(series)``; None where it is no figure of all rows."""
    if isinstance(node, ast.BinOp):
        return _whole_figure(node.left)
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in WHOLE):
        return None
    if any(_keyword(node, "axis", 1, -1, "columns")):
        return None
    owner = node.func.value
    if isinstance(owner, ast.Name) and owner.id in ("np", "numpy"):
        return node.args[0] if node.args and not _slices(node.args[0]) else None
    windowed = any(isinstance(each, ast.Call) for each in ast.walk(owner))
    return None if windowed or _slices(owner) or isinstance(owner, ast.Constant) else owner


def _slices(node: ast.expr) -> bool:
    return any(isinstance(each, ast.Slice) for each in ast.walk(node))


def _same(one: ast.expr, other: ast.AST) -> bool:
    return isinstance(other, ast.expr) and ast.dump(one) == ast.dump(other)


def _random_state(node: ast.Call, method: str) -> bool:
    if method == "KFold" and not any(_keyword(node, "shuffle", True)):
        return True
    return any(each.arg in ("random_state", None) for each in node.keywords)
