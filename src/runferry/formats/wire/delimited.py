"""Splits delimited text (CSV, TSV and their kin) into rows, in whatever pieces it comes. Knows nothing of columns."""

from __future__ import annotations

import csv

from runferry.formats.lines import Lines

LONGEST = 4 * 1024 * 1024
"""Bytes of the longest row, newlines in quotes included."""

_MOST_LINES = 1000  # that one row may have
DELIMITERS = (b"\t", b";", b",", b"|")


class Rows:
    """A push splitter. A row ends at a newline outside of quotes; lines are given without it."""

    def __init__(self, position: int = 0, *, is_skipping: bool = False) -> None:
        self._lines = Lines(position, is_skipping=is_skipping, longest=LONGEST)
        self._open: list[bytes] = []  # the lines of a row whose quotes are still open
        self._open_size = 0

    @property
    def position(self) -> int:
        """Return where the row that has not ended yet begins."""
        return self._lines.position - self._open_size

    @property
    def is_skipping(self) -> bool:
        return self._lines.is_skipping

    def feed(self, data: bytes) -> list[bytes | None]:
        """Return the rows that end in ``data``; None stands for one that is too long."""
        lines = self._lines.feed(data)
        if not self._open and b'"' not in data and not any(line is None or b'"' in line for line in lines[:1]):
            return lines
        rows: list[bytes | None] = []
        for line in lines:
            self._take(line, rows)
        return rows

    def _take(self, line: bytes | None, rows: list[bytes | None]) -> None:
        if line is None:
            self._give_up(rows)
            rows.append(None)
            return
        if not self._open and line.count(b'"') % 2 == 0:
            rows.append(line)
            return
        self._open.append(line)
        self._open_size += len(line) + 1
        if len(self._open) > 1 and line.count(b'"') % 2:
            rows.append(b"\n".join(self._open))
            self._open, self._open_size = [], 0
        elif len(self._open) > _MOST_LINES or self._open_size > LONGEST:
            self._give_up(rows)

    def _give_up(self, rows: list[bytes | None]) -> None:
        """A quote was never closed: it is no quote, and lines are rows again."""
        rows += self._open
        self._open, self._open_size = [], 0


def find_delimiter(header: bytes) -> bytes:
    """Return what stands between the cells of a header: what it holds most of, outside of quotes."""
    bare = b"".join(header.split(b'"')[::2])
    return max(DELIMITERS, key=lambda delimiter: (bare.count(delimiter), -DELIMITERS.index(delimiter)))


def split_row(row: bytes, delimiter: bytes) -> list[bytes]:
    """Return a row's cells, without quotes and the blanks around them."""
    if b'"' not in row:
        return [cell.strip() for cell in row.split(delimiter)]
    text = row.decode("utf-8", "surrogateescape").rstrip("\r").replace("\0", "")
    try:
        reader = csv.reader([text], delimiter=delimiter.decode(), skipinitialspace=True)
        cells = next(reader, [])
    except csv.Error:
        return [cell.strip() for cell in row.split(delimiter)]
    return [cell.strip().encode("utf-8", "surrogateescape") for cell in cells]
