"""Kernels and callbacks: caching, staleness, concurrency, interpreted twins."""

import ctypes
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest
from numba import types

from lockstep.engine import cache, fingerprint
from lockstep.engine.cache import KernelCache
from lockstep.engine.compile import callback, kernel, kernel_for
from lockstep.engine.errors import StrategyError
from lockstep.engine.fingerprint import UnkeyableError, describe, digest_sources, reachable, source_root

INNER = """
    from lockstep.engine.compile import kernel

    @kernel
    def step(x):
        return x + {step}
"""
OUTER = """
    from numba import types
    from lockstep.engine.compile import callback, kernel, kernel_for
    from {inner} import step

    def doubled(function):
        @kernel
        def apply(x):
            return 2.0 * function(x)
        return apply

    @callback(types.float64(types.float64))
    def called(x):
        return step(x)

    @kernel_for(types.float64(types.float64))
    def fixed(x):
        return step(x)

    twice = doubled(step)
    hits = lambda: sum(twice.stats.cache_hits.values()) + sum(fixed.stats.cache_hits.values()) + called.cache_hits
"""
ASK = "import user.outer as u; print(u.twice(1.0), u.fixed(1.0), u.called.ctypes(1.0), u.hits())"


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("LOCKSTEP_CACHE", str(tmp_path / "cache"))
    return tmp_path


def write_package(home, step="1.0", other=False):
    """A package whose `outer` calls `step` of `inner`, in the same package or in another."""
    for package in ("user", "lib"):
        (home / package).mkdir(exist_ok=True)
        (home / package / "__init__.py").touch()
    inner = "lib" if other else "user"
    (home / inner / "inner.py").write_text(textwrap.dedent(INNER.format(step=step)))
    (home / "user" / "outer.py").write_text(textwrap.dedent(OUTER.format(inner=f"{inner}.inner")))


def start(home, program=ASK, **environment):
    command = [sys.executable, "-B", "-c", program]
    return subprocess.Popen(command, cwd=home, env=os.environ | environment, stdout=subprocess.PIPE, text=True)


def ask(home, program=ASK, **environment):
    process = start(home, program, **environment)
    answer = process.communicate()[0].split()
    assert process.returncode == 0
    return answer


@pytest.mark.parametrize("other", [False, True], ids=["same package", "another package"])
def test_edited_callee_changes_its_cached_callers(home, other):
    write_package(home, "1.0", other)
    assert ask(home) == ["4.0", "2.0", "2.0", "0"]
    assert ask(home) == ["4.0", "2.0", "2.0", "3"]
    write_package(home, "2.0", other)
    assert ask(home) == ["6.0", "3.0", "3.0", "0"]
    write_package(home, "1.0", other)
    assert ask(home) == ["4.0", "2.0", "2.0", "3"]


def test_constant_from_another_package_is_part_of_the_key(home):
    write_package(home, other=True)
    (home / "lib" / "constants.py").write_text("SIZE = 3.0\n")
    imports = "from lib.constants import SIZE\nfrom lockstep.engine.compile import kernel\n"
    (home / "user" / "uses.py").write_text(f"{imports}@kernel\ndef f(x):\n    return x + SIZE\n")
    program = "import user.uses as u; print(u.f(1.0))"
    assert ask(home, program) == ["4.0"]
    (home / "lib" / "constants.py").write_text("SIZE = 5.0\n")
    assert ask(home, program) == ["6.0"]


def test_code_compiled_while_its_source_was_edited_is_not_kept(home):
    write_package(home, "1.0")
    edit = f"import pathlib; p = pathlib.Path({str(home / 'user' / 'inner.py')!r}); p.write_text(p.read_text() + '#')"
    assert ask(home, f"import user.inner as i; {edit}; print(i.step(1.0), sum(i.step.stats.cache_hits.values()))") == [
        "2.0",
        "0",
    ]
    assert not list((home / "cache").rglob("user.inner*.nbc"))


def test_processes_may_compile_at_once(home):
    write_package(home)
    processes = [start(home) for _ in range(3)]
    assert [p.communicate()[0].split()[:3] for p in processes] == [["4.0", "2.0", "2.0"]] * 3
    assert ask(home) == ["4.0", "2.0", "2.0", "3"]


def test_damaged_entry_is_compiled_again(home):
    shifted(4.0)(1.0)
    (entry,) = home.rglob("*apply*.nbc")
    entry.write_bytes(entry.read_bytes()[:-1] + b"?")
    for hits in (0, 1):
        function = shifted(4.0)
        assert function(1.0) == 5.0
        assert sum(function.stats.cache_hits.values()) == hits


def test_interpreted_gives_the_plain_functions(home):
    write_package(home)
    program = "import user.outer as u; print(u.twice(1.0), u.fixed(1.0), u.called(1.0), type(u.fixed).__name__)"
    assert ask(home, program, NUMBA_DISABLE_JIT="1") == ["4.0", "2.0", "2.0", "function"]
    assert not (home / "cache").exists()


