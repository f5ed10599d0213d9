"""Parses TensorBoard event files by pushing: records that look alike are read all at once. Opens nothing.

Most of an event file is the same few hundred messages over and over, differing in a time, a step and a value. Records
of one length are compared with those bytes blanked; each group of equals is parsed once, and numpy takes the rest.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from runferry.formats.findings import Findings, take
from runferry.formats.runicorn_events import read_text
from runferry.formats.tensorboard_values import Event, read_event
from runferry.formats.wire.protobuf import WireError
from runferry.formats.wire.tfrecord import Records, TFRecords, rows_at
from runferry.model import MediaItem, SeriesColumn, SeriesKind

_FEW = 16
"""Up to so many records of one length are read one after the other."""

_WIDEST = 512
"""Bytes of the longest records that are compared."""

_ATTEMPTS = 8
"""How often a length is tried with another layout before its records are read one after the other."""

_MIX = np.uint64(0x9E3779B97F4A7C15)

Rows = npt.NDArray[np.uint8]
Numbers = npt.NDArray[np.int64]
Values = npt.NDArray[np.float64]


@dataclass(slots=True)
class _Points:
    """Scalars as they are found, in pieces: the order of their records, their tags, steps, times and values."""

    tags: dict[str, int] = field(default_factory=dict)
    pieces: list[tuple[Numbers, Numbers, Values, Values, Values]] = field(default_factory=list)
    singles: list[tuple[int, int, float, float, float]] = field(default_factory=list)

    def tag(self, name: str) -> int:
        return self.tags.setdefault(name, len(self.tags))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where in a record the bytes lie that differ, relative to its start."""

    wall: int
    step: int
    step_end: int
    values: tuple[tuple[int, str], ...]


class EventsParser:
    """One event file, from front to back. See ``formats.series.SeriesParser``."""

    def __init__(self, position: int = 0, state: Mapping[str, object] | None = None) -> None:
        self._records = TFRecords(position, state)

    @property
    def position(self) -> int:
        return self._records.position

    @property
    def state(self) -> Mapping[str, object]:
        return self._records.state

    def feed(self, data: bytes) -> Findings:
        records = self._records.feed(data)
        found = Findings()
        for why in records.bad:
            found.note_bad(why)
        reading = _Reading(records, found)
        reading.run()
        return found

    def flush(self) -> Findings:
        """Return nothing: a record is whole or it is not."""
        return Findings()


