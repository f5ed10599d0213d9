"""Long tables of points written as CSV, JSON lines or Parquet, a part at a time. It asks no server."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, Protocol

from runferry.errors import InvalidRequest

COLUMNS = ("run", "metric", "step", "time", "value", "text")
"""``value`` holds numbers, ``text`` what is none; one of the two is empty. ``time`` in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class Part:
    """Points of one metric of one run: lists of one length, numbers that JSON lacks by their names."""

    run: str
    metric: str
    steps: Sequence[Any]
    times: Sequence[Any]
    values: Sequence[Any]
    is_text: bool

    def rows(self) -> Iterator[tuple[Any, ...]]:
        for step, time, value in zip(self.steps, self.times, self.values, strict=True):
            yield (self.run, self.metric, step, time, *((None, value) if self.is_text else (value, None)))


class Writer(Protocol):
    def write(self, part: Part) -> None: ...

    def close(self) -> None: ...


class CsvWriter:
    """One header line, then a line per point; an unknown or missing cell is empty."""

    def __init__(self, out: IO[bytes]) -> None:
        self._text = io.TextIOWrapper(out, encoding="utf-8", newline="", write_through=True)
        self._rows = csv.writer(self._text, lineterminator="\n")
        self._rows.writerow(COLUMNS)

    def write(self, part: Part) -> None:
        self._rows.writerows(part.rows())

    def close(self) -> None:
        self._text.flush()
        self._text.detach()


class JsonLinesWriter:
    """One object per point; NaN and the infinities are the strings "NaN", "Infinity" and "-Infinity"."""

    def __init__(self, out: IO[bytes]) -> None:
        self._out = out

    def write(self, part: Part) -> None:
        for row in part.rows():
            filled = {name: cell for name, cell in zip(COLUMNS, row, strict=True) if cell is not None}
            self._out.write(json.dumps(filled, ensure_ascii=False).encode() + b"\n")

    def close(self) -> None:
        self._out.flush()


class ParquetWriter:
    """One row group per part. Raises InvalidRequest where pyarrow is not installed."""

    def __init__(self, out: IO[bytes]) -> None:
        try:
            import pyarrow
            import pyarrow.parquet
        except ImportError:
            raise InvalidRequest("Parquet needs pyarrow; get it with: pip install 'runferry[parquet]'") from None
        self._arrow = pyarrow
        numbers = {name: pyarrow.float64() for name in ("step", "time", "value")}
        self._schema = pyarrow.schema([(name, numbers.get(name, pyarrow.string())) for name in COLUMNS])
        self._writer = pyarrow.parquet.ParquetWriter(out, self._schema)

    def write(self, part: Part) -> None:
        size = len(part.steps)
        columns: list[Sequence[Any]] = [
            [part.run] * size,
            [part.metric] * size,
            [to_number(step) for step in part.steps],
            [to_number(time) for time in part.times],
            [None] * size if part.is_text else [to_number(value) for value in part.values],
            part.values if part.is_text else [None] * size,
        ]
        arrays = [self._arrow.array(column, field.type) for column, field in zip(columns, self._schema, strict=True)]
        self._writer.write_table(self._arrow.Table.from_arrays(arrays, schema=self._schema))

    def close(self) -> None:
        self._writer.close()


FORMATS: Mapping[str, Callable[[IO[bytes]], Writer]] = {
    "csv": CsvWriter,
    "jsonl": JsonLinesWriter,
    "parquet": ParquetWriter,
}


@contextmanager
def writing(name: str, out: IO[bytes]) -> Iterator[Writer]:
    """Give a writer of this format; what it wrote is complete when the block ends. Raises InvalidRequest."""
    if name not in FORMATS:
        raise InvalidRequest(f"--format: {name!a} is none of {', '.join(FORMATS)}.")
    writer = FORMATS[name](out)
    try:
        yield writer
    finally:
        writer.close()


def to_number(value: float | str | None) -> float | None:
    """Read a number as the API gives it: NaN and the infinities by their names, null where it is unknown."""
    return None if value is None else float(value)
