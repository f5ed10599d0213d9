"""Turns values into words for a terminal: clean text, bytes, durations, ages. It prints nothing and reads no clock."""

from __future__ import annotations

import unicodedata
from datetime import datetime

HIDDEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode categories that can move the cursor, reorder or hide text: escapes, bidi overrides, line separators."""

UNITS = ("B", "kB", "MB", "GB", "TB", "PB")
GAP = "…"


def clean(text: str) -> str:
    """Return ``text`` with everything that could act on a terminal shown as an escape; servers write names and logs."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(escape(character) if unicodedata.category(character) in HIDDEN else character for character in text)


def escape(character: str) -> str:
    number = ord(character)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def cut_middle(text: str, width: int) -> str:
    """Shorten to ``width`` characters without losing the ends, which tell names apart."""
    if len(text) <= width:
        return text
    tail = (width - 1) // 2
    return f"{text[: width - 1 - tail]}{GAP}{text[len(text) - tail :]}"


def format_bytes(count: float) -> str:
    """Return SI units with three digits: ``0 B``, ``999 B``, ``1.50 kB``, ``12.3 MB``."""
    value, unit = float(count), 0
    while value >= 999.5 and unit < len(UNITS) - 1:
        value, unit = value / 1000, unit + 1
    if unit == 0:
        return f"{int(value)} B"
    digits = 2 if value < 9.995 else 1 if value < 99.95 else 0
    return f"{value:.{digits}f} {UNITS[unit]}"


def format_duration(seconds: float) -> str:
    """Return the two largest units: ``8 s``, ``3 m 20 s``, ``2 h 14 m``, ``3 d 4 h``."""
    whole = max(0, round(seconds))
    for size, unit, below, minor in ((86400, "d", 3600, "h"), (3600, "h", 60, "m"), (60, "m", 1, "s")):
        if whole >= size:
            rest = whole % size // below
            return f"{whole // size} {unit} {rest} {minor}" if rest else f"{whole // size} {unit}"
    return f"{whole} s"


def format_age(at: float, now: float) -> str:
    """Return how long ago that was, or ``now`` for less than two seconds."""
    return "now" if now - at < 2 else f"{format_duration(now - at)} ago"


def format_time(at: float) -> str:
    """Return local date and time to the minute."""
    return datetime.fromtimestamp(at).strftime("%Y-%m-%d %H:%M")


def format_number(value: float) -> str:
    """Return four significant digits."""
    return f"{value:.4g}"


def count_noun(count: int, noun: str) -> str:
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
