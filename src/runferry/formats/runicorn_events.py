"""Reads Runicorn's events.jsonl: one JSON object per line, metrics and images. A ``SeriesReader``; opens nothing.

Every field of a "metrics" event's data is a point of the series of that name, but for ``global_step`` and ``time``,
which say where it lies. What follows a complete object on the same line is a record of its own, so that it makes no
difference whether its end was seen before the newline came.
"""

from __future__ import annotations

import json
import math
import re
from array import array
from collections.abc import Callable, Collection, Mapping
from typing import Any

import orjson

from runferry.formats.lines import LONGEST, Lines
from runferry.formats.series import Batch
from runferry.model import MediaItem, SeriesColumn, SeriesKind

READER = "runicorn-events-1"
EVENTS = "events.jsonl"
SOURCE_NAMES: Collection[str] = frozenset({EVENTS})
_PLACED = f"/{EVENTS}"

DEPTH = 100
"""Levels of lists and objects a value may have; a deeper one is a bad record."""

TEXT_LIMIT = 64 * 1024
"""Characters of a text that are kept; it then says how many there were."""

LONGEST_KEY = 2000
LONGEST_TAIL = 1024 * 1024
"""Bytes of a line without a newline that are looked at for a complete object, again and again while it grows."""

_BLANK = b" \t\r\n\xef\xbb\xbf"
_NUMBERS = (int, float)
_INTEGERS = range(-(2**63), 2**64)
_SURROGATES = re.compile("[\ud800-\udfff]")


def is_source(path: str) -> bool:
    """Say whether a file is called events.jsonl."""
    return path.endswith(_PLACED) or path == EVENTS


def find_run_dir(path: str, is_run_dir: Callable[[str], bool]) -> str | None:
    """Return the directory the file lies in, if it is a run's."""
    directory = path.rpartition("/")[0]
    return directory if is_source(path) and is_run_dir(directory) else None


def make_parser(position: int = 0, state: Mapping[str, object] | None = None) -> EventsParser:
    return EventsParser(position, state)


class BadRecord(ValueError):
    """Why a record, or one value of it, cannot be read."""


class EventsParser:
    """One events.jsonl, from front to back. See ``formats.series.SeriesParser``."""

    def __init__(self, position: int = 0, state: Mapping[str, object] | None = None, *, longest: int = LONGEST) -> None:
        given: Mapping[str, Any] = state or {}
        self._lines = Lines(position, is_skipping=bool(given.get("is_skipping")), longest=longest)
        self._longest = longest
        self._steps: dict[str, float] = dict(given.get("steps", {}))  # the last one of each key
        self._batch = Batch()

    @property
    def position(self) -> int:
        return self._lines.position

    @property
    def state(self) -> Mapping[str, object]:
        state: dict[str, object] = {"steps": self._steps} if self._steps else {}
        return state | {"is_skipping": True} if self._lines.is_skipping else state

    def feed(self, data: bytes) -> Batch:
        self._batch = batch = Batch()
        at = self._lines.position
        for line in self._lines.feed(data):
            if line is None:
                self._note_bad(at, f"a line of more than {self._longest // 2**20} MiB")
                continue
            self._read_line(line, at)
            at += len(line) + 1
        return batch

    def flush(self) -> Batch:
        self._batch = batch = Batch()
        rest = self._lines.rest
        if b"}" in rest and len(rest) <= LONGEST_TAIL and not self._lines.is_skipping:
            self._lines.take(self._read_objects(rest, self._lines.position))
        return batch

    def _read_line(self, line: bytes, at: int) -> None:
        try:
            record = orjson.loads(line)
        except orjson.JSONDecodeError:
            left = line[self._read_objects(line, at) :].strip(_BLANK)
            if left:
                self._note_bad(at, f"not JSON: {left[:40]!r}")
        else:
            self._take(record, at)

    def _read_objects(self, data: bytes, at: int) -> int:
        """Take the objects that ``data`` begins with, and return how many bytes they have: leniently, and slower."""
        text = data.decode("utf-8", "surrogateescape")
        end = done = 0
        try:
            while (start := find_object(text, end)) is not None:
                record, end = DECODER.raw_decode(text, start)
                self._take(record, at)
                done = end
        except (ValueError, RecursionError):
            pass
        return len(text[:done].encode("utf-8", "surrogateescape"))

    def _take(self, record: object, at: int) -> None:
        if not isinstance(record, dict):
            self._note_bad(at, "no JSON object")
            return
        try:
            kind = record.get("type")
            if kind == "metrics":
                self._take_metrics(record)
            elif kind == "image":
                self._take_image(record)
            else:
                self._batch.unknown += 1
        except BadRecord as error:
            self._note_bad(at, str(error))

    def _take_metrics(self, record: dict[str, Any]) -> None:
        data = record.get("data")
        if type(data) is not dict:
            raise BadRecord("a metrics event without data")
        step, time = data.get("global_step"), record.get("ts")
        step = float(step) if type(step) is int else read_number(step)
        if type(time) is not float:
            time = read_time(time, data.get("time"))
        steps, columns, trouble = self._steps, self._batch.columns, None
        for key, value in data.items():
            if key in _PLACES and type(value) in _NUMBERS:
                continue
            kind = _KINDS.get(type(value), SeriesKind.TEXT)
            try:
                if kind is SeriesKind.TEXT:
                    value = read_text(value)
                column = columns.get((key, kind)) or self._add_column(key, kind)
            except BadRecord as error:
                trouble = error
                continue
            at_step = steps.get(key, -1.0) + 1.0 if step is None else step
            steps[key] = at_step
            column.steps.append(at_step)
            column.times.append(time)
            column.values.append(value)
        if trouble is not None:
            raise trouble

    def _add_column(self, key: str, kind: SeriesKind) -> SeriesColumn:
        if len(key) > LONGEST_KEY:
            raise BadRecord(f"a metric whose name has more than {LONGEST_KEY} characters")
        values: array[float] | list[str] = [] if kind is SeriesKind.TEXT else array("d")
        column = self._batch.columns[key, kind] = SeriesColumn(array("d"), array("d"), values)
        return column

    def _take_image(self, record: dict[str, Any]) -> None:
        data = record.get("data")
        path = data.get("path") if isinstance(data, dict) else None
        if not isinstance(data, dict) or not isinstance(path, str) or not path:
            raise BadRecord("an image event without a path")
        key, caption = data.get("key"), data.get("caption")
        item = MediaItem(
            kind="image",
            key=clean(key)[:LONGEST_KEY] if isinstance(key, str) else "",
            path=clean(path),
            step=read_number(data.get("step")),
            time=read_number(record.get("ts")),
            caption=None if caption is None else read_text(caption),
        )
        self._batch.media.append(item)

    def _note_bad(self, at: int, why: str) -> None:
        self._batch.bad += 1
        if self._batch.first_bad is None:
            self._batch.first_bad = f"At byte {at}: {why}."


