"""What compiled code depends on: source files, other functions, captured values.

A *root* is the folder whose sources stand for a function's file: its topmost package, else the folder it lies in. All
of ``lockstep.engine`` and ``lockstep.strategies`` is one root. Roots are digested when first seen, which is before
their code is loaded or while it is, and the digest is kept for the life of the process: it is what the loaded code was
made of.
"""

import hashlib
import os
import sysconfig
from collections.abc import Iterator
from pathlib import Path
from types import CellType, CodeType, FunctionType, ModuleType

import llvmlite
import numba
import numpy as np

ENGINE = Path(__file__).resolve().parent
PACKAGE = ENGINE.parent
STDLIB = f"{sysconfig.get_path('stdlib')}{os.sep}"
INSTALLED = ("site-packages", "dist-packages")
COMPILER = tuple(f"{Path(module.__file__).parent}{os.sep}" for module in (numba, np, llvmlite) if module.__file__)
ADDRESS = " at 0x"

_first_seen: dict[Path, str] = {}


class UnkeyableError(Exception):
    """A closure holds an object that another process could not recognise."""


def source_root(file: Path) -> Path | None:
    """Return the root of a file, or None for a function typed in at a prompt."""
    file = file.resolve()
    if not file.is_file():
        return None
    if PACKAGE in file.parents:
        room = PACKAGE / file.relative_to(PACKAGE).parts[0]
        return ENGINE if room.name in ("engine", "strategies") else room
    folder = file.parent
    while (folder / "__init__.py").exists() and (folder.parent / "__init__.py").exists():
        folder = folder.parent
    return folder


def _sources(root: Path) -> Iterator[Path]:
    if root.is_file():
        yield root
    elif root == ENGINE:
        yield from sorted([*root.rglob("*.py"), *(PACKAGE / "strategies").rglob("*.py")])
    else:
        packaged = PACKAGE in root.parents or (root / "__init__.py").exists()
        yield from sorted(root.rglob("*.py") if packaged else root.glob("*.py"))


def digest_sources(root: Path) -> str:
    """Return the SHA-256 of the names and contents of a root's sources as they are now."""
    digest = hashlib.sha256()
    for path in _sources(root):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(root.parent)}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def remember(root: Path) -> str:
    """Return the digest that a root had when this process first saw it."""
    if root not in _first_seen:
        _first_seen[root] = digest_sources(root)
    return _first_seen[root]


def _names(code: CodeType) -> list[str]:
    inner = [name for const in code.co_consts if isinstance(const, CodeType) for name in _names(const)]
    return [*code.co_names, *inner]


def _cells(function: FunctionType) -> dict[str, object]:
    empty = CellType()
    cells = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
    return {name: cell.cell_contents for name, cell in cells if cell != empty}


def _globals(function: FunctionType) -> dict[str, object]:
    names = _names(function.__code__)
    found = {name: function.__globals__[name] for name in names if name in function.__globals__}
    modules = [
        value
        for value in found.values()
        if isinstance(value, ModuleType) and not _foreign(getattr(value, "__file__", None))
    ]
    for module in modules:
        found |= {f"{module.__name__}.{name}": vars(module)[name] for name in names if name in vars(module)}
    return found


def _foreign(file: str | None) -> bool:
    """Whether a source belongs to Python or the compiler, whose versions are part of every key."""
    if file is None or file.startswith(COMPILER):
        return True
    return file.startswith(STDLIB) and not any(folder in file for folder in INSTALLED)


def _python_function(value: object) -> FunctionType | None:
    for attribute in ("py_func", "_defn", "__wrapped__"):  # of dispatchers, intrinsics, C callbacks
        value = getattr(value, attribute, value)
    return value if isinstance(value, FunctionType) and not _foreign(value.__code__.co_filename) else None


def reachable(function: FunctionType) -> list[FunctionType]:
    """Return a function and all that it refers to in modules and closures, however deep."""
    found, pending = {id(function): function}, [function]
    while pending:
        current = pending.pop()
        for value in [*_globals(current).values(), *_cells(current).values()]:
            inner = _python_function(value)
            if inner is not None and id(inner) not in found:
                found[id(inner)] = inner
                pending.append(inner)
    return list(found.values())


def source_roots(function: FunctionType) -> list[Path]:
    """Return the roots of a function and of all that it refers to, with the engine's among them."""
    roots = [source_root(Path(each.__code__.co_filename)) for each in reachable(function)]
    return sorted({ENGINE, *(root for root in roots if root)})


def _describe(value: object) -> str:
    inner = _python_function(value)
    if inner is not None:
        return f"{inner.__module__}.{inner.__qualname__}"
    if isinstance(value, np.ndarray):
        return f"array {value.dtype} {value.shape} {hashlib.sha256(value.tobytes()).hexdigest()}"
    if isinstance(value, (tuple, list)):
        return f"({', '.join(map(_describe, value))})"
    if isinstance(value, CodeType):
        return f"code {value.co_name} {value.co_firstlineno} {value.co_code!r} {_describe(value.co_consts)}"
    return f"{type(value).__qualname__} {value!r}"


def _describe_cell(name: str, value: object) -> str:
    described = _describe(value)
    if ADDRESS in described:
        raise UnkeyableError(name)
    return f"{name}={described}"


def _describe_global(name: str, value: object) -> str:
    described = _describe(value)
    # An object without a value of its own is told by its source, which the digest of the root covers.
    return f"{name}={type(value).__qualname__ if ADDRESS in described else described}"


def _describe_function(function: FunctionType) -> str:
    captured = [_describe_cell(*item) for item in sorted(_cells(function).items())]
    constants = [_describe_global(*item) for item in sorted(_globals(function).items())]
    made = _describe((function.__code__, function.__defaults__))
    return repr((function.__module__, function.__qualname__, made, captured, constants))


def describe(function: FunctionType) -> str:
    """Return what tells a function from others made of the same sources: bytecode and captured values, however deep.

    Raises
    ------
    UnkeyableError : a closure holds an object known only by its address.
    """
    return "\n".join(sorted(_describe_function(each) for each in reachable(function)))
