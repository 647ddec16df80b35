"""The system's own clock, wrong for one process: what compiled code asks is answered wrongly too.

On Linux every loaded library calls the C library through a table of addresses of its own. In each of these tables the
entries of `clock_gettime`, `gettimeofday` and `time` are turned to functions compiled here, which ask the real ones
and add so many seconds to the wall clock. Clocks that only measure how long something takes are left alone.

Sources: System V ABI, chapter 5 (dynamic linking); elf(5), dl_iterate_phdr(3).
"""

import ctypes
import mmap
import platform
import struct
from collections.abc import Iterator

import llvmlite.binding as llvm
import numpy as np

# The first field that each function fills holds the seconds; `time` returns them as well, and takes a null pointer.
SOURCE = """
define i32 @clock_gettime(i32 %clock, ptr %ts) {{
  %f = inttoptr i64 {clock_gettime} to ptr
  %r = call i32 %f(i32 %clock, ptr %ts)
  %exact = icmp eq i32 %clock, 0
  %coarse = icmp eq i32 %clock, 5
  %wall = or i1 %exact, %coarse
  br i1 %wall, label %shift, label %end
shift:
  %s = load i64, ptr %ts
  %t = add i64 %s, {seconds}
  store i64 %t, ptr %ts
  br label %end
end:
  ret i32 %r
}}
define i32 @gettimeofday(ptr %tv, ptr %zone) {{
  %f = inttoptr i64 {gettimeofday} to ptr
  %r = call i32 %f(ptr %tv, ptr %zone)
  %s = load i64, ptr %tv
  %t = add i64 %s, {seconds}
  store i64 %t, ptr %tv
  ret i32 %r
}}
define i64 @time(ptr %at) {{
  %f = inttoptr i64 {time} to ptr
  %s = call i64 %f(ptr null)
  %t = add i64 %s, {seconds}
  %none = icmp eq ptr %at, null
  br i1 %none, label %end, label %store
store:
  store i64 %t, ptr %at
  br label %end
end:
  ret i64 %t
}}
"""
NAMES = ("clock_gettime", "gettimeofday", "time")
TURNED = {"x86_64": (6, 7), "aarch64": (1025, 1026)}
"""Kinds of table entries that hold a function's address (`GLOB_DAT`, `JUMP_SLOT`), by processor."""
PT_DYNAMIC = 2
STRINGS, SYMBOLS, RELOCATIONS, RELOCATIONS_SIZE, CALLS, CALLS_SIZE = 5, 6, 7, 8, 23, 2
RELOCATION = np.dtype([("place", "<u8"), ("kind", "<u4"), ("symbol", "<u4"), ("addend", "<i8")])
SYMBOL = np.dtype([("name", "<u4"), ("rest", "V20")])
_kept: list[object] = []
"""What is compiled, for as long as the process lives."""


class _Object(ctypes.Structure):
    _fields_ = (
        ("base", ctypes.c_uint64),
        ("name", ctypes.c_char_p),
        ("headers", ctypes.c_uint64),
        ("count", ctypes.c_uint16),
    )


def shift_system_clock(seconds: int) -> bool:
    """Let the wall clock be wrong by so many seconds for all that is loaded; tell whether that can be done here."""
    kinds = TURNED.get(platform.machine())
    if platform.system() != "Linux" or kinds is None or platform.libc_ver()[0] != "glibc":
        return False
    turned = _compiled(seconds)
    for base, dynamic in _objects():
        for place, name in _entries(base, dynamic, kinds):
            _write(place, turned[name])
    return True


def _compiled(seconds: int) -> dict[str, int]:
    library = ctypes.CDLL(None)
    real = {name: ctypes.cast(getattr(library, name), ctypes.c_void_p).value for name in NAMES}
    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    module = llvm.parse_assembly(SOURCE.format(seconds=seconds, **real))
    engine = llvm.create_mcjit_compiler(module, llvm.Target.from_default_triple().create_target_machine())
    engine.finalize_object()
    _kept.append(engine)
    return {name: engine.get_function_address(name) for name in NAMES}


def _objects() -> list[tuple[int, int]]:
    """Return base and dynamic section of every loaded library, and of the program itself."""
    found: list[tuple[int, int]] = []

    @ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(_Object), ctypes.c_size_t, ctypes.c_void_p)
    def note(info: "ctypes._Pointer[_Object]", size: int, data: object) -> int:
        each = info.contents
        for number in range(each.count):
            kind, _, _, address = struct.unpack("<IIQQ", ctypes.string_at(each.headers + 56 * number, 24))
            if kind == PT_DYNAMIC and not (each.name or b"").startswith(b"linux-vdso"):
                found.append((each.base, each.base + address))
        return 0

    ctypes.CDLL(None).dl_iterate_phdr(note, None)
    return found


def _entries(base: int, dynamic: int, kinds: tuple[int, ...]) -> Iterator[tuple[int, str]]:
    """Yield the addresses of a library's table entries for the clock's functions, with their names."""
    found: dict[int, int] = {}
    while (entry := struct.unpack("<qQ", ctypes.string_at(dynamic, 16)))[0] != 0:
        found.setdefault(*entry)
        dynamic += 16
    for table, size in ((RELOCATIONS, RELOCATIONS_SIZE), (CALLS, CALLS_SIZE)):
        if table not in found or not found.get(size):
            continue
        rows = np.frombuffer(ctypes.string_at(found[table], found[size]), RELOCATION)
        for row in rows[np.isin(rows["kind"], kinds)]:
            place = found[SYMBOLS] + SYMBOL.itemsize * int(row["symbol"])
            name = ctypes.string_at(found[STRINGS] + struct.unpack("<I", ctypes.string_at(place, 4))[0])
            if name.decode("ascii", "replace") in NAMES:
                yield base + int(row["place"]), name.decode()


def _write(place: int, address: int) -> None:
    """Write an address into a table, which the loader has made read-only."""
    page = place & ~(mmap.PAGESIZE - 1)
    library = ctypes.CDLL(None, use_errno=True)
    library.mprotect.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
    if library.mprotect(page, mmap.PAGESIZE, mmap.PROT_READ | mmap.PROT_WRITE):
        raise OSError(ctypes.get_errno(), "mprotect")
    ctypes.c_uint64.from_address(place).value = address
