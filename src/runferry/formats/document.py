"""Reads one JSON document that a stranger wrote, and takes single values out of it. Nothing here ever raises.

What comes out is safe to store and to answer with: strict JSON types, at most ``DEPTH`` levels, no lone
surrogates, integers of 64 bits; NaN and the infinities are the strings "NaN", "Infinity" and "-Infinity".
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping

import orjson

DEPTH = 64
"""Levels kept; what lies deeper is cut and leaves the string "..." in its place."""

Document = Mapping[str, object]

_LATEST = 253_402_300_799.0  # the last second of the year 9999: dates end there in most languages
_INTEGERS = range(-(2**63), 2**63)
_LONG_NUMBER = re.compile(rb"\d{19}")
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_SURROGATES = re.compile("[\ud800-\udfff]")


def read_document(data: bytes) -> Document | None:
    """Return the object in ``data``, or None where it is empty, half-written or anything but an object."""
    try:
        value = orjson.loads(data)
        if data.count(b"{") + data.count(b"[") > DEPTH or _LONG_NUMBER.search(data):
            value = _clean(value)  # may be too deep, or hold an integer of more than 63 bits
    except orjson.JSONDecodeError:
        value = _read_leniently(data)
    return value if isinstance(value, dict) else None


def _read_leniently(data: bytes) -> object:
    """Read what the strict parser refuses and tools do write: NaN, a byte order mark, foreign encodings."""
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    try:
        return _clean(json.loads(text, parse_int=_read_integer))
    except (ValueError, RecursionError):
        return None


def _read_integer(text: str) -> int | float:
    return int(text) if len(text) < 20 and int(text) in _INTEGERS else float(text)


def _clean(value: object, depth: int = 0) -> object:
    if isinstance(value, str):
        return _SURROGATES.sub("\ufffd", value)
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, int) and not isinstance(value, bool) and value not in _INTEGERS:
        return float(value)
    if isinstance(value, (dict, list)) and depth == DEPTH:
        return "..."
    if isinstance(value, dict):
        return {str(_clean(key)): _clean(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in value]
    return value


def text_of(document: Document, name: str, *, longest: int = 500) -> str | None:
    """Return a string field, cut, control characters replaced; None where it is empty or no string."""
    value = document.get(name)
    return _UNPRINTABLE.sub("\ufffd", value[:longest]) if isinstance(value, str) and value else None


def number_of(document: Document, name: str) -> float | None:
    """Return a finite number as a float; None for anything else, booleans included."""
    value = document.get(name)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    number = float(value)
    return number if math.isfinite(number) else None


def time_of(document: Document, name: str) -> float | None:
    """Return seconds since the epoch, or None where the field is no such thing."""
    number = number_of(document, name)
    return number if number is not None and 0.0 <= number <= _LATEST else None


def count_of(document: Document, name: str, *, largest: int = 2**63 - 1) -> int | None:
    """Return a whole number from 0 to ``largest``; None for anything else."""
    value = document.get(name)
    is_count = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= largest
    return value if is_count and isinstance(value, int) else None


def objects_of(document: Document, name: str) -> list[Document]:
    """Return the objects in a list field; none where there is no list."""
    value = document.get(name)
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
