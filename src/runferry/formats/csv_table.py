"""Parses tables of delimited text by pushing: one column per metric, or a name and a value per row. Opens nothing.

A row counts once its newline is there, and only with as many cells as the header has: half a row that a killed writer
left, with the next one written behind it, would be a number that nobody logged.
"""

from __future__ import annotations

import math
from array import array
from collections.abc import Mapping, Sequence
from itertools import compress

from runferry.formats.findings import Findings
from runferry.formats.table_rules import EARLIEST, NAMES, PLAIN, VALUE, TableRules
from runferry.formats.values import read_time
from runferry.formats.wire.delimited import Rows, find_delimiter, split_row
from runferry.model import SeriesKind

MOST_COLUMNS = 20_000

_NO_VALUE = frozenset({b"", b"na", b"n/a", b"none", b"null", b"-", b"--"})
_BOM = b"\xef\xbb\xbf"


class _Header:
    """The first row, and what follows from it."""

    def __init__(self, row: bytes, rules: TableRules) -> None:
        self.row = row
        self.delimiter = find_delimiter(row)
        cells = split_row(row.removeprefix(_BOM), self.delimiter)
        self.names = [cell.decode("utf-8", "replace") for cell in cells]
        self.width = len(self.names)
        is_open = self.width > 1 and not self.names[-1]  # every row ends with a delimiter
        self.names = self.names[:-1] if is_open else self.names
        first = {name: place for place, name in reversed(list(enumerate(self.names)))}
        step, time = rules.find_step(first), rules.find_time(first)
        lower = {name.lower(): place for name, place in first.items()}
        name = next((lower[name] for name in NAMES if name in lower), None)
        self.step = None if step is None else first[step]
        self.time = None if time is None else first[time]
        self.long = (name, lower[VALUE]) if name is not None and VALUE in lower and self.step is not None else None
        self.metrics = [
            (place, rules.key or name)
            for name, place in sorted(first.items(), key=lambda item: item[1])
            if name and place != self.step and rules.is_metric(name)
        ]

    @property
    def is_one(self) -> bool:
        """Say whether this is a header at all: names, not numbers."""
        return 0 < self.width <= MOST_COLUMNS and all(
            _read_cell(n.encode("utf-8", "replace")) is None for n in self.names
        )


