"""Which line a byte of a log belongs to: how many newlines lie before every ``STEP``-th byte. Nothing is stored.

An index is made while it is needed, goes on where the log has grown, and starts over for a log that was rewritten.
Counting costs about as much as reading. Everything here blocks.
"""

from __future__ import annotations

import threading
from array import array
from bisect import bisect_left
from collections import OrderedDict
from dataclasses import dataclass, field

from runferry.store.log_file import PIECE, LogFile

STEP = PIECE
MOST_INDEXES = 64
SLICE = 256 * 1024 * 1024
"""Bytes counted by one call of ``extend``: a fraction of a second."""


@dataclass(slots=True)
class LineIndex:
    """The index of one log. ``find`` and ``number_at`` know what ``extend`` has covered."""

    generation: int
    inode: int
    counts: array[int] = field(default_factory=lambda: array("Q", [0]))
    proof: str = ""
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def covered(self) -> int:
        return (len(self.counts) - 1) * STEP

    def is_whole(self, log: LogFile) -> bool:
        return self.covered + STEP > log.size

    def is_of(self, log: LogFile, generation: int) -> bool:
        if (self.generation, self.inode) != (generation, log.inode) or self.covered > log.size:
            return False
        return not self.proof or log.make_cursor(self.covered) == self.proof

    def extend(self, log: LogFile, *, to_line: int | None = None) -> bool:
        """Count on, up to a line or the log's end, ``SLICE`` bytes at most; say whether that was reached."""
        with self.lock:
            stop = self.covered + SLICE
            while not self.is_whole(log) and (to_line is None or self.counts[-1] < to_line):
                if self.covered >= stop:
                    return False
                self.counts.append(self.counts[-1] + log.read(self.covered, self.covered + STEP).count(b"\n"))
            self.proof = log.make_cursor(self.covered)
            return True

    def find(self, log: LogFile, line: int) -> int | None:
        """Return where a line begins; None where there is no such line, or none is known yet."""
        if line <= 0:
            return 0 if log.size else None
        step = bisect_left(self.counts, line) - 1
        start = step * STEP
        data = log.read(start, start + STEP)
        pieces = data.split(b"\n", line - self.counts[step])
        if len(pieces) <= line - self.counts[step]:
            return None
        found = start + len(data) - len(pieces[-1])
        return found if found < log.size else None

    def number_at(self, log: LogFile, position: int) -> int | None:
        """Return how many newlines lie before a position; None where that was not counted yet."""
        step = position // STEP
        if step >= len(self.counts):
            return None
        return self.counts[step] + log.read(step * STEP, position).count(b"\n")

    def total(self, log: LogFile) -> int | None:
        """Return how many lines there are, one without a newline included; None where it was not counted yet."""
        if not self.is_whole(log):
            return None
        newlines = self.number_at(log, log.size)
        return None if newlines is None else newlines + (not log.is_line_start(log.size))


class LineIndexes:
    """The indexes of the logs that were read last, by sync and path."""

    def __init__(self) -> None:
        self._indexes: OrderedDict[tuple[int, str], LineIndex] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[int, str], log: LogFile, generation: int) -> LineIndex:
        """Return the index of a log as it is now, an empty one where there was none, or none of this very log."""
        with self._lock:
            index = self._indexes.get(key)
        if index is None or not index.is_of(log, generation):
            index = LineIndex(generation, log.inode)
        with self._lock:
            self._indexes[key] = index
            self._indexes.move_to_end(key)
            while len(self._indexes) > MOST_INDEXES:
                self._indexes.popitem(last=False)
        return index
