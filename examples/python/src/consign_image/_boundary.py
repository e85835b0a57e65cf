"""Values across the component boundary: the only module that knows how wasmtime lays them out.

wasmtime's own converters ask the C library for the type of every field of every value, and go through a
list byte by byte. Here a function's type is read once and becomes a tree of closures; values are read and
written as whole blocks of memory. Arguments lie in memory that Python owns for the length of the call
(wasmtime copies out of it); an answer is copied out of wasmtime's memory and freed as a whole.

The layout is that of `wasmtime/component/val.h`, checked below against wasmtime's declarations.
"""

from __future__ import annotations

import ctypes
import dataclasses
import struct
from typing import Any, Callable, Dict, List, Optional, Sequence, Tuple, Type, Union

from wasmtime import Store, WasmtimeError, _ffi as ffi
from wasmtime import component as wit

from . import reasons, types
from .errors import LoadError

# Every value: its kind, then up to three words: a number; length and address; or a name and an address.
_VALUE = struct.Struct("<B7xQQQ")
_NAME = struct.Struct("<QQ")
_FIELD = _NAME.size + _VALUE.size



def _declared() -> Tuple[int, ...]:
    entry: Any = ffi.wasmtime_component_valrecord_entry_t
    value: Any = ffi.wasmtime_component_val_t
    variant: Any = ffi.wasmtime_component_valvariant_t
    result: Any = ffi.wasmtime_component_valresult_t
    sizes = tuple(ctypes.sizeof(of) for of in (value, entry, ffi.wasm_name_t))
    return sizes + (value.of.offset, entry.val.offset, variant.val.offset, result.val.offset)


_SIZES = _declared()
if _SIZES != (_VALUE.size, _FIELD, _NAME.size, 8, _NAME.size, _NAME.size, 8):
    raise ImportError(f"wanted wasmtime's values as in version 50, found sizes and offsets {_SIZES}")

_BOOL, _U8, _U32, _S64, _U64, _CHAR, _STRING, _LIST, _RECORD, _TUPLE, _VARIANT, _ENUM, _OPTION, _RESOURCE = (
    getattr(ffi, f"WASMTIME_COMPONENT_{kind}").value
    for kind in "BOOL U8 U32 S64 U64 CHAR STRING LIST RECORD TUPLE VARIANT ENUM OPTION RESOURCE".split()
)

_WORD = (1 << 64) - 1


class _Arena:
    """Keeps what an argument points at alive for the length of a call."""

    def __init__(self) -> None:
        self.kept: List[object] = []
        self.size = 0

    def put(self, data: Union[bytes, bytearray]) -> int:
        """The address of the data."""
        self.size += len(data)
        if isinstance(data, bytearray):
            block = (ctypes.c_char * len(data)).from_buffer(data)
            self.kept.append(block)
            return ctypes.addressof(block)
        pointer = ctypes.c_char_p(data)
        self.kept.append(pointer)
        address: Optional[int] = ctypes.c_void_p.from_buffer(pointer).value
        return address or 0


_Encoder = Callable[[Any, _Arena], bytes]
_Decoder = Callable[[bytes, int], Any]

_NAMES = _Arena()
_interned: Dict[str, bytes] = {}


def _name(text: str) -> bytes:
    """Length and address of a name of a field or a case, kept for good: there are few."""
    found = _interned.get(text)
    if found is None:
        data = text.encode()
        found = _interned[text] = _NAME.pack(len(data), _NAMES.put(data))
    return found


def _kebab(name: str) -> str:
    return name.replace("_", "-")


# WIT's types have no names at run time: records are told by their fields, variants by their cases.
_RECORDS: Dict[Tuple[str, ...], Type[Any]] = {
    tuple(_kebab(field.name) for field in dataclasses.fields(found)): found
    for found in vars(types).values()
    if isinstance(found, type) and dataclasses.is_dataclass(found) and not issubclass(found, reasons.Case)
}

_VARIANTS: Dict[str, Type[reasons.Case]] = {
    "best outranked other-os other-architecture other-variant other-os-version missing-os-features no-platform"
    " attestation not-an-image": reasons.Reason,
    "chosen passed-over absent config-disagrees nothing-within": reasons.Verdict,
    "looked-up searched dangling config-platform vouched": reasons.Step,
    "target name digest prefix": reasons.Matched,
    "format unsupported length": reasons.DigestProblem,
    "empty unexpected uppercase uppercase-path identifier too-long digest invalid-tag invalid-digest"
    " not-canonical": reasons.ReferenceProblem,
    "syntax missing invalid duplicate ambiguous media-type-mismatch unsupported too-large": reasons.DocumentProblem,
}

