"""Parses JSON Lines by pushing: one object per row, or a name and a value per row. Opens nothing.

Objects within objects are metrics named ``outer/inner``. Texts, lists and nulls are no metrics; JSON's words for what
it has no numbers for ("NaN", "Infinity") are numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from runferry.formats.findings import Findings
from runferry.formats.lines import Lines
from runferry.formats.runicorn_events import clean
from runferry.formats.table_rules import EARLIEST, NAMES, PLAIN, VALUE, TableRules
from runferry.formats.values import MISSING, read_json, read_number, read_step, read_time
from runferry.model import SeriesKind

DEPTH = 16
"""Objects within objects that are looked into."""

LONGEST = 4 * 1024 * 1024
"""Bytes of the longest row."""

_LONGEST_TAIL = 1024 * 1024


class RowsParser:
    """One file of JSON Lines, from front to back. See ``formats.series.SeriesParser``."""

    def __init__(
        self, position: int = 0, state: Mapping[str, object] | None = None, *, rules: TableRules = PLAIN
    ) -> None:
        given: Mapping[str, Any] = state or {}
        self._rules = rules
        self._lines = Lines(position, is_skipping=given.get("is_skipping") is True, longest=LONGEST)
        self._row = given["row"] if isinstance(given.get("row"), int) else 0
        self._step = float(given["step"]) if isinstance(given.get("step"), (int, float)) else None
        self._places: dict[tuple[str, ...], tuple[str | None, str | None, str | None]] = {}
        self._found = Findings()

    @property
    def position(self) -> int:
        return self._lines.position

    @property
    def state(self) -> Mapping[str, object]:
        state: dict[str, object] = {"row": self._row, "step": self._step} if self._row else {}
        return state | {"is_skipping": True} if self._lines.is_skipping else state

    def feed(self, data: bytes) -> Findings:
        self._found = found = Findings()
        at = self._lines.position
        for line in self._lines.feed(data):
            if line is None:
                found.note_bad(f"At byte {at}: a line of more than {LONGEST // 2**20} MiB.")
                continue
            if line and not line.isspace():
                self._read_line(line, at)
            at += len(line) + 1
        return found

    def flush(self) -> Findings:
        """Take the last line without its newline where it is a whole object."""
        self._found = found = Findings()
        rest = self._lines.rest
        if rest[-1:] == b"}" and len(rest) <= _LONGEST_TAIL and not self._lines.is_skipping:
            value = read_json(rest)
            if isinstance(value, dict):
                self._take(value)
                self._lines.take(len(rest))
        return found

    def _read_line(self, line: bytes, at: int) -> None:
        value = read_json(line)
        if isinstance(value, dict):
            self._take(value)
        else:
            why = "not JSON" if value is MISSING else "no JSON object"
            self._found.note_bad(f"At byte {at}: {why}: {line[:40]!r}.")

    def _take(self, row: dict[str, Any]) -> None:
        step_key, time_key, name_key = self._find_places(row)
        step = None if step_key is None else read_step(row[step_key])
        if step is None:  # where the file has no steps at all, rows are counted
            step = float(self._row) if self._step is None else self._step
        else:
            self._step = step
        self._row += 1
        time = math.nan if time_key is None else read_time(row[time_key])
        if time < EARLIEST:
            time = math.nan
        if name_key is not None:
            value = read_number(row.get(VALUE))
            if value is not None:
                self._found.add(clean(row[name_key]), SeriesKind.NUMBER, step=step, time=time, value=value)
            return
        self._add(row, "", step, time)

    def _find_places(self, row: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
        """Return the names of the fields that hold the step, the time and, in a long table, the metric's name."""
        names = tuple(row)
        found = self._places.get(names)
        if found is None:
            step = self._rules.find_step(names)
            name = next((key for key in NAMES if key in row), None) if VALUE in row and step is not None else None
            found = step, self._rules.find_time(names), name
            if len(self._places) < 1000 and len(names) < 1000:
                self._places[names] = found
        step, time, name = found
        return step, time, name if name is not None and isinstance(row[name], str) else None

    def _add(self, row: dict[str, Any], prefix: str, step: float, time: float) -> None:
        found, columns, depth = self._found, self._found.columns, prefix.count("/")
        step_key = self._find_places(row)[0] if not prefix else None
        for name, value in row.items():
            kind = type(value)
            if kind is dict:
                if depth < DEPTH and self._rules.is_metric(name):
                    self._add(value, f"{prefix}{clean(name)}/", step, time)
                continue
            number = value if kind is float else read_number(value)
            if number is None and kind is not bool:
                continue
            if name == step_key or not self._rules.is_metric(name):
                continue
            key = self._rules.key or prefix + clean(name)
            series = SeriesKind.BOOLEAN if kind is bool else SeriesKind.NUMBER
            column = columns.get((key, series))
            if column is None:
                found.add(key, series, step=step, time=time, value=float(value) if number is None else number)
            else:
                column.steps.append(step)
                column.times.append(time)
                column.values.append(float(value) if number is None else number)  # type: ignore[arg-type]
