"""Writes what training tools write, byte for byte in their formats, without the tools: for tests and benchmarks."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping

from runferry.formats.wire.crc32c import masked

_BLOCK = 32768


def varint(number: int) -> bytes:
    number &= (1 << 64) - 1
    parts = bytearray()
    while number > 0x7F:
        parts.append(number & 0x7F | 0x80)
        number >>= 7
    return bytes([*parts, number])


def number_field(field: int, value: int) -> bytes:
    return varint(field << 3) + varint(value)


def bytes_field(field: int, data: bytes) -> bytes:
    return varint(field << 3 | 2) + varint(len(data)) + data


def double_field(field: int, value: float) -> bytes:
    return varint(field << 3 | 1) + struct.pack("<d", value)


def float_field(field: int, value: float) -> bytes:
    return varint(field << 3 | 5) + struct.pack("<f", value)


def tfrecord(payload: bytes) -> bytes:
    """Frame a record of an event file."""
    length = struct.pack("<Q", len(payload))
    return length + struct.pack("<I", masked(length)) + payload + struct.pack("<I", masked(payload))


def summary_event(step: int, *values: bytes, wall: float = 1.7e9) -> bytes:
    """Return an event with these values; each as ``scalar_value`` and its like make them."""
    summary = b"".join(bytes_field(1, value) for value in values)
    place = number_field(2, step) if step else b""
    return double_field(1, wall) + place + bytes_field(5, summary)


def scalar_value(tag: str, value: float) -> bytes:
    return bytes_field(1, tag.encode()) + float_field(2, value)


def tensor_value(tag: str, tensor: bytes, plugin: str = "", content: bytes = b"") -> bytes:
    metadata = bytes_field(1, bytes_field(1, plugin.encode()) + (bytes_field(2, content) if content else b""))
    return bytes_field(1, tag.encode()) + bytes_field(8, tensor) + (bytes_field(9, metadata) if plugin else b"")


def start_event(step: int, wall: float = 1.7e9) -> bytes:
    """Return the event that takes back everything from ``step`` on."""
    return double_field(1, wall) + (number_field(2, step) if step else b"") + bytes_field(7, number_field(1, 1))


def event_file(*events: bytes) -> bytes:
    version = double_field(1, 1.7e9) + bytes_field(3, b"brain.Event:2")
    return b"".join(map(tfrecord, (version, *events)))


def log_file(header: bytes, *records: bytes) -> bytes:
    """Frame records as W&B and SwanLab do, in blocks."""
    out = bytearray(header)
    for record in records:
        rest, is_first = record, True
        while True:
            left = _BLOCK - len(out) % _BLOCK
            if left < 7:
                out += bytes(left)
                left = _BLOCK
            data, rest = rest[: left - 7], rest[left - 7 :]
            kind = (1 if is_first else 4) if not rest else (2 if is_first else 3)
            out += struct.pack("<IHB", zlib.crc32(bytes([kind]) + data), len(data), kind) + data
            is_first = False
            if not rest:
                break
    return bytes(out)


def wandb_item(keys: tuple[str, ...], value: object, *, is_flat: bool = False) -> bytes:
    named = bytes_field(1, keys[0].encode()) if is_flat else b"".join(bytes_field(2, key.encode()) for key in keys)
    return bytes_field(1, named + bytes_field(16, json.dumps(value).encode()))


def wandb_history(step: int, row: Mapping[str, object]) -> bytes:
    items = b"".join(wandb_item((key,), value) for key, value in row.items())
    return bytes_field(2, items + bytes_field(2, number_field(1, step) if step else b""))


def wandb_exit(code: int) -> bytes:
    return bytes_field(18, number_field(1, code) if code else b"")


def wandb_file(*records: bytes) -> bytes:
    return log_file(b":W&B\xe1\xbe\x00", *records)
