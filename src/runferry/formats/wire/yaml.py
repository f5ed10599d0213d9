"""Reads the YAML that tools write, as plain values. Builds no objects, follows no tags; bounded in depth and size.

PyYAML splits the text into events; everything that could run away (aliases, nesting, tags) is decided here. Scalars
mean what they mean to PyYAML's safe loader, but for dates, which stay text, and for ``1e-05``, which is how YAML 1.2
writes that number. Without the exponent's sign it is text: what PyYAML writes so is part of a hash.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import yaml

DEPTH = 64
"""Levels kept; deeper ones are the string "..."."""

NESTING = 500
"""A document nested deeper than this is refused; newer versions of libyaml refuse one at a thousand levels as well."""

BUDGET = 200_000
"""Values in one document, those that aliases repeat counted again and again. A document with more is refused."""

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_TRUE = frozenset({"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON"})
_FALSE = frozenset({"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"})
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,18})")
_FLOAT = re.compile(
    r"""[-+]?(?:[0-9][0-9_]*\.[0-9]* | \.[0-9]+)(?:[eE][-+]?[0-9]+)?
      | [-+]?[0-9]+[eE][-+][0-9]{1,3}
      | [-+]?[1-9][0-9]{18,}""",
    re.VERBOSE,
)
_SPECIAL = {".inf": "Infinity", "+.inf": "Infinity", "-.inf": "-Infinity", ".nan": "NaN"}
_STRING_TAG = "tag:yaml.org,2002:str"
_SURROGATES = re.compile("[\ud800-\udfff]")


class _TooMuch(Exception):
    """The document is larger than it looks."""


def read_yaml(data: bytes) -> object:
    """Return the first document's value with strict JSON types, or None where it cannot be read.

    NaN and the infinities are the strings "NaN", "Infinity" and "-Infinity", as in ``formats.document``.
    """
    try:
        return _build(data)
    except (yaml.YAMLError, _TooMuch, ValueError):
        return None


def is_yaml(data: bytes) -> bool:
    """Say whether ``data`` is a document that holds values by names or in a list, or nothing at all."""
    try:
        return not isinstance(_build(data), (str, int, float))
    except (yaml.YAMLError, _TooMuch, ValueError):
        return False


def read_yaml_object(data: bytes) -> dict[str, object] | None:
    """Return the mapping in ``data``, or None where there is none."""
    value = read_yaml(data)
    return value if isinstance(value, dict) else None


def _build(data: bytes) -> object:
    text = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace")
    return _Builder(yaml.parse(text, Loader=_LOADER)).build()


_LOADER: type[yaml.SafeLoader] | type[yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Builder:
    """Turns events into values, by recursion no deeper than ``DEPTH``."""

    def __init__(self, events: Iterator[yaml.Event]) -> None:
        self._events = events
        self._anchors: dict[str, tuple[object, int]] = {}
        self._count = 0

    def build(self) -> object:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                return self._value(next(self._events), 0)
        return None

    def _value(self, event: yaml.Event, depth: int) -> object:
        before = self._count
        self._spend(1)
        if isinstance(event, yaml.AliasEvent):
            value, size = self._anchors.get(event.anchor or "", (None, 0))
            self._spend(size)
            return value
        if isinstance(event, yaml.ScalarEvent):
            value = _read_scalar(event)
        elif depth >= DEPTH:
            self._pass()
            value = "..."
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._items(depth)
        else:
            value = self._pairs(depth)
        anchor = getattr(event, "anchor", None)
        if anchor is not None:
            self._anchors[anchor] = value, self._count - before
        return value

    def _items(self, depth: int) -> list[object]:
        items: list[object] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._value(event, depth + 1))
        return items

    def _pairs(self, depth: int) -> dict[str, object]:
        pairs: dict[str, object] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            key = self._value(event, depth + 1)
            pairs[key if isinstance(key, str) else _name(key)] = self._value(next(self._events), depth + 1)
        return pairs

    def _pass(self) -> None:
        level = 1
        while level:
            event = next(self._events)
            if isinstance(event, (yaml.SequenceStartEvent, yaml.MappingStartEvent)):
                level += 1
                if DEPTH + level > NESTING:
                    raise _TooMuch
            elif isinstance(event, (yaml.SequenceEndEvent, yaml.MappingEndEvent)):
                level -= 1

    def _spend(self, count: int) -> None:
        self._count += count
        if self._count > BUDGET:
            raise _TooMuch


def _read_scalar(event: yaml.ScalarEvent) -> object:
    text = event.value
    if not event.implicit[0] and (event.style or event.tag == _STRING_TAG):
        return text if text.isascii() else _SURROGATES.sub("\ufffd", text)
    if text in _NULL:
        return None
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    if text.lower() in _SPECIAL:
        return _SPECIAL[text.lower()]
    if _FLOAT.fullmatch(text):
        number = float(text.replace("_", ""))
        return "Infinity" if number == float("inf") else "-Infinity" if number == float("-inf") else number
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def _name(key: object) -> str:
    """Return what a key that is no string is called in JSON."""
    if key is None or isinstance(key, bool):
        return "null" if key is None else str(key).lower()
    return str(key) if isinstance(key, (int, float)) else "..."
