"""The decorators of compiled code: ``kernel`` for functions, ``callback`` for functions called through a C pointer.

Both compile for exact arithmetic (no fastmath, no contraction), give inf or NaN on division by zero as IEEE 754 says,
release the GIL, and are cached by all they depend on (``engine/cache.py``). With ``NUMBA_DISABLE_JIT=1`` both return
the Python function: the interpreted twin, which gives the same bytes.
"""

from collections.abc import Callable
from functools import cached_property
from types import FunctionType
from typing import Any, TypeVar, cast

import numpy as np
from numba.core import ccallback, registry, sigutils, types
from numba.core import config as numba_config
from numba.core.typeinfer import register_dispatcher

from lockstep.engine.cache import KernelCache
from lockstep.engine.errors import StrategyError
from lockstep.engine.linking import LinkOnlyCompiler, LinkOnlySerializer, set_environments

Function = TypeVar("Function", bound=Callable[..., Any])
Signature = Any
"""Types to compile for, such as ``types.int64(types.int64)``, ``"int64(int64)"`` or a tuple of argument types."""

config: Any = numba_config
CFunc: Any = ccallback.CFunc
int64: Any = np.int64
"""`numpy.int64` for kernels: in compiled code an int is one, which type checkers cannot know."""
CPUDispatcher: Any = registry.CPUDispatcher
unliteral: Any = types.unliteral
normalize_signature: Any = sigutils.normalize_signature
OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy", "fastmath": False, "boundscheck": None}


def kernel(function: Function) -> Function:
    """Compile a function for whatever types it is called with.

    Parameters
    ----------
    function : a plain function.

    Returns
    -------
    numba's dispatcher; the function itself under ``NUMBA_DISABLE_JIT=1``.

    Raises
    ------
    StrategyError : what is decorated is no plain function.
    """
    return cast("Function", _compile(function, None))


def kernel_for(signature: Signature) -> Callable[[Function], Function]:
    """Compile a function at once, for one signature alone.

    A function that is passed to kernels as an argument needs this: only then is the kernel that receives it cached.

    Parameters
    ----------
    signature : types to compile for.

    Returns
    -------
    A decorator that gives numba's dispatcher; the function itself under ``NUMBA_DISABLE_JIT=1``.
    """

    def decorate(function: Function) -> Function:
        return cast("Function", _compile(function, signature))

    return decorate


class _Inner(CPUDispatcher):  # type: ignore[misc]
    """A dispatcher that only other kernels call, so it needs no door for Python or C, which are slow to compile.

    It is not compiled anew for each constant that a caller passes it.
    """

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Return how a call is typed, its arguments' constants taken as plain values."""
        plain = {name: unliteral(kind) for name, kind in dict(kws).items()}
        return super().get_call_template(tuple(unliteral(kind) for kind in args), plain)


class _Dispatcher(CPUDispatcher):  # type: ignore[misc]
    """A dispatcher for Python's calls; those of other kernels go to its twin without a door."""

    @cached_property
    def inner(self) -> _Inner:
        """The twin."""
        options = {"nopython": True, "no_cpython_wrapper": True, "no_cfunc_wrapper": True, **OPTIONS}
        twin = _Inner(self.py_func, locals={}, targetoptions=options, pipeline_class=LinkOnlyCompiler)
        twin._cache = KernelCache(self.py_func, "inner", LinkOnlySerializer)
        return twin

    def compile(self, sig: Any) -> Any:
        """Compile for types, for a call from Python."""
        entry = super().compile(sig)
        for result in self.overloads.values():
            set_environments(result.library)
        return entry

    def get_call_template(self, args: Any, kws: Any) -> Any:
        """Return how a call from another kernel is typed."""
        return self.inner.get_call_template(args, kws)

    def get_overload(self, args: Any) -> Any:
        """Return what a call from another kernel runs."""
        return self.inner.get_overload(args)


def _compile(function: Callable[..., Any], signature: Signature | None) -> Any:
    checked = _plain(function)
    if config.DISABLE_JIT:
        return checked
    kind = _Dispatcher if signature is None else CPUDispatcher
    dispatcher: Any = kind(checked, locals={}, targetoptions={"nopython": True, **OPTIONS})
    dispatcher._cache = KernelCache(checked, "kernel")
    if signature is not None:
        with register_dispatcher(dispatcher):
            dispatcher.compile(signature)
        dispatcher.disable_compile()
    return dispatcher


def callback(signature: Signature) -> Callable[[Callable[..., Any]], Any]:
    """Compile a function into a C callback with an ``address`` and a ``ctypes`` view.

    Parameters
    ----------
    signature : numba signature with its return type, of types that C has.

    Returns
    -------
    A decorator that gives numba's ``CFunc``; the function itself under ``NUMBA_DISABLE_JIT=1``.
    """

    def decorate(function: Any) -> Any:
        checked = _plain(function)
        if config.DISABLE_JIT:
            return checked
        options = {"nopython": True, **OPTIONS}
        compiled = CFunc(checked, normalize_signature(signature), locals={}, options=options)
        compiled._cache = KernelCache(checked, "callback")
        compiled.compile()
        set_environments(compiled._library)
        return compiled

    return decorate


def _plain(function: Any) -> FunctionType:
    if not isinstance(function, FunctionType):
        kind = type(function).__name__
        raise StrategyError(f"kernel {function!r} is a {kind}, expected a plain function: decorate the function itself")
    return function