class _Reading:
    """The records of one piece on their way into findings."""

    def __init__(self, records: Records, found: Findings) -> None:
        self._data = records.data
        self._at = records.at
        self._starts = records.starts
        self._ends = records.ends
        self._found = found
        self._points = _Points()
        self._purges: list[tuple[int, int]] = []
        self._others: list[tuple[int, Event]] = []

    def run(self) -> None:
        lengths = self._ends - self._starts
        if len(lengths) <= _FEW:
            self._read_each(np.arange(len(lengths)))
        else:
            for length in np.unique(lengths).tolist():
                self._read_alike(np.flatnonzero(lengths == length), length)
        self._gather()
        for _, event in sorted(self._others, key=lambda other: other[0]):
            self._take_other(event)
            if event.purge:
                self._purge_texts(event.step)

    def _read_each(self, indices: Numbers) -> None:
        for index in indices.tolist():
            event = self._parse(index)
            if event is None:
                continue
            for scalar in event.scalars:
                tag = self._points.tag(scalar.tag)
                self._points.singles.append((index, tag, float(event.step), event.wall, scalar.value))
            if not event.is_plain:
                self._others.append((index, event))
                if event.purge:
                    self._purges.append((index, event.step))

    def _parse(self, index: int, *, is_trial: bool = False) -> Event | None:
        start = int(self._starts[index])
        try:
            return read_event(self._data, start, int(self._ends[index]))
        except WireError as error:
            if not is_trial:
                self._found.note_bad(f"At byte {self._at + start - 12}: an event that cannot be read, {error}.")
            return None

    def _read_alike(self, indices: Numbers, length: int) -> None:
        for _ in range(_ATTEMPTS if length <= _WIDEST else 0):
            if len(indices) <= _FEW:
                break
            indices = self._read_layout(indices, length)
        self._read_each(indices)

    def _read_layout(self, indices: Numbers, length: int) -> Numbers:
        """Take the records that are laid out as the first one is; return those that are left."""
        first = self._parse(int(indices[0]), is_trial=True)
        layout = _layout_of(first, int(self._starts[indices[0]])) if first is not None else None
        if layout is None:
            self._read_each(indices[:1])
            return indices[1:]
        rows = rows_at(self._data, self._starts[indices], length)
        blanked = _blank(rows, layout)
        samples, groups = _group(blanked)
        is_equal = (blanked == blanked[samples[groups]]).all(axis=1)
        tags: list[list[int] | None] = []
        for sample in samples.tolist():
            event = self._parse(int(indices[sample]), is_trial=True)
            same = event is not None and _layout_of(event, int(self._starts[indices[sample]])) == layout
            tags.append([self._points.tag(scalar.tag) for scalar in event.scalars] if event and same else None)
        known = np.array([tag is not None for tag in tags])
        taken = np.flatnonzero(known[groups] & is_equal)
        slots = [np.array([tag[slot] if tag else -1 for tag in tags]) for slot in range(len(layout.values))]
        self._take_rows(rows[taken], indices[taken], layout, [slot[groups[taken]] for slot in slots])
        left = np.ones(len(indices), dtype=np.bool_)
        left[taken] = False
        return indices[left]

    def _take_rows(self, rows: Rows, indices: Numbers, layout: _Layout, tags: list[Numbers]) -> None:
        walls = _read_column(rows, layout.wall, "<f8") if layout.wall else np.zeros(len(rows))
        steps = _read_steps(rows, layout.step, layout.step_end)
        for (at, dtype), tag in zip(layout.values, tags, strict=True):
            self._points.pieces.append((indices, tag, steps, walls, _read_column(rows, at, dtype)))

    def _gather(self) -> None:
        """Put the scalars into columns, each in the order of its records; what a restart took back aside."""
        if self._points.singles:
            columns = [np.array(column) for column in zip(*self._points.singles, strict=True)]
            self._points.pieces.append((columns[0], columns[1], columns[2], columns[3], columns[4]))
        if not self._points.pieces:
            return
        indices, tags, *rest = (np.concatenate(column) for column in zip(*self._points.pieces, strict=True))
        order = np.lexsort((indices, tags))
        indices, tags, rest = indices[order], tags[order], [column[order] for column in rest]
        is_taken_back = np.zeros(len(order), dtype=np.bool_)
        for purge, step in self._purges:
            is_taken_back |= (indices < purge) & (rest[0] >= step)
        bounds = np.searchsorted(tags, np.arange(len(self._points.tags) + 1)).tolist()
        # Records of one length were read together; series begin in the order of records. Some tags have no points.
        begins = np.append(indices, len(self._starts))[bounds[:-1]].tolist()
        for name, tag in sorted(self._points.tags.items(), key=lambda one: begins[one[1]]):
            low, high = bounds[tag], bounds[tag + 1]
            self._add(name, [column[low:high] for column in rest], is_taken_back[low:high])

    def _add(self, name: str, columns: list[Values], is_taken_back: npt.NDArray[np.bool_]) -> None:
        if is_taken_back.any():
            late = [array("d", column[is_taken_back].tobytes()) for column in columns]
            self._found.superseded[name, SeriesKind.NUMBER] = SeriesColumn(late[0], late[1], late[2])
            columns = [column[~is_taken_back] for column in columns]
        if len(columns[0]):
            steps, times, values = (array("d", column.tobytes()) for column in columns)
            self._found.extend(name, steps=steps, times=times, values=values)

    def _take_other(self, event: Event) -> None:
        found = self._found
        for tag, text in event.texts:
            found.add(tag, SeriesKind.TEXT, step=float(event.step), time=event.wall, value=read_text(text))
        for image in event.images:
            place = f"@{self._at + image.at}+{image.length}"
            found.media.append(MediaItem("image", image.tag[:2000], place, float(event.step), event.wall))
        for kind in event.skipped:
            found.note_skipped(kind)
        found.params.update(event.params)
        found.card.update(event.card)
        if event.version and not event.version.startswith("brain.Event:"):
            found.note_bad("The file says that it is of another kind than TensorBoard's.")

    def _purge_texts(self, step: int) -> None:
        """Take back what was written at this step or later: a restart says that it begins there."""
        found = self._found
        found.purge_from = step if found.purge_from is None else min(found.purge_from, step)
        for (key, kind), column in list(found.columns.items()):
            if kind is not SeriesKind.TEXT:
                continue
            late = [place for place, at in enumerate(column.steps) if at >= step]
            if late:
                early = [place for place, at in enumerate(column.steps) if at < step]
                found.superseded[key, kind] = take(column, kind, late)
                found.columns[key, kind] = take(column, kind, early)


def _layout_of(event: Event, start: int) -> _Layout | None:
    """Return the layout of an event that holds nothing but a time, a step and scalars."""
    if not event.is_plain or not event.scalars or not all(scalar.dtype for scalar in event.scalars):
        return None
    wall = event.wall_at - start if event.wall_at else 0
    step = (event.step_at - start, event.step_end - start) if event.step_at else (0, 0)
    return _Layout(wall, *step, tuple((scalar.at - start, scalar.dtype) for scalar in event.scalars))


def _blank(rows: Rows, layout: _Layout) -> Rows:
    """Return the rows with what differs from record to record set to zero; how long the step is stays."""
    blanked = rows.copy()
    if layout.wall:
        blanked[:, layout.wall : layout.wall + 8] = 0
    blanked[:, layout.step : layout.step_end] &= 0x80
    for at, dtype in layout.values:
        blanked[:, at : at + int(dtype[2])] = 0
    return blanked


def _group(rows: Rows) -> tuple[Numbers, Numbers]:
    """Return a sample row of each group, and each row's group. Rows of a group are most likely equal, no more."""
    width = -(-rows.shape[1] // 8) * 8
    padded = np.zeros((len(rows), width), np.uint8)
    padded[:, : rows.shape[1]] = rows
    words = padded.view("<u8")
    mixed = np.zeros(len(rows), np.uint64)
    for column in range(words.shape[1]):
        mixed = (mixed ^ words[:, column]) * _MIX
        mixed ^= mixed >> np.uint64(29)
    _, samples, groups = np.unique(mixed, return_index=True, return_inverse=True)
    return samples, groups


def _read_column(rows: Rows, at: int, dtype: str) -> Values:
    return np.ascontiguousarray(rows[:, at : at + int(dtype[2])]).view(dtype)[:, 0].astype(np.float64)


def _read_steps(rows: Rows, at: int, end: int) -> Values:
    """Read the varints of one length; those of ten bytes are negative."""
    steps = np.zeros(len(rows), np.uint64)
    for place in range(at, end):
        steps |= (rows[:, place] & np.uint8(0x7F)).astype(np.uint64) << np.uint64(7 * (place - at))
    return steps.view(np.int64).astype(np.float64)