# Cases that Python tells apart by the payload's type.
_UNTAGGED = {("named", "digest"), ("index", "manifest")}


class Function:
    """A component's function, ready to be called in any of the component's instances."""

    def __init__(self, ty: wit.FuncType) -> None:
        parameters = ty.params
        self._encoders = [_encoder(parameter) for _, parameter in parameters]
        result = ty.result
        self._decoder = _decoder(result) if result is not None else None
        self._is_resource = isinstance(result, wit.OwnType)
        self._parameters = ffi.wasmtime_component_val_t * len(parameters)

    def call(self, store: Store, func: wit.Func, arguments: Sequence[Any]) -> Tuple[Any, int]:
        """The answer, and how many bytes were handed over. A `result`'s error is answered as a `Fault`.

        Raises `WasmtimeError` where the component did not answer, `TypeError` or `ValueError` where an
        argument is none for this function; the instance is untouched then.
        """
        if len(arguments) != len(self._encoders):
            raise TypeError(f"wanted {len(self._encoders)} arguments, found {len(arguments)}")
        arena = _Arena()
        encoded = [encode(value, arena) for encode, value in zip(self._encoders, arguments)]
        parameters = self._parameters.from_buffer_copy(b"".join(encoded))
        result = ffi.wasmtime_component_val_t()
        wanted = 0 if self._decoder is None else 1
        error = ffi.wasmtime_component_func_call(
            ctypes.byref(func._func),
            store._context(),
            parameters,
            len(encoded),
            ctypes.byref(result) if wanted else None,
            wanted,
        )
        if error:
            raise WasmtimeError._from_ptr(error)
        if self._decoder is None:
            return None, arena.size
        try:
            return self._decoder(ctypes.string_at(ctypes.addressof(result), _VALUE.size), 0), arena.size
        finally:
            # The pointer in an `own` is the resource's from now on.
            if not self._is_resource:
                ffi.wasmtime_component_val_delete(ctypes.byref(result))


@dataclasses.dataclass(frozen=True)
class Fault:
    """The error side of a `result`."""

    error: Any


def _unknown(what: str) -> LoadError:
    return LoadError(f"wanted a `consign:image` component of version 0.1, found {what}")


def _integer(kind: int, low: int, high: int) -> _Encoder:
    def encode(value: Any, _: _Arena) -> bytes:
        if not isinstance(value, int) or not low <= value <= high:
            raise ValueError(f"wanted an integer from {low} to {high}, found `{value!r}`")
        return _VALUE.pack(kind, value & _WORD, 0, 0)

    return encode


def _encode_string(value: Any, arena: _Arena) -> bytes:
    if not isinstance(value, str):
        raise TypeError(f"wanted a string, found `{type(value).__name__}`")
    data = value.encode()
    return _VALUE.pack(_STRING, len(data), arena.put(data), 0)


def _encode_bytes(value: Any, arena: _Arena) -> bytes:
    # A value each byte: whole columns are written at once.
    cells = bytearray(_VALUE.size * len(value))
    cells[0 :: _VALUE.size] = bytes((_U8,)) * len(value)
    cells[8 :: _VALUE.size] = value
    return _VALUE.pack(_LIST, len(value), arena.put(cells) if value else 0, 0)


def _encode_resource(value: Any, _: _Arena) -> bytes:
    if not isinstance(value, wit.ResourceAny):
        raise TypeError(f"wanted a resource, found `{type(value).__name__}`")
    return _VALUE.pack(_RESOURCE, ctypes.addressof(value.ptr().contents), 0, 0)


_SCALARS: Dict[type, _Encoder] = {
    wit.Bool: _integer(_BOOL, 0, 1),
    wit.U8: _integer(_U8, 0, (1 << 8) - 1),
    wit.U32: _integer(_U32, 0, (1 << 32) - 1),
    wit.U64: _integer(_U64, 0, _WORD),
    wit.S64: _integer(_S64, -(1 << 63), (1 << 63) - 1),
    wit.String: _encode_string,
    wit.OwnType: _encode_resource,
    wit.BorrowType: _encode_resource,
}


