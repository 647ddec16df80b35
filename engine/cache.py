"""Keep compiled kernels on disk, where no edit of any source they depend on can leave them stale.

numba's own cache looks at the file of the outermost function alone, so a cached caller keeps the old code of a callee
in another file. Here an entry is found by what could have changed it:

1. the folder: a digest of all sources of ``lockstep.engine`` and ``lockstep.strategies``, of every other package (or
   folder of scripts) that holds the kernel or a function it refers to, and of the compiler: versions, settings,
   processor;
2. the file: the types it is compiled for, and the bytecode and captured values of the function and of all it refers to.

Sources are digested when a package is first seen and again before an entry is written: code compiled while its sources
were being edited is not kept. Entries are written under another name, then renamed, and carry a checksum, so that any
number of processes may compile at once and none reads half an entry. Of each package's folders the three used last are
kept.
"""

import hashlib
import os
import pickle
import platform
import shutil
import tempfile
import warnings
from pathlib import Path
from types import FunctionType
from typing import Any

import llvmlite
import numba
import numpy as np
from llvmlite.binding import get_host_cpu_name
from numba.core import serialize, sigutils
from numba.core.caching import CompileResultCacheImpl, _Cache

from lockstep.engine.fingerprint import (
    ADDRESS,
    ENGINE,
    UnkeyableError,
    describe,
    digest_sources,
    remember,
    source_root,
    source_roots,
)

dumps: Any = serialize.dumps
normalize_signature: Any = sigutils.normalize_signature
ENVIRONMENT = os.environ  # noqa: TID251 - where and how code is compiled changes no result
FOLDERS_KEPT = 3
CHECKSUM_BYTES = 32
HARMLESS = ("NUMBA_CACHE_DIR", "NUMBA_CACHE_LOCATOR_CLASSES", "NUMBA_DEBUG_CACHE", "NUMBA_NUM_THREADS")

_used: list[Path] = []


def cache_base() -> Path | None:
    """Return the folder of all compiled kernels, or None where none can be written.

    It is ``kernels`` in ``LOCKSTEP_CACHE``, else in ``$XDG_CACHE_HOME/lockstep`` or ``~/.cache/lockstep``; where that
    cannot be written, in a folder of this user's own among the temporary files.
    """
    default = Path(ENVIRONMENT.get("XDG_CACHE_HOME") or Path("~/.cache").expanduser()) / "lockstep"
    temporary = Path(tempfile.gettempdir()) / f"lockstep-{os.getuid()}"
    return _writable(Path(ENVIRONMENT.get("LOCKSTEP_CACHE") or default)) or _writable(temporary)


def _writable(home: Path) -> Path | None:
    folder = home / "kernels"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Entries are unpickled: one that another user could have planted must not be read.
        ours = home.stat().st_uid == folder.stat().st_uid == os.getuid()
    except OSError:
        return None
    return folder if ours and os.access(folder, os.W_OK | os.X_OK) else None


def _compiler() -> str:
    settings = sorted(f"{k}={v}" for k, v in ENVIRONMENT.items() if k.startswith("NUMBA_") and k not in HARMLESS)
    versions = (platform.python_version(), numba.__version__, llvmlite.__version__, np.__version__)
    return repr((versions, platform.machine(), get_host_cpu_name(), settings))


def _short(text: str, length: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:length]


class Serializer(CompileResultCacheImpl):
    """numba's way of turning a compiled function into bytes and back, without its search for a folder."""

    def __init__(self, function: FunctionType) -> None:
        self._lineno = function.__code__.co_firstlineno
        self._py_file = function.__code__.co_filename
        self._filename_base = function.__qualname__
        self._locator = self

    def reduce(self, cres: Any) -> Any:
        """Return what is kept of a compiled function: not the listing of its types, which takes long to write."""
        return cres._replace(type_annotation="")._reduce()


