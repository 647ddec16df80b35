"""Flat state: records inside one block of bytes, reached by offset.

A world is one contiguous block. Its first bytes are a header record, tables follow at offsets that the header names.
Offsets, not addresses, stand in the state, so the block is its own snapshot and a hash of the block is its digest. In
compiled code a record is a bare pointer: no reference counting, no capacity in any type. Nothing checks bounds here:
callers do.
"""

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba import from_dtype, types
from numba.core import config as numba_config
from numba.extending import intrinsic
from numpy.typing import NDArray

from .fields import FlatArray, FlatRecord

config: Any = numba_config
INTERPRETED: bool = bool(config.DISABLE_JIT)
"""Whether kernels run as plain Python (environment variable ``NUMBA_DISABLE_JIT=1``)."""

_WORD = ir.IntType(64)
_functions: list[Callable[..., Any]] = []


def record_type(dtype: np.dtype[Any]) -> FlatRecord:
    """Return the type of a pointer to a record of `dtype` in compiled code."""
    return _flat(from_dtype(dtype))


def _flat(record: Any) -> FlatRecord:
    fields: list[Any] = []
    for name, field in record.fields.items():
        kind = _flat_field(field.type)
        # The title keeps numba's own record of the same fields from being taken for this one, and from reading alike
        # where compiled kernels are kept by the text of their types.
        about = {"type": kind, "offset": field.offset, "alignment": field.alignment, "title": f"flat {name}"}
        fields.append((name, about))
    return FlatRecord(fields, record.size, record.aligned)


def _flat_field(kind: Any) -> Any:
    if isinstance(kind, types.Record):
        return _flat(kind)
    if isinstance(kind, types.NestedArray) and kind.ndim == 1 and isinstance(kind.dtype, types.Number):
        return FlatArray(kind.dtype, kind.shape)
    return kind


def address(array: NDArray[Any]) -> int:
    """Return the address of an array's first byte; the caller keeps the array alive."""
    return int(array.ctypes.data)


def _row(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """Return the dtype with rows that know where they lie and whose fields hide numpy's attributes."""
    assert dtype.fields is not None
    body: dict[str, Any] = {"__getattribute__": object.__getattribute__, "__setattr__": object.__setattr__}
    for name, field in dtype.fields.items():
        body[name] = _nested(_row(field[0]), field[1]) if field[0].fields else _attribute(field[0], field[1])
    return np.dtype((type("Row", (np.record,), body), dtype))


def _attribute(dtype: np.dtype[Any], offset: int) -> property:
    get, put = np.void.getfield, np.void.setfield
    return property(lambda row: get(row, dtype, offset), lambda row, value: put(row, value, dtype, offset))


def _nested(row: np.dtype[Any], offset: int) -> property:
    return property(lambda outer: _at(outer.address_ + offset, row))


def _at(where: int, row: np.dtype[Any]) -> Any:
    block: Any = (ctypes.c_char * row.itemsize).from_address(where)
    found = np.frombuffer(block, row)[0]
    found.address_ = where
    return found


def table(dtype: np.dtype[Any], header: np.dtype[Any], field: str) -> Any:
    """Return ``f(record, index)``: a row of the table of `dtype` that begins where `field` of a `header` record says.

    An intrinsic rather than a kernel, so that it costs nothing to compile wherever it is used.
    """
    itemsize = dtype.itemsize
    assert header.fields is not None
    place = header.fields[field][1]

    if INTERPRETED:
        row = _row(dtype)
        return lambda base, index: _at(base.address_ + int(getattr(base, field)) + int(index) * itemsize, row)
    record = record_type(dtype)

    @intrinsic
    def compiled(typing: Any, base: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            start = builder.ptrtoint(args[0], _WORD)
            offset = builder.load(builder.inttoptr(builder.add(start, _WORD(place)), _WORD.as_pointer()))
            # Where tables lie is settled before any kernel runs.
            offset.set_metadata("invariant.load", builder.module.add_metadata([]))
            row = context.cast(builder, args[1], signature.args[1], types.int64)
            where = builder.add(builder.add(start, offset), builder.mul(row, _WORD(itemsize)))
            return builder.inttoptr(where, context.get_value_type(record))

        return record(base, index), codegen

    return compiled


def at(dtype: np.dtype[Any]) -> Any:
    """Return ``f(address, index)``: row `index` of the table of `dtype` at an address."""
    itemsize = dtype.itemsize

    if INTERPRETED:
        row = _row(dtype)
        return lambda where, index: _at(int(where) + int(index) * itemsize, row)
    record = record_type(dtype)

    @intrinsic
    def compiled(typing: Any, where: Any, index: Any) -> Any:
        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            row = context.cast(builder, args[1], signature.args[1], types.int64)
            place = builder.add(args[0], builder.mul(row, _WORD(itemsize)))
            return builder.inttoptr(place, context.get_value_type(record))

        return record(types.int64, index), codegen

    return compiled


def register(function: Callable[..., Any]) -> int:
    """Return a handle by which `call` finds a Python function; for interpreted runs only."""
    _functions.append(function)
    return len(_functions)


def registered(handle: int) -> Callable[..., Any]:
    """Return the function behind a handle of `register`."""
    return _functions[int(handle) - 1]


def _call_interpreted(where: int, a: int, b: int, c: int) -> None:
    registered(where)(a, b, c)


@intrinsic
def _call_compiled(typing: Any, where: Any, a: Any, b: Any, c: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [_WORD, _WORD, _WORD])
        builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])
        return context.get_dummy_value()

    return types.void(types.int64, types.int64, types.int64, types.int64), codegen