class TableParser:
    """One table, from front to back. See ``formats.series.SeriesParser``."""

    def __init__(
        self, position: int = 0, state: Mapping[str, object] | None = None, *, rules: TableRules = PLAIN
    ) -> None:
        given = state or {}
        self._rules = rules
        self._rows = Rows(position, is_skipping=given.get("is_skipping") is True)
        head, row, step = given.get("head"), given.get("row"), given.get("step")
        self._header = _Header(head.encode("latin-1", "replace"), rules) if isinstance(head, str) else None
        self._row = row if isinstance(row, int) else 0
        self._step = float(step) if isinstance(step, (int, float)) else 0.0
        self._is_foreign = given.get("is_foreign") is True
        self._found = Findings()

    @property
    def position(self) -> int:
        return self._rows.position

    @property
    def state(self) -> Mapping[str, object]:
        state: dict[str, object] = {}
        if self._header is not None:
            state = {"head": self._header.row.decode("latin-1"), "row": self._row, "step": self._step}
        if self._rows.is_skipping:
            state["is_skipping"] = True
        return state | {"is_foreign": True} if self._is_foreign else state

    def feed(self, data: bytes) -> Findings:
        self._found = found = Findings()
        rows = self._rows.feed(data)
        begun = 0
        while begun < len(rows) and self._header is None and not self._is_foreign:
            self._begin(rows[begun])
            begun += 1
        if begun < len(rows) and self._header is not None:
            self._read(self._header, rows[begun:])
        return found

    def flush(self) -> Findings:
        """Return nothing: a last row without its newline may be half of one."""
        return Findings()

    def _begin(self, row: bytes | None) -> None:
        if row is not None and (not row.strip() or row.startswith(b"#")):
            return
        header = None if row is None else _Header(row, self._rules)
        if header is None or not header.is_one:
            self._found.note_bad("The first row holds no names of columns.")
            self._is_foreign = True
        else:
            self._header = header

    def _read(self, header: _Header, rows: list[bytes | None]) -> None:
        plain: list[bytes] = []
        for row in rows:
            if row is None:
                self._found.note_bad(f"A row before byte {self.position} is too long.")
            elif row != header.row and row and row != b"\r":
                plain.append(row)
        cells: list[Sequence[bytes]]
        if any(b'"' in row for row in plain):
            cells = [split_row(row, header.delimiter) for row in plain]
        else:
            cells = [row.split(header.delimiter) for row in plain]
        if set(map(len, cells)) - {header.width}:
            cells = [row for row in map(self._fit, cells) if row]
        if cells:
            self._read_columns(header, list(zip(*cells, strict=True)))

    def _fit(self, cells: Sequence[bytes]) -> Sequence[bytes]:
        """Return a row's cells if they are as many as the header's, apart from empty ones at its end."""
        width = self._header.width if self._header else 0
        if len(cells) > width and not any(cell.strip() for cell in cells[width:]):
            return cells[:width]
        if len(cells) == width:
            return cells
        if len(cells) > 1 or cells[0].strip():
            self._found.note_bad(f"A row before byte {self.position} has {len(cells)} cells, the header has {width}.")
        return ()

    def _read_columns(self, header: _Header, columns: list[tuple[bytes, ...]]) -> None:
        count = len(columns[0])
        steps = self._read_steps(header, columns, count)
        times = array("d", [math.nan]) * count
        if header.time is not None:
            times = array("d", [_read_date(cell) for cell in columns[header.time]])
        if header.long is not None:
            self._read_long(columns, header.long, steps, times)
            return
        found: list[tuple[int, str, array[float], array[float], array[float]]] = []
        for place, key in header.metrics:
            values, places = _read_numbers(columns[place])
            if places is None:
                found.append((0, key, steps, times, values))
            elif len(values):
                at, when = array("d", compress(steps, places)), array("d", compress(times, places))
                found.append((places.index(True), key, at, when, values))
        for _, key, at, when, values in sorted(found, key=lambda one: one[0]):  # as if row by row: by their beginnings
            self._found.extend(key, steps=at, times=when, values=values)

    def _read_steps(self, header: _Header, columns: list[tuple[bytes, ...]], count: int) -> array[float]:
        """Return where each row lies: where its step says nothing, it lies where the row before it does."""
        first, self._row = self._row, self._row + count
        if header.step is None:
            return array("d", range(first, first + count))
        steps, places = _read_numbers(columns[header.step])
        if places is not None or not all(map(math.isfinite, steps)):
            told = iter(steps)
            all_steps = [next(told) if is_told else math.nan for is_told in places or [True] * count]
            steps = array("d")
            for step in all_steps:
                self._step = step if math.isfinite(step) else self._step
                steps.append(self._step)
        self._step = steps[-1]
        return steps

    def _read_long(
        self, columns: list[tuple[bytes, ...]], long: tuple[int, int], steps: array[float], times: array[float]
    ) -> None:
        for name, cell, step, time in zip(columns[long[0]], columns[long[1]], steps, times, strict=True):
            value = _read_cell(cell)
            key = name.strip().decode("utf-8", "replace")
            if value is not None and key:
                self._found.add(key, SeriesKind.NUMBER, step=step, time=time, value=value)


def _read_numbers(cells: Sequence[bytes]) -> tuple[array[float], list[bool] | None]:
    """Return the numbers of a column and which of its cells are some; None where all are."""
    try:
        values = array("d", map(float, cells))
    except ValueError:
        pass
    else:
        if b"_" not in b"".join(cells):  # 1_000 is a number to Python only
            return values, None
    read = [_read_cell(cell) for cell in cells]
    return array("d", [value for value in read if value is not None]), [value is not None for value in read]


def _read_cell(cell: bytes) -> float | None:
    if not cell or (text := cell.strip()).lower() in _NO_VALUE or b"_" in text:
        return None
    try:
        return float(text)
    except ValueError:
        pass
    try:  # a decimal comma; where commas stand between cells there is none left
        return float(text.replace(b",", b".")) if text.count(b",") == 1 else None
    except ValueError:
        return None


def _read_date(cell: bytes) -> float:
    number = _read_cell(cell)
    if number is not None:
        time = read_time(number)
        return time if time >= EARLIEST else math.nan
    return read_time(cell.strip().decode("utf-8", "replace"))