def test_three_folders_used_last_are_kept(tmp_path):
    names = [f"user-{k:020}" for k in range(6)]
    for k, name in enumerate(names[:5]):
        (tmp_path / name).mkdir()
        os.utime(tmp_path / name, (k, k))
    (tmp_path / f"other-{0:020}").mkdir()
    cache._use(tmp_path, "user", names[5])
    assert sorted(path.name for path in tmp_path.glob("user-*")) == names[3:]
    assert len(list(tmp_path.glob("other-*"))) == 1


def test_unwritable_folder_falls_back_to_the_temporary_one(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("LOCKSTEP_CACHE", str(blocked))
    monkeypatch.setattr(cache.tempfile, "gettempdir", lambda: str(tmp_path))
    assert cache.cache_base() == tmp_path / f"lockstep-{os.getuid()}" / "kernels"


def test_folder_without_room_warns_and_goes_on(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.warns(RuntimeWarning, match="LOCKSTEP_CACHE"):
        cache._write(tmp_path / "taken" / "entry.nbc", b"code")


def test_function_from_a_prompt_is_compiled_and_not_kept(home):
    scope = {"kernel": kernel}
    exec("@kernel\ndef f(x):\n    return x + 1.0\n", scope)
    assert scope["f"](1.0) == 2.0
    assert scope["f"].stats.cache_path is None


def test_constants_of_code_from_other_files_are_part_of_the_key(home):
    (home / "page.md").write_text("not Python")
    for constant in (1.0, 2.0):
        scope = {"kernel": kernel, "__name__": "page"}
        exec(compile(f"@kernel\ndef f(x):\n    return x + {constant}\n", str(home / "page.md"), "exec"), scope)
        assert scope["f"](1.0) == 1.0 + constant
    assert len(list(home.rglob("page.f-*.nbc"))) == 2


def shifted(shift):
    @kernel
    def apply(x):
        return x + shift

    return apply


def test_captured_values_tell_closures_apart(home):
    assert [shifted(1.0)(1.0), shifted(2.0)(1.0), shifted(1.0)(1.0)] == [2.0, 3.0, 2.0]
    again = shifted(2.0)
    assert again(1.0) == 3.0
    assert sum(again.stats.cache_hits.values()) == 1


def test_closure_over_an_unrecognisable_object_is_refused_a_key():
    thing = object()

    def function():
        return thing

    with pytest.raises(UnkeyableError, match="thing"):
        describe(function)


def test_reachable_follows_modules_kernels_and_closures():
    names = [function.__qualname__ for function in reachable(shifted(shifted(1.0)).py_func)]
    assert names == ["shifted.<locals>.apply"] * 2
    assert "_describe_cell" in [function.__qualname__ for function in reachable(fingerprint_of)]


def fingerprint_of(function):
    return fingerprint.describe(function)


def test_flush_forgets(home):
    function = shifted(7.0)
    function(1.0)
    folder = home / "cache" / "kernels"
    assert list(folder.rglob("*apply*.nbc"))
    function._cache.flush()
    assert not list(folder.rglob("*apply*.nbc"))


def test_disabled_cache_neither_reads_nor_writes(home):
    function = shifted(8.0)
    function._cache.disable()
    function(1.0)
    assert not list(home.rglob("*apply*.nbc"))
    function._cache.enable()
    function(1)
    assert list(home.rglob("*apply*.nbc"))


def test_division_by_zero_gives_infinity():
    @kernel
    def divide(a, b):
        return a / b

    assert divide(1.0, 0.0) == np.inf
    assert np.isnan(divide(0.0, 0.0))


def test_callback_is_called_through_its_address():
    @callback(types.int64(types.int64, types.int64))
    def add(a, b):
        return a + b

    assert ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_int64, ctypes.c_int64)(add.address)(2, 3) == 5


def test_fixed_signature_takes_no_other():
    @kernel_for(types.float64(types.float64))
    def half(x):
        return x / 2

    assert half(3) == 1.5
    assert list(half.overloads) == [(types.float64,)]


@pytest.mark.parametrize("thing", [3, "source", np.add, KernelCache])
def test_only_functions_are_kernels(thing):
    with pytest.raises(StrategyError, match="expected a plain function"):
        kernel(thing)


def test_roots(tmp_path):
    assert source_root(Path(cache.__file__)).name == "engine"
    (tmp_path / "script.py").write_text("a = 1\n")
    assert source_root(tmp_path / "script.py") == tmp_path
    before = digest_sources(tmp_path)
    (tmp_path / "beside.py").write_text("b = 1\n")
    assert digest_sources(tmp_path) != before
    assert source_root(tmp_path / "missing.py") is None
