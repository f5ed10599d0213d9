"""Reads one TensorBoard event message: where its scalars lie, and what else it holds. Pure; raises WireError only.

Field numbers are those of TensorFlow's ``event.proto``, ``summary.proto``, ``tensor.proto`` and TensorBoard's hparams
``plugin_data.proto``.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from runferry.formats.wire.protobuf import (
    BYTES,
    FIXED32,
    FIXED64,
    VARINT,
    WireError,
    double_at,
    read_fields,
    read_varint,
    signed,
    text_at,
)

SCALARS, TEXT, IMAGES, HISTOGRAMS, HPARAMS = "scalars", "text", "images", "histograms", "hparams"
_START = 1  # a session_log's status
_STRING = 7  # a tensor's dtype
_DTYPES = {1: "<f4", 2: "<f8", 3: "<i4", 9: "<i8", 10: "?", 19: "<f2", 22: "<u4", 23: "<u8"}
_VALUE_FIELDS = {5: "<f4", 6: "<f8"}  # float_val and double_val
_VARINT_FIELDS = (7, 10, 11, 16, 17)  # int_val, int64_val, bool_val, uint32_val, uint64_val
_DEPTH = 16


@dataclass(slots=True)
class Scalar:
    """A value. Where ``dtype`` is given, its bytes lie at ``at`` as they are; else it had to be worked out."""

    tag: str
    value: float
    at: int = 0
    dtype: str = ""


@dataclass(slots=True)
class Image:
    """Where an encoded image lies."""

    tag: str
    at: int
    length: int


@dataclass(slots=True)
class Event:
    """One event. ``step_at`` and ``step_end`` are where the step's varint lies, ``wall_at`` the time; 0: not there.

    ``is_plain`` means that there is nothing but a time, a step and scalars that lie as they are, each once: another
    event that differs in these bytes only says the same of its own.
    """

    wall: float = 0.0
    step: int = 0
    wall_at: int = 0
    step_at: int = 0
    step_end: int = 0
    is_plain: bool = True
    purge: bool = False
    version: str = ""
    scalars: list[Scalar] = field(default_factory=list)
    texts: list[tuple[str, str]] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    params: dict[str, object] = field(default_factory=dict)
    card: dict[str, object] = field(default_factory=dict)
    skipped: list[str] = field(default_factory=list)


def read_event(data: bytes, start: int, end: int) -> Event:
    """Read the event in ``data[start:end]``. Raises WireError where it is none."""
    event = Event()
    for number, kind, at, stop in read_fields(data, start, end):
        if number == 1 and kind == FIXED64:
            event.is_plain &= not event.wall_at
            event.wall, event.wall_at = double_at(data, at), at
        elif number == 2 and kind == VARINT:
            event.is_plain &= not event.step_at
            event.step = signed(at)
            event.step_at = event.step_end = -1  # the field's own bytes are found below
        elif number == 5 and kind == BYTES:
            _read_summary(event, data, at, stop)
        else:
            event.is_plain = False
            if number == 3 and kind == BYTES:
                event.version = text_at(data, at, stop)[:100]
            elif number == 7 and kind == BYTES:
                event.purge = any(n == 1 and v == _START for n, k, v, _ in read_fields(data, at, stop) if k == VARINT)
    if event.is_plain and event.step_at:
        _find_step(event, data, start, end)
    return event


def _find_step(event: Event, data: bytes, start: int, end: int) -> None:
    """Say where the step's bytes lie when they come first or after the time, as all writers have it."""
    at = start + 9 if event.wall_at == start + 1 else start
    if data[at] != 2 << 3:
        event.is_plain = False
        return
    event.step_at = at + 1
    event.step_end = read_varint(data, at + 1, end)[1]


def _read_summary(event: Event, data: bytes, start: int, end: int) -> None:
    for number, kind, at, stop in read_fields(data, start, end):
        if number == 1 and kind == BYTES:
            _read_value(event, data, at, stop)
        else:
            event.is_plain = False


