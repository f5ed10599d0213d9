"""Parses W&B's offline ``.wandb`` files by pushing: history, configuration, summary, what was printed, the exit.

Field numbers are those of W&B's ``wandb_internal.proto``. Opens nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import orjson

from runferry.formats.findings import Findings, LogPiece
from runferry.formats.runicorn_events import BadRecord, clean, read_text
from runferry.formats.values import MISSING, make_plain, read_json, read_number, read_step
from runferry.formats.wire.leveldb import LogRecords
from runferry.formats.wire.protobuf import BYTES, VARINT, WireError, read_fields, read_varint, signed, text_at
from runferry.model import MediaItem, SeriesKind

SIGNATURE = b":W&B"

_HISTORY, _SUMMARY, _OUTPUT, _CONFIG, _OUTPUT_RAW, _RUN, _EXIT, _ENVIRONMENT = 2, 3, 4, 5, 13, 17, 18, 26
_VALUE = b"\x82\x01"  # the tag of an item's field 16, value_json
_MOST_KEYS = 20_000
_PLACES = frozenset({("_timestamp",), ("_step",)})
_RUN_TEXTS = {1: "id", 2: "entity", 3: "project", 6: "group", 7: "job_type", 8: "name", 9: "notes", 13: "hostname"}
_ENVIRONMENT_TEXTS = {1: "os", 2: "python", 6: "program", 12: "hostname"}

Items = list[tuple[tuple[str, ...], object]]


class RecordsParser:
    """One ``.wandb`` file, from front to back. See ``formats.series.SeriesParser``."""

    def __init__(self, position: int = 0, state: Mapping[str, object] | None = None) -> None:
        self._records = LogRecords(SIGNATURE, position, state)
        self._keys: dict[bytes, tuple[str, ...]] = {}  # how items begin, and the keys that says
        self._found = Findings()

    @property
    def position(self) -> int:
        return self._records.position

    @property
    def state(self) -> Mapping[str, object]:
        return self._records.state

    def feed(self, data: bytes) -> Findings:
        self._found = found = Findings()
        records = self._records.feed(data)
        for why in self._records.bad:
            found.note_bad(why)
        for record in records:
            try:
                self._read(record)
            except (WireError, BadRecord) as error:
                found.note_bad(f"A record before byte {self._records.position} cannot be read: {error}.")
        return found

    def flush(self) -> Findings:
        """Return nothing: a record is whole or it is not."""
        return Findings()

    def _read(self, record: bytes) -> None:
        for number, kind, at, stop in read_fields(record):
            if kind != BYTES:
                continue
            if number == _HISTORY:
                self._read_history(record, at, stop)
            elif number == _SUMMARY:
                self._read_summary(record, at, stop)
            elif number in (_OUTPUT, _OUTPUT_RAW):
                self._read_output(record, at, stop)
            elif number == _CONFIG:
                self._read_config(record, at, stop)
            elif number == _RUN:
                self._read_run(record, at, stop)
            elif number == _EXIT:
                self._read_exit(record, at, stop)
            elif number == _ENVIRONMENT:
                self._read_texts(record, at, stop, _ENVIRONMENT_TEXTS)

    def _read_history(self, data: bytes, start: int, end: int) -> None:
        items: Items = []
        step: float | None = None
        for number, kind, at, stop in read_fields(data, start, end):
            if number == 1 and kind == BYTES:
                item = self._read_item(data, at, stop)
                if item is not None:
                    items.append(item)
            elif number == 2 and kind == BYTES:
                step = float(next((signed(v) for n, k, v, _ in read_fields(data, at, stop) if n == 1), 0))
        told = {keys[0]: value for keys, value in items if keys in _PLACES}
        time = read_number(told.get("_timestamp"))
        step = read_step(told.get("_step")) if step is None else step
        self._add_row(items, step or 0.0, math.nan if time is None else time)

    def _add_row(self, items: Items, step: float, time: float) -> None:
        groups = {keys[:-1] for keys, _ in items if len(keys) > 1 and keys[-1] == "_type"}
        found, columns, trouble = self._found, self._found.columns, None
        for keys, value in items:
            if keys[0][:1] == "_" or (groups and any(keys[:length] in groups for length in range(1, len(keys)))):
                continue
            key = keys[0] if len(keys) == 1 else ".".join(keys)
            kind = type(value)
            if kind is float or kind is int:
                column = columns.get((key, SeriesKind.NUMBER))
                if column is None:
                    found.add(key, SeriesKind.NUMBER, step=step, time=time, value=value)  # type: ignore[arg-type]
                else:
                    column.steps.append(step)
                    column.times.append(time)
                    column.values.append(value)  # type: ignore[arg-type]
                continue
            try:
                self._add_other(key, value, step, time)
            except BadRecord as error:
                trouble = error
        for group in groups:
            inner = {keys[-1]: value for keys, value in items if keys[:-1] == group}
            self._add_media(".".join(group), inner, step, time)
        if trouble is not None:
            raise trouble

    def _add_other(self, key: str, value: object, step: float, time: float) -> None:
        number = read_number(value)
        if isinstance(value, bool):
            self._found.add(key, SeriesKind.BOOLEAN, step=step, time=time, value=float(value))
        elif number is not None:
            self._found.add(key, SeriesKind.NUMBER, step=step, time=time, value=number)
        elif isinstance(value, dict) and isinstance(value.get("_type"), str):
            self._add_media(key, value, step, time)
        elif value is not None:
            self._found.add(key, SeriesKind.TEXT, step=step, time=time, value=read_text(value))

    def _add_media(self, key: str, value: Mapping[str, object], step: float, time: float) -> None:
        kind, path, caption = value.get("_type"), value.get("path"), value.get("caption")
        if kind != "image-file" or not isinstance(path, str):
            self._found.note_skipped(clean(kind)[:40] if isinstance(kind, str) else "value")
            return
        text = clean(caption)[:2000] if isinstance(caption, str) else None
        when = None if math.isnan(time) else time
        self._found.media.append(MediaItem("image", key[:2000], f"files/{clean(path)}", step, when, text))

    def _read_item(self, data: bytes, start: int, end: int) -> tuple[tuple[str, ...], object] | None:
        """Return an item's keys and value; None where it has none."""
        split = data.find(_VALUE, start, end)
        keys = self._keys.get(data[start:split]) if split > 0 else None
        if keys is None:
            return self._read_new_item(data[start:end])
        length = data[split + 2] if split + 2 < end else 0x80
        at = split + 3
        if length >= 0x80:
            length, at = read_varint(data, split + 2, end)
        if at + length != end:
            return self._read_new_item(data[start:end])
        text = data[at:end]
        try:
            return keys, orjson.loads(text)
        except orjson.JSONDecodeError:
            value = read_json(text)
            return None if value is MISSING else (keys, value)

    def _read_new_item(self, item: bytes) -> tuple[tuple[str, ...], object] | None:
        key, nested, value = "", [], MISSING
        value_at = 0
        for number, kind, at, stop in read_fields(item):
            if kind != BYTES:
                if number in (4, 5) and kind == VARINT:
                    value = at != 0 if number == 4 else (at >> 1) ^ -(at & 1)
            elif number == 1:
                key = text_at(item, at, stop)
            elif number == 2:
                nested.append(text_at(item, at, stop))
            elif number in (8, 16):
                value, value_at = read_json(item[at:stop]), at
            elif number == 7:
                value = text_at(item, at, stop)
        keys = tuple(nested) or (key,)
        if not keys[0] or value is MISSING:
            return None
        split = item.find(_VALUE)
        is_usual = (
            value_at and split > 0 and read_varint(item, split + 2, len(item)) == (len(item) - value_at, value_at)
        )
        if is_usual and len(self._keys) < _MOST_KEYS:
            self._keys[item[:split]] = keys
        return keys, value

    def _read_summary(self, data: bytes, start: int, end: int) -> None:
        items = [
            item
            for number, kind, at, stop in read_fields(data, start, end)
            if number == 1 and kind == BYTES and (item := self._read_item(data, at, stop)) is not None
        ]
        groups = {keys[:-1] for keys, _ in items if len(keys) > 1 and keys[-1] == "_type"}
        for keys, value in items:
            is_media = any(keys[:length] in groups for length in range(1, len(keys)))
            if keys[0][:1] != "_" and not is_media and not (isinstance(value, dict) and "_type" in value):
                self._found.summary[".".join(keys)] = make_plain(value)

    def _read_config(self, data: bytes, start: int, end: int) -> None:
        for number, kind, at, stop in read_fields(data, start, end):
            item = self._read_item(data, at, stop) if number == 1 and kind == BYTES else None
            if item is not None and item[0][0] != "_wandb":
                self._found.params[clean(".".join(item[0]))] = make_plain(item[1])

    def _read_run(self, data: bytes, start: int, end: int) -> None:
        self._read_texts(data, start, end, _RUN_TEXTS)
        tags: list[str] = []
        for number, kind, at, stop in read_fields(data, start, end):
            if kind != BYTES:
                continue
            if number == 4:
                self._read_config(data, at, stop)
            elif number == 10:
                tags.append(text_at(data, at, stop)[:500])
            elif number == 17:
                self._found.card["started_at"] = read_timestamp(data, at, stop)
        if tags:
            self._found.card["labels"] = tags

    def _read_texts(self, data: bytes, start: int, end: int, names: Mapping[int, str]) -> None:
        for number, kind, at, stop in read_fields(data, start, end):
            if kind == BYTES and number in names and stop > at:
                self._found.card[names[number]] = text_at(data, at, stop)[:10_000]

    def _read_exit(self, data: bytes, start: int, end: int) -> None:
        fields = {number: value for number, kind, value, _ in read_fields(data, start, end) if kind == VARINT}
        code = signed(fields.get(1, 0))
        card = self._found.card
        card["status"] = "finished" if code == 0 else "failed"
        card["status_known_by"] = f"the file's exit record, code {code}"
        card["exit_code"] = code
        if 2 in fields:
            card["runtime"] = float(signed(fields[2]))

    def _read_output(self, data: bytes, start: int, end: int) -> None:
        is_error, time, text = True, math.nan, ""
        for number, kind, at, stop in read_fields(data, start, end):
            if number == 1 and kind == VARINT:
                is_error = at == 0
            elif number == 2 and kind == BYTES:
                time = read_timestamp(data, at, stop)
            elif number == 3 and kind == BYTES:
                text = text_at(data, at, stop)
        self._found.output.append(LogPiece(text, time, is_error))


def _read_end(item: bytes, at: int) -> int:
    """Return where a value begins whose length lies at ``at``, if it goes on to the end; else 0."""
    length, start = read_varint(item, at, len(item))
    return start if start + length == len(item) else 0


def read_timestamp(data: bytes, start: int, end: int) -> float:
    """Read a ``google.protobuf.Timestamp`` as seconds since the epoch."""
    fields = {number: value for number, kind, value, _ in read_fields(data, start, end) if kind == VARINT}
    return float(signed(fields.get(1, 0))) + fields.get(2, 0) / 1e9
