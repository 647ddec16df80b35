"""Engine and strategies hold no clock, no unseeded chance, no hash order, no environment, no loose floating point.

The lint reads syntax only. It follows import aliases and names bound to sets within one function; what it cannot see
(a set handed in without annotation, a clock behind ``getattr``) the digest tests have to catch.
"""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("engine", "strategies")

CLOCKS = (
    "time.",
    "datetime.datetime.now",
    "datetime.datetime.utcnow",
    "datetime.datetime.today",
    "datetime.date.today",
    "pandas.Timestamp.now",
    "pandas.Timestamp.today",
    "pandas.Timestamp.utcnow",
)
CHANCE = ("random.", "secrets.", "uuid.uuid1", "uuid.uuid4", "os.urandom", "os.getrandom")
ENVIRONMENT = ("os.environ", "os.getenv", "os.getpid", "os.cpu_count", "socket.", "platform.")
SEEDED = {"default_rng", "Generator", "SeedSequence", "Philox", "PCG64", "PCG64DXSM", "SFC64", "MT19937", "RandomState"}
SET_METHODS = {"union", "intersection", "difference", "symmetric_difference", "copy"}
ORDERING = {"list", "tuple", "enumerate", "iter", "zip", "map", "filter", "sum", "reversed", "next", "dict"}

COMPILING = "where and for which machine code is compiled changes no result"
EXEMPT = {
    ("engine/cache.py", "os.environ"): COMPILING,
    ("engine/cache.py", "platform."): COMPILING,
    ("engine/fingerprint.py", "id()"): "marks functions already seen; the walk keeps its own order",
}


def aliases(tree):
    """Map each imported name to the dotted name that it stands for."""
    names = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.partition(".")[0]
                names[alias.asname or top] = alias.name if alias.asname else top
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return names


def dotted(node, names):
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name) or node.id not in names:
        return ""
    return ".".join([names[node.id], *reversed(parts)])


def is_set(node, known):
    if isinstance(node, ast.Set | ast.SetComp):
        return True
    if isinstance(node, ast.Name):
        return node.id in known
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr | ast.BitAnd | ast.Sub | ast.BitXor):
        return is_set(node.left, known) or is_set(node.right, known)
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Attribute):
            return node.func.attr in SET_METHODS and is_set(node.func.value, known)
        return getattr(node.func, "id", "") in {"set", "frozenset"}
    return False


def is_set_type(annotation):
    text = ast.unparse(annotation) if annotation else ""
    return text.split("[")[0].split(".")[-1] in {"set", "frozenset", "Set", "AbstractSet", "MutableSet"}


def set_names(scope, inherited):
    """Names that are bound to a set in ``scope``, by assignment or annotation."""
    known = set(inherited)
    for node in ast.walk(scope):
        if isinstance(node, ast.Assign) and is_set(node.value, known):
            known.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            if is_set_type(node.annotation) or (node.value and is_set(node.value, known)):
                known.add(node.target.id)
        elif isinstance(node, ast.arg) and is_set_type(node.annotation):
            known.add(node.arg)
    return known


def set_iterations(scope, known):
    for node in ast.walk(scope):
        if isinstance(node, ast.For | ast.comprehension) and is_set(node.iter, known):
            yield node.iter.lineno, "iterates over a set; sort it first"
        elif isinstance(node, ast.Starred) and is_set(node.value, known):
            yield node.lineno, "unpacks a set; sort it first"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id in ORDERING and any(is_set(arg, known) for arg in node.args):
                yield node.lineno, f"{node.func.id}() reads a set in hash order; sort it first"
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr == "join" and any(is_set(arg, known) for arg in node.args):
                yield node.lineno, "join() reads a set in hash order; sort it first"
            elif node.func.attr == "pop" and not node.args and is_set(node.func.value, known):
                yield node.lineno, "pop() takes an element in hash order"


def hash_order(tree):
    everywhere = set_names(ast.Module([n for n in tree.body if not hasattr(n, "body")], []), ())
    found = set(set_iterations(tree, everywhere))
    for scope in ast.walk(tree):
        if isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            found.update(set_iterations(scope, set_names(scope, everywhere)))
    return found


def chance(node, name):
    if name.startswith(CHANCE):
        return f"{name}: chance comes from the counter-based generator in the world"
    if not name.startswith("numpy.random."):
        return ""
    leaf = name.rpartition(".")[2]
    seeded = isinstance(node, ast.Call) and (node.args or node.keywords)
    none = seeded and node.args and isinstance(node.args[0], ast.Constant) and node.args[0].value is None
    if leaf in SEEDED and (not isinstance(node, ast.Call) or (seeded and not none)):
        return ""
    return f"{name}: not seeded here"


def reads_now(node, name):
    literal = isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
    return name == "numpy.datetime64" and literal and node.args[0].value in {"now", "today"}