@intrinsic
def _address_compiled(typing: Any, record: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.ptrtoint(args[0], _WORD)

    return types.int64(record), codegen


def _address_interpreted(record: Any) -> int:
    address: int = record.address_
    return address


call: Any = _call_interpreted if INTERPRETED else _call_compiled
"""``call(function, a, b, c)``: call ``void(int64, int64, int64)`` by address."""

address_of: Any = _address_interpreted if INTERPRETED else _address_compiled
"""``address_of(record)``: where a record lies."""


@intrinsic
def _nearest_compiled(typing: Any, x: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(_WORD, [ir.DoubleType()])
        rounding = builder.module.globals.get("llvm.llrint.i64.f64")
        return builder.call(rounding or ir.Function(builder.module, kind, "llvm.llrint.i64.f64"), args)

    return types.int64(types.float64), codegen


def _nearest_interpreted(x: float) -> int:
    return int(np.rint(x)) if abs(x) < 2.0**63 else -(2**63)


nearest: Any = _nearest_interpreted if INTERPRETED else _nearest_compiled
"""``nearest(x)``: the integer nearest to a float, ties to even, in one instruction. What it gives for NaN and beyond 64
bits is the processor's to choose, but never from 1 to 2**62."""


@intrinsic
def _prefetch_compiled(typing: Any, where: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        flag = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer(), flag, flag, flag])
        name = "llvm.prefetch.p0"
        fetch = builder.module.globals.get(name) or ir.Function(builder.module, kind, name)
        place = builder.inttoptr(args[0], ir.IntType(8).as_pointer())
        builder.call(fetch, [place, flag(0), flag(3), flag(1)])
        return context.get_dummy_value()

    return types.void(types.int64), codegen


def _prefetch_interpreted(where: int) -> None:
    """Do nothing: it changes no result."""


prefetch: Any = _prefetch_interpreted if INTERPRETED else _prefetch_compiled
"""``prefetch(address)``: have the processor fetch the line at an address, valid or not, into its cache."""


class Layout:
    """Plans a block: tables one after another, each on a 64-byte line."""

    def __init__(self, header: np.dtype[Any]) -> None:
        self.size = 0
        self.add(header, 1)

    def add(self, dtype: np.dtype[Any], rows: int) -> int:
        """Reserve `rows` records and return the offset of the first."""
        offset = self.size
        self.size += -(-dtype.itemsize * rows // 64) * 64
        return offset


def allocate(size: int) -> NDArray[np.uint8]:
    """Return `size` zeroed bytes that start on a 64-byte line."""
    raw = np.zeros(size + 64, np.uint8)
    start = -address(raw) % 64
    return raw[start : start + size]
