"""Strategies by dotted name: in the scenario's folder, the current folder, or anything installed."""

import difflib
import importlib
import importlib.util
import inspect
import sys
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from lockstep.engine.errors import ConfigError, LockstepError, StrategyError
from lockstep.engine.fingerprint import PACKAGE
from lockstep.engine.parameters import Parameter
from lockstep.engine.python_strategy import METHODS

DEFAULT = "STRATEGY"
_own: set[str] = set()
"""Top-level modules that were loaded from users' folders; another folder's module of the same name replaces them."""


def find_strategy(use: str, folder: Path | None = None, where: str = "use") -> Any:
    """Return the strategy of a dotted name.

    Parameters
    ----------
    use : str
        ``package.module`` with a `STRATEGY`, or ``package.module:NAME``.
    folder : Path or None
        Looked up first; then the current folder, then what is installed.
    where : str
        The key that names it, for errors.

    Raises
    ------
    ConfigError
        If there is no such module or name.
    StrategyError
        If the module fails to load, or what is named is no strategy.
    """
    module_name, _, name = use.partition(":")
    module = _load(module_name, folder, f"{where} = {use!r}")
    strategy = getattr(module, name or DEFAULT, None)
    if strategy is None:
        known = ", ".join(candidates(module)) or "none"
        raise ConfigError(
            f"{where} = {use!r}: {module.__file__} has no {name or DEFAULT}; strategies it has: {known}"
            f"{'' if name else ' (name one as module:NAME, or assign it to STRATEGY)'}"
        )
    return check_strategy(strategy, f"{where} = {use!r}")


def check_strategy(strategy: Any, where: str) -> Any:
    """Return what is a `KernelStrategy` object or a class derived from `Strategy`.

    Raises
    ------
    StrategyError
        If it is neither.
    """
    if not is_strategy(strategy):
        raise StrategyError(
            f"{where}: it is {_kind(strategy)}, expected a KernelStrategy object or a class derived from "
            "lockstep.engine.python_strategy.Strategy"
        )
    if inspect.isclass(strategy):
        _check_calls(strategy, where)
    for name, kind in strategy.parameters.items():
        if not isinstance(kind, Parameter):
            raise StrategyError(
                f"{where}: parameters[{name!r}] = {kind!r}, expected Integer, Number or Switch of "
                "lockstep.engine.parameters, such as Integer(20, 2, 512)"
            )
    return strategy


def _check_calls(strategy: type, where: str) -> None:
    """Refuse a class whose methods cannot be called as the engine will."""
    for name, given in (("__init__", "desk, parameters"), *((method, "one argument") for method in METHODS)):
        method = getattr(strategy, name, None)
        if method is None:
            continue
        try:
            inspect.signature(method).bind(*range(3 if name == "__init__" else 2))
        except TypeError as error:
            raise StrategyError(
                f"{where}: {strategy.__name__}.{name} cannot be called: {error}; it gets self and {given}"
            ) from error


def is_strategy(value: Any) -> bool:
    """Tell whether a value can be run as a strategy."""
    declared = all(hasattr(value, name) for name in ("is_kernel", "resolve", "state_size", "parameters", "warmup"))
    return declared and (inspect.isclass(value) or bool(value.is_kernel))


def candidates(module: ModuleType) -> list[str]:
    """Return the names of a module's strategies, sorted."""
    return sorted(name for name, value in vars(module).items() if is_strategy(value) and name != "Strategy")


def source_file(use: str) -> Path | None:
    """Return the file of a strategy's module, which must have been loaded."""
    file = getattr(sys.modules.get(use.partition(":")[0]), "__file__", None)
    return Path(file) if file else None