_PLACES = frozenset({"global_step", "time"})
_KINDS = {float: SeriesKind.NUMBER, int: SeriesKind.NUMBER, bool: SeriesKind.BOOLEAN}


def read_integer(text: str) -> int | float:
    """Read an integer as orjson does: those of more than 64 bits are floats, the very long ones infinite."""
    return int(text) if len(text) < 21 and int(text) in _INTEGERS else float(text)


def read_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    return {clean(key): value for key, value in pairs}


DECODER = json.JSONDecoder(parse_int=read_integer, object_pairs_hook=read_pairs)


def find_object(text: str, start: int) -> int | None:
    """Return where the next object begins, or None where something else, or nothing, comes next."""
    while start < len(text) and text[start] in " \t\r\ufeff":
        start += 1
    return start if text[start : start + 1] == "{" else None


def read_text(value: object) -> str:
    """Return a text, or the JSON of anything else; cut where it is too long. Raises BadRecord where it is too deep."""
    if isinstance(value, str):
        text = value
    elif is_deep(value):
        raise BadRecord(f"a value with more than {DEPTH} levels")
    else:
        text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    text = clean(text)
    return text if len(text) <= TEXT_LIMIT else f"{text[:TEXT_LIMIT]}… [{len(text)} characters]"


def is_deep(value: object) -> bool:
    """Say whether lists and objects lie in each other more than ``DEPTH`` deep; it does not descend further."""
    level = [value]
    for _ in range(DEPTH + 1):
        lists = [item for item in level if isinstance(item, list)]
        objects = [item for item in level if isinstance(item, dict)]
        if not lists and not objects:
            return False
        level = [item for one in lists for item in one] + [item for one in objects for item in one.values()]
    return True


def clean(text: str) -> str:
    """Replace what is no character: halves of surrogate pairs, and bytes that were no UTF-8."""
    return text if text.isascii() else _SURROGATES.sub("\ufffd", text)


def read_time(*values: object) -> float:
    """Return the first that is a number; NaN where none is."""
    found = (float(value) for value in values if isinstance(value, _NUMBERS) and not isinstance(value, bool))
    return next(found, math.nan)


def read_number(value: object) -> float | None:
    """Return a finite number, or None for anything else, booleans included."""
    if not isinstance(value, _NUMBERS) or isinstance(value, bool):
        return None
    number = float(value)
    return number if math.isfinite(number) else None
