"""Kernels that only other kernels call are kept as LLVM's intermediate code and linked into the entries that use them.

numba optimises every function with all that it calls, and makes machine code of it, before its caller does the same
again. What only kernels call needs neither: here its code is taken over as it is written, and the whole of an entry
(`drive`, a strategy's callback) is optimised once.
"""

from types import SimpleNamespace
from typing import Any

import llvmlite.binding as llvm
from numba.core import compiler, environment
from numba.core.codegen import JITCodeLibrary

from lockstep.engine.cache import Serializer

KIND = "link only"
_compiler: Any = compiler
_JITCodeLibrary: Any = JITCodeLibrary
_lookup_environment: Any = environment.lookup_environment
_ENVIRONMENT = "_ZN08NumbaEnv"


class LinkOnlyLibrary(_JITCodeLibrary):  # type: ignore[misc]
    """The code of one kernel and of all that it calls, to be linked into an entry."""

    @property
    def codegen(self) -> Any:
        """The maker of machine code, as far as a library needs it that has none: environments are set by entries."""
        return SimpleNamespace(set_env=lambda name, environment: None)

    def _optimize_final_module(self) -> None:
        """Leave that to the entry."""

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """Return 0: there is no machine code."""
        return 0

    def serialize_using_object_code(self) -> tuple[str, str, bytes]:
        """Return what the cache keeps."""
        self._ensure_finalized()
        return (self.name, KIND, self._final_module.as_bitcode())


class LinkOnlyCompiler(_compiler.Compiler):  # type: ignore[misc]
    """numba's compiler, writing into a `LinkOnlyLibrary`."""

    def compile_extra(self, func: Any) -> Any:
        """Compile a function."""
        self.state.library = LinkOnlyLibrary(self.state.targetctx.codegen(), func.__qualname__)
        return super().compile_extra(func)


class LinkOnlySerializer(Serializer):
    """How the cache reads such a kernel back."""

    def rebuild(self, target_context: Any, payload: Any) -> Any:
        """Return the compiled kernel."""
        (name, _, bitcode), *rest = payload
        library = LinkOnlyLibrary(target_context.codegen(), name)
        library._final_module = llvm.parse_bitcode(bitcode)
        library._finalize_final_module()
        context = SimpleNamespace(
            codegen=lambda: SimpleNamespace(unserialize_library=lambda data: library),
            get_executable=target_context.get_executable,
            typing_context=target_context.typing_context,
        )
        return _compiler.CompileResult._rebuild(context, None, *rest)._replace(target_context=target_context)


def set_environments(library: Any) -> None:
    """Point the code of an entry at the environments of the kernels that were linked into it."""
    for variable in library._final_module.global_variables:
        found = _lookup_environment(variable.name) if variable.name.startswith(_ENVIRONMENT) else None
        if found is not None:
            library.codegen.set_env(variable.name, found)