def _read_value(event: Event, data: bytes, start: int, end: int) -> None:
    tag, plugin, content = "", "", (0, 0)
    simple = image = histogram = 0
    image_end = 0
    tensor: tuple[int, int] | None = None
    for number, kind, at, stop in read_fields(data, start, end):
        if number == 1 and kind == BYTES:
            tag = text_at(data, at, stop)
        elif number == 2 and kind == FIXED32:
            event.is_plain &= not simple
            simple = at
        elif number == 8 and kind == BYTES:
            event.is_plain &= tensor is None
            tensor = at, stop
        elif number == 9 and kind == BYTES:
            plugin, content = _read_metadata(data, at, stop)
        elif number == 4 and kind == BYTES:
            image, image_end = at, stop
        elif number == 5 and kind == BYTES:
            histogram = at
    if plugin == HPARAMS:
        event.is_plain = False
        _read_hparams(event, data, *content)
    elif simple:
        event.is_plain &= tensor is None
        event.scalars.append(Scalar(tag, float(np.frombuffer(data, "<f4", 1, simple)[0]), simple, "<f4"))
    elif tensor is not None:
        _read_tensor(event, data, *tensor, (tag, plugin))
    else:
        event.is_plain = False
        if image:
            _note_image(event, data, image, image_end, tag)
        else:
            event.skipped.append("histogram" if histogram else plugin or "other value")


def _read_metadata(data: bytes, start: int, end: int) -> tuple[str, tuple[int, int]]:
    """Return the plugin's name and where its content lies."""
    plugin, content = "", (0, 0)
    for number, kind, at, stop in read_fields(data, start, end):
        if number == 1 and kind == BYTES:
            for inner, inner_kind, inner_at, inner_stop in read_fields(data, at, stop):
                if inner == 1 and inner_kind == BYTES:
                    plugin = text_at(data, inner_at, inner_stop)[:100]
                elif inner == 2 and inner_kind == BYTES:
                    content = inner_at, inner_stop
    return plugin, content


def _note_image(event: Event, data: bytes, start: int, end: int, tag: str) -> None:
    for number, kind, at, stop in read_fields(data, start, end):
        if number == 4 and kind == BYTES:
            event.images.append(Image(tag, at, stop - at))


@dataclass(slots=True)
class _Tensor:
    dtype: int = 0
    content: tuple[int, int] | None = None
    places: list[tuple[int, str]] = field(default_factory=list)  # of the first values that lie as they are
    count: int = 0
    numbers: list[float] = field(default_factory=list)
    strings: list[tuple[int, int]] = field(default_factory=list)


def _read_tensor(event: Event, data: bytes, start: int, end: int, named: tuple[str, str]) -> None:
    tag, plugin = named
    tensor = _split_tensor(data, start, end)
    if tensor.dtype == _STRING or tensor.strings:
        event.is_plain = False
        _read_strings(event, data, tensor.strings, named)
        return
    single = _single_of(data, tensor)
    if single is None or plugin in (TEXT, IMAGES, HISTOGRAMS):
        event.is_plain = False
        event.skipped.append({HISTOGRAMS: "histogram"}.get(plugin, plugin or "tensor"))
        return
    value, at, dtype = single
    event.is_plain &= bool(dtype)
    event.scalars.append(Scalar(tag, value, at, dtype))


def _split_tensor(data: bytes, start: int, end: int) -> _Tensor:
    tensor = _Tensor()
    for number, kind, at, stop in read_fields(data, start, end):
        if number == 1 and kind == VARINT:
            tensor.dtype = at
        elif number == 4 and kind == BYTES:
            tensor.content = at, stop
        elif number in _VALUE_FIELDS and kind in (BYTES, FIXED32, FIXED64):
            dtype = _VALUE_FIELDS[number]
            tensor.places.append((at, dtype))
            tensor.count += (stop - at) // int(dtype[2])
        elif number == 8 and kind == BYTES:
            tensor.strings.append((at, stop))
        elif number in _VARINT_FIELDS:
            tensor.numbers += _read_varints(data, kind, at, stop)
    return tensor


def _read_varints(data: bytes, kind: int, at: int, stop: int) -> list[float]:
    if kind == VARINT:
        return [float(signed(at))]
    found: list[float] = []
    while kind == BYTES and at < stop and len(found) < 2:
        value, at = read_varint(data, at, stop)
        found.append(float(signed(value)))
    return found