def locate(module: str, places: Sequence[Path], *, installed: bool = False) -> Path | None:
    """Return the file of a module without importing anything: in folders, in Lockstep, or where Python would find it.

    Parameters
    ----------
    module : str
        Dotted.
    places : sequence of Path
        Folders that modules lie in, the first one first.
    installed : bool
        Whether to look among installed packages too.
    """
    top, _, rest = module.partition(".")
    found = [place.joinpath(*module.split(".")) for place in places]
    if top == "lockstep" and rest:
        found = [PACKAGE.joinpath(*rest.split("."))]
    elif installed and top.isidentifier() and (spec := importlib.util.find_spec(top)) is not None:
        homes = spec.submodule_search_locations or (
            [] if rest or not spec.origin else [spec.origin.removesuffix(".py")]
        )
        found += [Path(home).joinpath(*filter(None, rest.split("."))) for home in homes]
    files = [file for base in found for file in (base.with_name(f"{base.name}.py"), base / "__init__.py")]
    return next((file for file in files if file.is_file()), None)


def _kind(value: Any) -> str:
    return f"the class {value.__name__}" if inspect.isclass(value) else f"an object of {type(value).__name__}"


def _load(name: str, folder: Path | None, where: str) -> ModuleType:
    top = name.partition(".")[0]
    home = next((place for place in (folder, Path.cwd()) if place is not None and _holds(place, top)), None)
    if home is not None and top != "lockstep":
        _make_way(top, home.resolve(), where)
    try:
        with _first_on_path(home):
            importlib.invalidate_caches()
            return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            raise ConfigError(_not_found(name, error.name, folder, where)) from error
        raise StrategyError(f"{where}: loading it failed{_place(error)}: {error}") from error
    except LockstepError:
        raise
    except Exception as error:  # a user's module may raise anything; it is told with its place
        raise StrategyError(f"{where}: loading it failed{_place(error)}: {type(error).__name__}: {error}") from error


def _holds(folder: Path, top: str) -> bool:
    return (folder / f"{top}.py").is_file() or (folder / top / "__init__.py").is_file()


def _make_way(top: str, home: Path, where: str) -> None:
    """Forget another folder's module of this name; refuse to hide an installed one."""
    loaded = sys.modules.get(top)
    if loaded is not None:
        file = getattr(loaded, "__file__", None)
        if file and Path(file).resolve().is_relative_to(home):
            return
        if top not in _own:
            raise ConfigError(f"{where}: {home / top} has the name of the Python module {top!r}; rename it")
        for name in [each for each in sys.modules if each == top or each.startswith(f"{top}.")]:
            del sys.modules[name]
    _own.add(top)


@contextmanager
def _first_on_path(home: Path | None) -> Iterator[None]:
    """Look into a folder first; afterwards it stays last, for what the module imports later."""
    if home is None:
        yield
        return
    entry = str(home.resolve())
    sys.path.insert(0, entry)
    try:
        yield
    finally:
        if entry in sys.path:  # the module may have changed it
            sys.path.remove(entry)
        if entry not in sys.path:
            sys.path.append(entry)


def _place(error: Exception) -> str:
    if isinstance(error, SyntaxError):
        return f" at {error.filename}:{error.lineno}"
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "importlib" not in frame.filename]
    return f" at {frames[-1].filename}:{frames[-1].lineno}" if len(frames) > 1 else ""


def _not_found(name: str, missing: str, folder: Path | None, where: str) -> str:
    parent = name.rpartition(".")[0]
    near = difflib.get_close_matches(name.rpartition(".")[2], _siblings(parent), n=1)
    hint = f"; did you mean {parent}.{near[0]}?" if near else ""
    places = ", ".join(str(place) for place in (folder, Path.cwd()) if place is not None)
    return f"{where}: there is no module {missing!r} in {places} or among the installed packages{hint}"


def _siblings(package: str) -> list[str]:
    found = importlib.util.find_spec(package) if package in sys.modules else None
    folders = (found.submodule_search_locations or ()) if found else ()
    return sorted({path.stem for folder in folders for path in Path(folder).glob("[a-z]*.py")})
