"""Parses SwanLab's ``.swanlab`` files by pushing: scalars, images, output, how the run ended. Opens nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping

from runferry.formats.findings import Findings, LogPiece
from runferry.formats.wandb_records import read_timestamp
from runferry.formats.wire.leveldb import LogRecords
from runferry.formats.wire.protobuf import (
    BYTES,
    FIXED64,
    VARINT,
    WireError,
    double_at,
    read_fields,
    signed,
    text_at,
)
from runferry.model import MediaItem, SeriesKind

SIGNATURE = b":SWL"

_START, _FINISH, _SCALAR, _MEDIA, _LOG = 10, 11, 13, 14, 16
_TEXTS = {1: "project", 4: "name", 5: "notes", 7: "group", 8: "job_type", 10: "id"}
_STATES = {1: "finished", 2: "failed", 3: "interrupted"}
_STATE_NAMES = {1: "finished", 2: "crashed", 3: "aborted"}
_IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp")
_SYSTEM = "__"  # what keys of the machine's own metrics begin with


class RecordsParser:
    """One ``.swanlab`` file, from front to back. See ``formats.series.SeriesParser``."""

    def __init__(self, position: int = 0, state: Mapping[str, object] | None = None) -> None:
        self._records = LogRecords(SIGNATURE, position, state)
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
            except WireError as error:
                found.note_bad(f"A record before byte {self._records.position} cannot be read: {error}.")
        return found

    def flush(self) -> Findings:
        """Return nothing: a record is whole or it is not."""
        return Findings()

    def _read(self, record: bytes) -> None:
        for number, kind, at, stop in read_fields(record):
            if kind != BYTES:
                continue
            if number == _SCALAR:
                self._read_scalar(record, at, stop)
            elif number == _MEDIA:
                self._read_media(record, at, stop)
            elif number == _LOG:
                self._read_log(record, at, stop)
            elif number == _START:
                self._read_start(record, at, stop)
            elif number == _FINISH:
                self._read_finish(record, at, stop)

    def _read_scalar(self, data: bytes, start: int, end: int) -> None:
        key, step, time, value = "", 0, math.nan, math.nan
        has_value = False
        for number, kind, at, stop in read_fields(data, start, end):
            if number == 1 and kind == BYTES:
                key = text_at(data, at, stop)
            elif number == 2 and kind == VARINT:
                step = signed(at)
            elif number == 4 and kind == BYTES:
                time = read_timestamp(data, at, stop)
            elif number == 5 and kind == BYTES:
                has_value = True
                doubles = (double_at(data, a) for n, k, a, _ in read_fields(data, at, stop) if n == 1 and k == FIXED64)
                value = next(doubles, 0.0)
        if key and has_value and not key.startswith(_SYSTEM):
            self._found.add(key, SeriesKind.NUMBER, step=float(step), time=time, value=value)
        elif not has_value:
            self._found.note_skipped("value")

    def _read_media(self, data: bytes, start: int, end: int) -> None:
        key, step, time = "", 0, math.nan
        names: list[tuple[str, str | None]] = []
        for number, kind, at, stop in read_fields(data, start, end):
            if number == 1 and kind == BYTES:
                key = text_at(data, at, stop)[:2000]
            elif number == 2 and kind == VARINT:
                step = signed(at)
            elif number == 4 and kind == BYTES:
                time = read_timestamp(data, at, stop)
            elif number == 5 and kind == BYTES:
                names += [_read_item(data, a, s) for n, k, a, s in read_fields(data, at, stop) if n == 1 and k == BYTES]
        for name, caption in names:
            if name.lower().endswith(_IMAGES):
                when = None if math.isnan(time) else time
                item = MediaItem("image", key, f"media/image/{name}", float(step), when, caption)
                self._found.media.append(item)
            else:
                self._found.note_skipped("media")

    def _read_log(self, data: bytes, start: int, end: int) -> None:
        line, time = "", math.nan
        for number, kind, at, stop in read_fields(data, start, end):
            if number == 1 and kind == BYTES:
                line = text_at(data, at, stop)
            elif number == 3 and kind == BYTES:
                time = read_timestamp(data, at, stop)
        self._found.output.append(LogPiece(line + "\n", time))

    def _read_start(self, data: bytes, start: int, end: int) -> None:
        labels: list[str] = []
        for number, kind, at, stop in read_fields(data, start, end):
            if kind != BYTES:
                continue
            if number in _TEXTS and stop > at:
                self._found.card[_TEXTS[number]] = text_at(data, at, stop)[:10_000]
            elif number == 6:
                labels.append(text_at(data, at, stop)[:500])
            elif number == 12:
                self._found.card["started_at"] = read_timestamp(data, at, stop)
        if labels:
            self._found.card["labels"] = labels

    def _read_finish(self, data: bytes, start: int, end: int) -> None:
        state = 0
        for number, kind, at, stop in read_fields(data, start, end):
            if number == 1 and kind == VARINT:
                state = at
            elif number == 2 and kind == BYTES and stop > at:
                self._found.card["exit_reason"] = text_at(data, at, stop)[:10_000]
            elif number == 3 and kind == BYTES:
                self._found.card["ended_at"] = read_timestamp(data, at, stop)
        if state in _STATES:
            self._found.card["status"] = _STATES[state]
            self._found.card["status_known_by"] = f'the file\'s last record, "{_STATE_NAMES[state]}"'


def _read_item(data: bytes, start: int, end: int) -> tuple[str, str | None]:
    name, caption = "", None
    for number, kind, at, stop in read_fields(data, start, end):
        if number == 1 and kind == BYTES:
            name = text_at(data, at, stop)
        elif number == 4 and kind == BYTES:
            caption = text_at(data, at, stop)[:2000]
    return name, caption
