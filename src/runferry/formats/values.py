"""Reads single values out of JSON as loosely as tools write it. Shared by the parsers; never raises."""

from __future__ import annotations

import datetime
import json
import math

import orjson

from runferry.formats.runicorn_events import DECODER, clean, is_deep

MISSING = object()
"""What ``read_json`` gives for bytes that are no JSON."""

NOT_FINITE = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}
"""How JSON says what it has no numbers for."""

_LATEST = 253_402_300_799.0
_MILLISECONDS = 1e11  # seconds reach this in the year 5138, milliseconds did in 1973


def read_json(data: bytes) -> object:
    """Return the value in ``data``; bare NaN and the like are taken, too. ``MISSING`` where there is none."""
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError:
        text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").strip()
    try:
        value, end = DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return MISSING
    return value if end == len(text) else MISSING


def read_number(value: object) -> float | None:
    """Return a number as a float, NaN and the infinities included, also as JSON's words for them; no booleans."""
    if type(value) is float:
        return value
    if type(value) is int:
        return float(value)
    return NOT_FINITE.get(value) if isinstance(value, str) else None


def read_step(value: object) -> float | None:
    """Return a finite number, or None."""
    number = read_number(value)
    return number if number is not None and math.isfinite(number) else None


def read_time(value: object) -> float:
    """Return seconds since the epoch from seconds, milliseconds or an ISO date; NaN for anything else.

    A date without a zone is taken for UTC.
    """
    number = read_number(value)
    if number is not None:
        number = number / 1000.0 if _MILLISECONDS < number < _LATEST * 1000 else number
        return number if 0.0 < number <= _LATEST else math.nan
    if not isinstance(value, str) or not 8 <= len(value) <= 40:
        return math.nan
    try:
        date = datetime.datetime.fromisoformat(value)
        return (date if date.tzinfo else date.replace(tzinfo=datetime.UTC)).timestamp()
    except (ValueError, OverflowError):
        return math.nan


def make_plain(value: object) -> object:
    """Return a value with strict JSON types, bounded in depth: see ``formats.document``."""
    if isinstance(value, float) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, (dict, list)):
        if is_deep(value):
            return "..."
        return json.loads(json.dumps(value), parse_constant=str)
    return value