def _single_of(data: bytes, tensor: _Tensor) -> tuple[float, int, str] | None:
    """Return the tensor's one number, where it lies and as what; None where it holds more or less than one."""
    if tensor.content is not None and not tensor.places and not tensor.numbers:
        at, stop = tensor.content
        dtype = _DTYPES.get(tensor.dtype)
        if dtype is None or stop - at != np.dtype(dtype).itemsize:
            return None
        value = float(np.frombuffer(data, dtype, 1, at)[0])
        return value, at, dtype if dtype in ("<f4", "<f8") else ""
    if tensor.count == 1 and len(tensor.places) == 1 and not tensor.numbers and tensor.content is None:
        at, dtype = tensor.places[0]
        return float(np.frombuffer(data, dtype, 1, at)[0]), at, dtype
    if len(tensor.numbers) == 1 and not tensor.count and tensor.content is None:
        return tensor.numbers[0], 0, ""
    return None


def _read_strings(event: Event, data: bytes, strings: list[tuple[int, int]], named: tuple[str, str]) -> None:
    tag, plugin = named
    if plugin == IMAGES or (not plugin and _is_image(data, strings)):
        event.images += [Image(tag, at, stop - at) for at, stop in strings[2:]]
        return
    try:
        texts = [data[at:stop].decode() for at, stop in strings]
    except UnicodeDecodeError:
        event.skipped.append(plugin or "tensor")
        return
    if plugin not in ("", TEXT) or not texts:
        event.skipped.append(plugin or "tensor")
    else:
        event.texts.append((tag, "\n".join(texts)))


def _is_image(data: bytes, strings: list[tuple[int, int]]) -> bool:
    """Say whether these are a width, a height and encoded images."""
    return len(strings) >= 3 and all(stop - at < 8 and data[at:stop].isdigit() for at, stop in strings[:2])


def _read_hparams(event: Event, data: bytes, start: int, end: int) -> None:
    """Read what a session was started with. How it ended is not taken: writers say so in advance."""
    for number, kind, at, stop in read_fields(data, start, end):
        if number != 3 or kind != BYTES:
            continue
        event.card["is_hparams_session"] = True
        for inner, inner_kind, inner_at, inner_stop in read_fields(data, at, stop):
            if inner == 1 and inner_kind == BYTES:
                key, value = _read_entry(data, inner_at, inner_stop)
                event.params[key] = value
            elif inner == 5 and inner_kind == FIXED64 and double_at(data, inner_at) > 0:
                event.card["started_at"] = double_at(data, inner_at)


def _read_entry(data: bytes, start: int, end: int, depth: int = 0) -> tuple[str, object]:
    key, value = "", None
    for number, kind, at, stop in read_fields(data, start, end):
        if number == 1 and kind == BYTES:
            key = text_at(data, at, stop)[:2000]
        elif number == 2 and kind == BYTES:
            value = _read_any(data, at, stop, depth + 1)
    return key, value


def _read_any(data: bytes, start: int, end: int, depth: int) -> object:
    """Read a ``google.protobuf.Value``. Its numbers are floats: what was logged as 32 is 32.0."""
    if depth > _DEPTH:
        raise WireError("a value within too many others")
    value: object = None
    for number, kind, at, stop in read_fields(data, start, end):
        if number == 2 and kind == FIXED64:
            value = _jsonable(double_at(data, at))
        elif number == 3 and kind == BYTES:
            value = text_at(data, at, stop)[:10_000]
        elif number == 4 and kind == VARINT:
            value = at != 0
        elif number == 5 and kind == BYTES:
            entries = [_read_entry(data, a, s, depth) for n, k, a, s in read_fields(data, at, stop) if k == BYTES]
            value = dict(entries)
        elif number == 6 and kind == BYTES:
            value = [_read_any(data, a, s, depth + 1) for n, k, a, s in read_fields(data, at, stop) if k == BYTES]
    return value


def _jsonable(number: float) -> object:
    if math.isfinite(number):
        return number
    return "NaN" if math.isnan(number) else "Infinity" if number > 0 else "-Infinity"
