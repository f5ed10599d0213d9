"""Reads protocol buffer messages without their schema: numbers of fields and where their bytes lie. Copies nothing.

Follows the encoding at https://protobuf.dev/programming-guides/encoding/. Groups, long out of use, are refused.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""The wire types."""

_DOUBLE = struct.Struct("<d")
_FLOAT = struct.Struct("<f")

Field = tuple[int, int, int, int]
"""Number and wire type; then the value of a varint and 0, or where the bytes of any other begin and end."""


class WireError(ValueError):
    """These bytes are no message."""


def read_varint(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return the unsigned number at ``at`` and where it ends. Raises WireError."""
    value = shift = 0
    while at < end:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value & 0xFFFF_FFFF_FFFF_FFFF, at
        shift += 7
        if shift > 63:
            raise WireError("a number of more than ten bytes")
    raise WireError("a number that does not end")


def read_fields(data: bytes, at: int = 0, end: int | None = None) -> Iterator[Field]:
    """Yield the fields of the message in ``data[at:end]`` in order. Raises WireError where it cannot go on."""
    stop = len(data) if end is None else end
    while at < stop:
        tag = data[at]
        at += 1
        if tag >= 0x80:
            tag, at = read_varint(data, at - 1, stop)
        kind = tag & 7
        if kind == BYTES:
            length, at = read_varint(data, at, stop)
            if length > stop - at:
                raise WireError("a field longer than what holds it")
            yield tag >> 3, kind, at, at + length
            at += length
        elif kind == VARINT:
            value, at = read_varint(data, at, stop)
            yield tag >> 3, kind, value, 0
        elif kind in (FIXED64, FIXED32):
            length = 8 if kind == FIXED64 else 4
            if length > stop - at:
                raise WireError("a field longer than what holds it")
            yield tag >> 3, kind, at, at + length
            at += length
        else:
            raise WireError(f"an unknown wire type, {kind}")


def signed(value: int) -> int:
    """Return the int64 that an unsigned varint stands for."""
    return value - (1 << 64) if value >= 1 << 63 else value


def double_at(data: bytes, at: int) -> float:
    return float(_DOUBLE.unpack_from(data, at)[0])


def float_at(data: bytes, at: int) -> float:
    return float(_FLOAT.unpack_from(data, at)[0])


def text_at(data: bytes, at: int, end: int) -> str:
    """Return a string field; what is no UTF-8 is replaced."""
    return data[at:end].decode("utf-8", "replace")