class KernelCache(_Cache):
    """The cache of one kernel or callback, in the place of numba's own.

    Parameters
    ----------
    function : the Python function.
    role : what it is compiled as, ``kernel``, ``inner`` or ``callback``: these differ in their compiled code.
    serializer : how a result is written and read back.
    """

    def __init__(self, function: FunctionType, role: str, serializer: type[Any] | None = None) -> None:
        self._function, self._role, self._enabled = function, role, True
        self._serializer: Any = (serializer or Serializer)(function)
        self._root = source_root(Path(function.__code__.co_filename))
        self._roots: list[Path] = []
        for root in (ENGINE, self._root or ENGINE):
            remember(root)

    @property
    def cache_path(self) -> str | None:
        """The folder that holds this kernel; None where it is not kept."""
        folder = self._folder()
        return str(folder) if folder else None

    def enable(self) -> None:
        """Keep this kernel from now on."""
        self._enabled = True

    def disable(self) -> None:
        """Neither read nor write from now on."""
        self._enabled = False

    def flush(self) -> None:
        """Forget every entry of this kernel."""
        folder = self._folder()
        for path in sorted(folder.glob(f"{self._stem()}-*.nbc")) if folder else []:
            path.unlink(missing_ok=True)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """Return the function compiled for these types, or None where there is none that fits."""
        target_context.refresh()
        path = self._path(sig, target_context.codegen())
        payload = _read(path) if path else None
        return None if payload is None else self._serializer.rebuild(target_context, pickle.loads(payload))

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep a compiled function, unless a source it depends on has changed since it was loaded."""
        path = self._path(sig, data.codegen)
        if path and self._serializer.check_cachable(data) and self._sources_unchanged():
            _write(path, dumps(self._serializer.reduce(data)))

    def _sources_unchanged(self) -> bool:
        return all(digest_sources(root) == remember(root) for root in self._all_roots())

    def _all_roots(self) -> list[Path]:
        # Not at decoration: what a kernel refers to may be defined below it.
        if not self._roots:
            self._roots = source_roots(self._function)
        return self._roots

    def _folder(self) -> Path | None:
        base = cache_base() if self._enabled and self._root else None
        if base is None or self._root is None:
            return None
        content = repr([remember(root) for root in self._all_roots()]) + _compiler()
        group = "lockstep" if self._root == ENGINE else f"{self._root.name}-{_short(str(self._root), 8)}"
        return _use(base, group, f"{group}-{_short(content, 20)}")

    def _stem(self) -> str:
        name = f"{self._function.__module__}.{self._function.__qualname__}"
        return f"{name.replace('<', '').replace('>', '')[-100:]}-{self._role}"

    def _path(self, sig: Any, codegen: Any) -> Path | None:
        folder = self._folder()
        signature = repr(normalize_signature(sig))
        if folder is None or ADDRESS in signature:  # a type that names an object of this process
            return None
        try:
            content = repr((signature, codegen.magic_tuple(), describe(self._function)))
        except UnkeyableError:
            return None
        return folder / f"{self._stem()}-{_short(content, 24)}.nbc"


def _use(base: Path, group: str, name: str) -> Path:
    """Create or touch a folder, once in a process, and drop those of its group that were used longest ago."""
    folder = base / name
    if folder not in _used:
        folder.mkdir(exist_ok=True)
        os.utime(folder)
        _prune(base, group)
        _used.append(folder)
    return folder


def _last_use(folder: Path) -> float:
    try:
        return folder.stat().st_mtime
    except FileNotFoundError:  # another process pruned it first
        return 0.0


def _prune(base: Path, group: str) -> None:
    folders = sorted(base.glob(f"{group}-" + "?" * 20), key=_last_use, reverse=True)
    for folder in folders[FOLDERS_KEPT:]:
        shutil.rmtree(folder, ignore_errors=True)


def _read(path: Path) -> bytes | None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    checksum, payload = content[:CHECKSUM_BYTES], content[CHECKSUM_BYTES:]
    return payload if hashlib.sha256(payload).digest() == checksum else None


def _write(path: Path, payload: bytes) -> None:
    try:
        path.parent.mkdir(exist_ok=True)  # another process may have pruned it
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(hashlib.sha256(payload).digest() + payload)
        Path(file.name).replace(path)
    except OSError as error:
        remedy = "set LOCKSTEP_CACHE to a folder with room"
        warnings.warn(f"compiled kernel not kept as {path}: {error}; {remedy}", RuntimeWarning, stacklevel=2)
