"""How compiled code reads and writes a number in a flat record: each access says which field it is of.

numba marks neither loads nor stores, so LLVM takes every store for a change of everything and reads all fields back
after it. Here every access carries a TBAA tag (LLVM language reference, "TBAA metadata"); two accesses with different
tags never touch the same bytes.

1. A number in a record is tagged with the record's layout and the field's name.
2. Fields that share bytes with others, such as an event's payloads, share one tag.
3. Elements of arrays in records, reached by one integer, are tagged by their type. All other access to such arrays
   stays untagged and is taken to touch everything.
"""

import hashlib
import operator
from typing import Any

from llvmlite import ir
from numba import extending
from numba.core import cgutils, types
from numba.core.datamodel import models
from numba.np import arrayobj

_helpers: Any = cgutils
_models: Any = models
_lower: Any = extending
_arrays: Any = arrayobj
_WORD = ir.IntType(64)


class FlatRecord(types.Record):
    """A record that stands for itself alone: numba would take one for another whose fields begin alike, and warn."""

    def __init__(self, fields: Any, size: int, aligned: bool) -> None:
        super().__init__(fields, size, aligned)
        layout = [(name, str(field.type), field.offset) for name, field in self.fields.items()]
        self._layout = hashlib.sha256(f"{layout} {size}".encode()).hexdigest()[:16]
        self._shared = _overlapping(self.fields)

    def __repr__(self) -> str:
        """Return a name for the layout; numba's own lists all fields, and is written thousands of times."""
        return f"FlatRecord({self._layout})"

    def can_convert_to(self, typingctx: Any, other: Any) -> None:
        """Refuse every conversion."""

    def tag(self, name: str) -> str:
        """Return what marks every access to a field."""
        return f"{self._layout} {'' if name in self._shared else name}"


class FlatArray(types.NestedArray):
    """An array of numbers inside a flat record."""

    @property
    def tag(self) -> str:
        """What marks every access to one element."""
        return f"elements {self.dtype}"


_models.register_default(FlatRecord)(_models.RecordModel)
_models.register_default(FlatArray)(_models.NestedArrayModel)


def _overlapping(fields: Any) -> frozenset[str]:
    """Return the names of fields whose bytes are also another field's."""
    spans = [(field.offset, field.offset + _width(field.type), name) for name, field in fields.items()]
    return frozenset(
        name
        for begin, end, name in spans
        if any(begin < other_end and other_begin < end and name != other for other_begin, other_end, other in spans)
    )


def _width(kind: Any) -> int:
    """Return a field's bytes."""
    count = kind.nitems if isinstance(kind, types.NestedArray) else 1
    bits = kind.dtype.bitwidth if isinstance(kind, types.NestedArray) else kind.bitwidth
    return int(count * bits // 8)


def mark(builder: Any, access: Any, tag: str) -> None:
    """Put a tag on a load or store."""
    module = builder.module
    root = module.add_metadata(["lockstep"])
    kind = module.add_metadata([tag, root, _WORD(0)])
    access.set_metadata("tbaa", module.add_metadata([kind, kind, _WORD(0)]))


def _place(context: Any, builder: Any, record: Any, pointer: Any, name: str) -> Any:
    return _helpers.get_record_member(builder, pointer, record.offset(name), context.get_data_type(record.typeof(name)))


@_lower.lower_getattr_generic(FlatRecord)  # type: ignore[untyped-decorator]
def _read_field(context: Any, builder: Any, record: Any, pointer: Any, name: str) -> Any:
    kind = record.typeof(name)
    if not isinstance(kind, types.Number):
        return _arrays.record_getattr(context, builder, record, pointer, name)
    value = builder.load(_place(context, builder, record, pointer, name), align=None if record.aligned else 1)
    mark(builder, value, record.tag(name))
    return context.data_model_manager[kind].from_data(builder, value)


@_lower.lower_setattr_generic(FlatRecord)  # type: ignore[untyped-decorator]
def _write_field(context: Any, builder: Any, signature: Any, args: Any, name: str) -> Any:
    record, given = signature.args
    kind = record.typeof(name)
    if not isinstance(kind, types.Number):
        return _arrays.record_setattr(context, builder, signature, args, name)
    value = context.data_model_manager[kind].as_data(builder, context.cast(builder, args[1], given, kind))
    place = _place(context, builder, record, args[0], name)
    mark(builder, builder.store(value, place, align=None if record.aligned else 1), record.tag(name))
    return None


def _element(context: Any, builder: Any, kind: Any, array: Any, index_type: Any, index: Any) -> Any:
    """Return where an element of a one-dimensional array lies; a negative index counts from the end."""
    place = context.cast(builder, index, index_type, types.int64)
    if index_type.signed:
        below = builder.icmp_signed("<", place, _WORD(0))
        place = builder.select(below, builder.add(place, _WORD(kind.shape[0])), place)
    return builder.gep(_arrays.make_array(kind)(context, builder, array).data, [place])


@_lower.lower_builtin(operator.getitem, FlatArray, types.Integer)  # type: ignore[untyped-decorator]
def _read_element(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    kind, index_type = signature.args
    value = builder.load(_element(context, builder, kind, args[0], index_type, args[1]))
    mark(builder, value, kind.tag)
    return context.data_model_manager[kind.dtype].from_data(builder, value)


@_lower.lower_builtin(operator.setitem, FlatArray, types.Integer, types.Any)  # type: ignore[untyped-decorator]
def _write_element(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    kind, index_type, given = signature.args
    value = context.cast(builder, args[2], given, kind.dtype)
    value = context.data_model_manager[kind.dtype].as_data(builder, value)
    mark(builder, builder.store(value, _element(context, builder, kind, args[0], index_type, args[1])), kind.tag)