def names_used(tree):
    """Yield ``(node, dotted name)``: calls with their arguments, other uses bare."""
    names = aliases(tree)
    called = {id(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield node, dotted(node.func, names)
        elif isinstance(node, ast.Attribute | ast.Name) and id(node) not in called:
            yield node, dotted(node, names)


def forbidden_names(tree):
    for node, name in names_used(tree):
        if name.startswith(CLOCKS) or reads_now(node, name):
            yield node.lineno, f"{name}: engine and strategies know only the time of events"
        elif name.startswith(ENVIRONMENT):
            yield node.lineno, f"{name}: configuration enters through the scenario"
        elif why := chance(node, name):
            yield node.lineno, why


def forbidden_calls(tree):
    shadowed = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)} | set(aliases(tree))
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "id", "")
        if name in {"hash", "id"} - shadowed:
            yield node.lineno, f"{name}() differs between processes"
        for keyword in node.keywords:
            loose = keyword.arg in {"fastmath", "parallel"}
            if loose and not (isinstance(keyword.value, ast.Constant) and keyword.value.value is False):
                yield node.lineno, f"{keyword.arg} changes the bits of a result"


def lint(source):
    tree = ast.parse(source)
    return sorted({*forbidden_names(tree), *forbidden_calls(tree), *hash_order(tree)})


def exemption(file, why):
    return next((key for key in EXEMPT if key[0] == file and why.startswith(key[1])), None)


def findings(room):
    for path in sorted((ROOT / room).rglob("*.py")):
        file = path.relative_to(ROOT).as_posix()
        yield from ((file, line, why) for line, why in lint(path.read_text()))


@pytest.mark.parametrize("room", ROOMS)
def test_the_room_is_deterministic(room):
    assert list((ROOT / room).rglob("*.py"))
    found = [f"{file}:{line}: {why}" for file, line, why in findings(room) if exemption(file, why) is None]
    assert not found, "\n".join(found)


def test_every_exemption_is_needed():
    needed = {exemption(file, why) for room in ROOMS for file, _, why in findings(room)}
    assert set(EXEMPT) <= needed


PLANTED = [
    "import time\ntime.time()",
    "import time as t\nx = t.perf_counter_ns",
    "from time import monotonic as m\nm()",
    "from datetime import datetime\ndatetime.now()",
    "import datetime as dt\ndt.date.today()",
    "import numpy as np\nnp.datetime64('now')",
    "import random\nrandom.Random(3).random()",
    "from random import shuffle\nshuffle([1])",
    "import numpy as np\nnp.random.default_rng()",
    "import numpy as np\nnp.random.default_rng(None)",
    "import numpy as np\nnp.random.normal(0, 1)",
    "import numpy as np\nnp.random.seed(1)",
    "from numpy.random import default_rng\ndefault_rng()",
    "from uuid import uuid4\nuuid4()",
    "import os\nos.urandom(8)",
    "import os\nos.environ['X']",
    "from os import getenv\ngetenv('X')",
    "for x in {1, 2}: pass",
    "a = {x for x in 'ab'}\nb = [y for y in a]",
    "def f(names: set[str]):\n    for n in names: pass",
    "def f(xs):\n    s = set(xs)\n    return list(s)",
    "def f(xs, ys):\n    for x in set(xs) | ys: pass",
    "def f(xs):\n    s = frozenset(xs).union('a')\n    return ','.join(s)",
    "def f(xs):\n    s: frozenset = xs\n    return [*s]",
    "def f(s: set[float]):\n    return sum(s)",
    "def f(s: set[int]):\n    return s.pop()",
    "S = {'a', 'b'}\ndef f():\n    return tuple(S)",
    "hash('x')",
    "sorted([object()], key=lambda o: id(o))",
    "@njit(fastmath=True)\ndef f(): pass",
    "@njit(fastmath={'nnan'})\ndef f(): pass",
    "@njit(parallel=True)\ndef f(): pass",
]

LAWFUL = [
    "import numpy as np\nnp.random.default_rng(7).normal()",
    "import numpy as np\ndef f(rng: np.random.Generator): return rng.normal()",
    "import numpy as np\nnp.datetime64('2020-01-01')",
    "import datetime as dt\ndt.datetime.fromisoformat('2020-01-01')",
    "def f(s: set[str]):\n    return [x for x in sorted(s)]",
    "def f(s: set[str], x):\n    return x in s and len(s) > 1 and any(True for y in sorted(s))",
    "def f(d: dict[str, int]):\n    return list(d), [k for k in d], d.pop('x')",
    "def f(xs):\n    s = set(xs)\n    return sorted(s)\ndef g(s):\n    return list(s)",
    "@njit(fastmath=False)\ndef f(): pass",
    "def time(x): return x\ntime(3)",
]


@pytest.mark.parametrize("source", PLANTED)
def test_a_planted_violation_is_found(source):
    assert lint(source)


@pytest.mark.parametrize("source", LAWFUL)
def test_lawful_code_passes(source):
    assert lint(source) == []