def _encoder(ty: wit.ValType) -> _Encoder:
    scalar = _SCALARS.get(type(ty))
    if scalar is not None:
        return scalar
    if isinstance(ty, wit.ListType):
        element = ty.element
        if isinstance(element, wit.U8):
            return _encode_bytes
        return _sequence(_LIST, _encoder(element))
    if isinstance(ty, wit.TupleType):
        return _tuple([_encoder(element) for element in ty.elements])
    if isinstance(ty, wit.RecordType):
        return _record([(name, _encoder(field)) for name, field in ty.fields])
    if isinstance(ty, wit.OptionType):
        return _option(_encoder(ty.payload))
    if isinstance(ty, wit.EnumType):
        return _enum(frozenset(ty.names))
    if isinstance(ty, wit.VariantType):
        return _variant({name: _encoder(payload) if payload is not None else None for name, payload in ty.cases})
    raise _unknown(f"a parameter of type `{type(ty).__name__}`")


def _sequence(kind: int, element: _Encoder) -> _Encoder:
    def encode(value: Any, arena: _Arena) -> bytes:
        if isinstance(value, (str, bytes)):
            raise TypeError(f"wanted a sequence, found `{type(value).__name__}`")
        cells = b"".join([element(item, arena) for item in value])
        return _VALUE.pack(kind, len(cells) // _VALUE.size, arena.put(cells), 0)

    return encode


def _tuple(elements: List[_Encoder]) -> _Encoder:
    def encode(value: Any, arena: _Arena) -> bytes:
        if len(value) != len(elements):
            raise ValueError(f"wanted {len(elements)} values, found {len(value)}")
        cells = b"".join([element(item, arena) for element, item in zip(elements, value)])
        return _VALUE.pack(_TUPLE, len(elements), arena.put(cells), 0)

    return encode


def _record(fields: List[Tuple[str, _Encoder]]) -> _Encoder:
    plan = [(name.replace("-", "_"), _name(name), field) for name, field in fields]

    def encode(value: Any, arena: _Arena) -> bytes:
        cells = b"".join([name + field(getattr(value, attribute), arena) for attribute, name, field in plan])
        return _VALUE.pack(_RECORD, len(plan), arena.put(cells), 0)

    return encode


def _option(payload: _Encoder) -> _Encoder:
    def encode(value: Any, arena: _Arena) -> bytes:
        return _VALUE.pack(_OPTION, 0 if value is None else arena.put(payload(value, arena)), 0, 0)

    return encode


def _enum(names: "frozenset[str]") -> _Encoder:
    def encode(value: Any, _: _Arena) -> bytes:
        if value not in names:
            raise ValueError(f"wanted one of {reasons.quoted(sorted(names))}, found `{value}`")
        return _VALUE.pack(_ENUM, *_NAME.unpack(_name(value)), 0)

    return encode


def _variant(cases: Dict[str, Optional[_Encoder]]) -> _Encoder:
    def encode(value: Any, arena: _Arena) -> bytes:
        if not isinstance(value, reasons.Case) or value.case not in cases:
            raise ValueError(f"wanted a case of {reasons.quoted(cases)}, found `{value}`")
        payload = cases[value.case]
        address = arena.put(payload(value.value, arena)) if payload is not None else 0
        return _VALUE.pack(_VARIANT, *_NAME.unpack(_name(value.case)), address)

    return encode


def _number(memory: bytes, at: int) -> int:
    value: int = _VALUE.unpack_from(memory, at)[1]
    return value


def _signed(memory: bytes, at: int) -> int:
    value = _number(memory, at)
    return value - (1 << 64) if value >> 63 else value


def _narrow(width: int) -> _Decoder:
    # What is beyond the width of a narrow number is not written by wasmtime.
    return lambda memory, at: _number(memory, at) & ((1 << width) - 1)


def _text(memory: bytes, at: int) -> str:
    _, size, address, _ = _VALUE.unpack_from(memory, at)
    return ctypes.string_at(address, size).decode() if size else ""


def _bytes(memory: bytes, at: int) -> bytes:
    _, size, address, _ = _VALUE.unpack_from(memory, at)
    return ctypes.string_at(address, size * _VALUE.size)[8 :: _VALUE.size] if size else b""


def _resource(memory: bytes, at: int) -> wit.ResourceAny:
    pointer = ctypes.cast(_number(memory, at), ctypes.POINTER(ffi.wasmtime_component_resource_any_t))
    return wit.ResourceAny._from_ptr(pointer)


_READERS: Dict[type, _Decoder] = {
    wit.Bool: lambda memory, at: bool(_number(memory, at) & 1),
    wit.U8: _narrow(8),
    wit.U32: _narrow(32),
    wit.Char: lambda memory, at: chr(_number(memory, at) & 0x1FFFFF),
    wit.U64: _number,
    wit.S64: _signed,
    wit.String: _text,
    wit.EnumType: _text,
    wit.OwnType: _resource,
}


def _decoder(ty: wit.ValType) -> _Decoder:
    scalar = _READERS.get(type(ty))
    if scalar is not None:
        return scalar
    if isinstance(ty, wit.ListType):
        element = ty.element
        return _bytes if isinstance(element, wit.U8) else _read_list(_decoder(element))
    if isinstance(ty, wit.TupleType):
        return _read_tuple([_decoder(element) for element in ty.elements])
    if isinstance(ty, wit.RecordType):
        fields = ty.fields
        found = _RECORDS.get(tuple(name for name, _ in fields))
        if found is None:
            raise _unknown(f"a record of {reasons.quoted(name for name, _ in fields)}")
        return _read_record(found, [_decoder(field) for _, field in fields])
    if isinstance(ty, wit.OptionType):
        return _read_option(_decoder(ty.payload))
    if isinstance(ty, wit.ResultType):
        ok, err = ty.ok, ty.err
        return _read_result(_decoder(ok) if ok is not None else None, _decoder(err) if err is not None else None)
    if isinstance(ty, wit.VariantType):
        cases = ty.cases
        names = tuple(name for name, _ in cases)
        made: Optional[Type[reasons.Case]] = _VARIANTS.get(" ".join(names), reasons.Case)
        payloads = {name.encode(): (name, _decoder(payload) if payload is not None else None) for name, payload in cases}
        return _read_variant(None if names in _UNTAGGED else made, payloads)
    raise _unknown(f"an answer of type `{type(ty).__name__}`")


def _block(memory: bytes, at: int, width: int) -> bytes:
    _, size, address, _ = _VALUE.unpack_from(memory, at)
    return ctypes.string_at(address, size * width) if size else b""


def _read_list(element: _Decoder) -> _Decoder:
    def read(memory: bytes, at: int) -> Tuple[Any, ...]:
        block = _block(memory, at, _VALUE.size)
        return tuple([element(block, cell) for cell in range(0, len(block), _VALUE.size)])

    return read


def _read_tuple(elements: List[_Decoder]) -> _Decoder:
    places = [(position * _VALUE.size, element) for position, element in enumerate(elements)]

    def read(memory: bytes, at: int) -> Tuple[Any, ...]:
        block = _block(memory, at, _VALUE.size)
        return tuple([element(block, place) for place, element in places])

    return read


def _read_record(made: Type[Any], fields: List[_Decoder]) -> _Decoder:
    places = [(position * _FIELD + _NAME.size, field) for position, field in enumerate(fields)]

    def read(memory: bytes, at: int) -> Any:
        block = _block(memory, at, _FIELD)
        return made(*[field(block, place) for place, field in places])

    return read


def _read_option(payload: _Decoder) -> _Decoder:
    def read(memory: bytes, at: int) -> Any:
        address = _number(memory, at)
        return payload(ctypes.string_at(address, _VALUE.size), 0) if address else None

    return read


def _read_result(ok: Optional[_Decoder], err: Optional[_Decoder]) -> _Decoder:
    def read(memory: bytes, at: int) -> Any:
        _, is_ok, address, _ = _VALUE.unpack_from(memory, at)
        side = ok if is_ok & 1 else err
        value = side(ctypes.string_at(address, _VALUE.size), 0) if side is not None else None
        return value if is_ok & 1 else Fault(value)

    return read


def _read_variant(made: Optional[Type[reasons.Case]], cases: Dict[bytes, Tuple[str, Optional[_Decoder]]]) -> _Decoder:
    def read(memory: bytes, at: int) -> Any:
        _, size, name, address = _VALUE.unpack_from(memory, at)
        case, payload = cases[ctypes.string_at(name, size)]
        value = payload(ctypes.string_at(address, _VALUE.size), 0) if payload is not None else None
        return value if made is None else made(case, value)

    return read
