"""One log as it lies in the local copy: its committed bytes, read in bounded pieces. It never writes.

Whatever a log's size, no more than a piece of it is in memory at a time. Everything here blocks.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from xxhash import xxh3_64_hexdigest

from runferry.errors import LocalCopyDamaged
from runferry.store.log_lines import Fold, show_line

PIECE = 256 * 1024
PROOF = 256
"""Bytes of a log's head, and before a place in it, that tell it from a rewritten one."""


@dataclass(frozen=True, slots=True)
class Block:
    """Whole lines that follow each other, with their newlines; or the end of the log, which may lack its newline.

    ``folded`` stands for the text of a single line that is too long for ``data`` to hold it.
    """

    start: int
    end: int
    data: bytes
    folded: str | None = None
    is_open: bool = False  # its last line has no newline yet

    @property
    def newlines(self) -> int:
        return self.data.count(b"\n") if self.folded is None else int(not self.is_open)

    def lines(self) -> Iterator[LogLine]:
        if self.folded is not None:
            yield LogLine(self.folded, self.start, self.end, not self.is_open)
            return
        at = self.start
        for raw in self.data.removesuffix(b"\n").split(b"\n"):
            end = min(at + len(raw) + 1, self.end)
            yield LogLine(show_line(raw), at, end, not self.is_open or end < self.end)
            at = end


@dataclass(frozen=True, slots=True)
class LogLine:
    """A line as shown, and its place: ``end`` is behind its newline, or the log's end where it has none yet."""

    text: str
    start: int
    end: int
    is_whole: bool


class LogFile:
    """The first ``size`` bytes of an open file. What is written behind them meanwhile is not seen."""

    def __init__(self, descriptor: int, size: int) -> None:
        self._descriptor = descriptor
        self.size = size
        self.inode = os.fstat(descriptor).st_ino

    def read(self, start: int, end: int) -> bytes:
        """Return the bytes from ``start`` to ``end``. Raises LocalCopyDamaged where they are not there."""
        end = min(end, self.size)
        data = os.pread(self._descriptor, max(0, end - start), start)
        while len(data) < end - start:
            more = os.pread(self._descriptor, end - start - len(data), start + len(data))
            if not more:
                raise LocalCopyDamaged("The local copy of this log is shorter than it was; it is fetched again.")
            data += more
        return data

    def blocks(self, start: int) -> Iterator[Block]:
        """Yield everything from ``start``, where a line begins, in blocks of about ``PIECE`` bytes at most."""
        while start < self.size:
            block = self._block_at(start)
            yield block
            start = block.end

    def find_tail(self, count: int, *, within: int | None = None) -> int:
        """Return where the last ``count`` lines begin.

        Once ``within`` bytes were looked at, the next line that begins there does: fewer lines, but bounded work.
        """
        end, missing = self.size, count
        if end and self.read(end - 1, end) == b"\n":
            end -= 1  # the newline that ends the last line separates it from nothing
        if count <= 0:
            return self.size
        at = end
        while at > 0:
            start = max(0, at - PIECE)
            data = self.read(start, at)
            found = data.count(b"\n")
            if within is not None and end - start >= within and found:
                missing = min(missing, found)
            if found >= missing:
                return start + find_nth_last(data, missing) + 1
            missing -= found
            at = start
        return 0

    def is_line_start(self, position: int) -> bool:
        return position == 0 or self.read(position - 1, position) == b"\n"

    def make_cursor(self, position: int) -> str:
        """Return a text that stands for a place in this very log: it is not found in one that was rewritten."""
        return make_cursor(position, self.read(0, PROOF), self.read(max(0, position - PROOF), position))

    def find_cursor(self, cursor: str) -> int | None:
        """Return the place that a cursor stands for, or None where this log is not (or not as far) the one it is of."""
        position = read_cursor(cursor)
        is_here = position is not None and position <= self.size
        return position if is_here and position is not None and self.make_cursor(position) == cursor else None

    def _block_at(self, start: int) -> Block:
        data = self.read(start, start + PIECE)
        end = data.rfind(b"\n") + 1
        if end:
            return Block(start, start + end, data[:end])
        if start + len(data) >= self.size:
            return Block(start, self.size, data, is_open=True)
        return self._fold_line(start, data)

    def _fold_line(self, start: int, data: bytes) -> Block:
        fold, at = Fold(), start
        while data:
            rest, newline, _ = data.partition(b"\n")
            fold.feed(rest)
            at += len(rest) + len(newline)
            if newline:
                return Block(start, at, b"", folded=fold.show())
            data = self.read(at, at + PIECE)
        return Block(start, at, b"", folded=fold.show(), is_open=True)


@contextmanager
def open_log(path: str, size: int) -> Iterator[LogFile | None]:
    """Open the first ``size`` bytes of the local file; None where there is none. Raises LocalCopyDamaged."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except FileNotFoundError:
        yield None
        return
    except OSError as error:
        raise LocalCopyDamaged(f"The local copy of this log cannot be read: {error.strerror}.") from error
    try:
        yield LogFile(descriptor, size)
    finally:
        os.close(descriptor)


def make_cursor(position: int, head: bytes, before: bytes) -> str:
    """Return the cursor for a place, given the first bytes of its log and the last before it (``PROOF``, or all)."""
    size = min(PROOF, position)
    return f"{position}-{xxh3_64_hexdigest(head[:size] + before[len(before) - size :])}"


def read_cursor(cursor: str) -> int | None:
    """Return the position a cursor names; None where it is none."""
    number, _, proof = cursor.partition("-")
    with suppress(ValueError):
        if proof and number.isascii() and number.isdigit() and len(number) < 19:
            return int(number)
    return None


def find_nth_last(data: bytes, count: int) -> int:
    """Return the place of the ``count``-th newline from the end; there are that many."""
    return len(data.rsplit(b"\n", count)[0])
