"""How the points of one series are cut into chunks, so that both a single line and a million points are cheap to add.

Pure: points and what is known of the last chunks go in, chunks to write come out. The last chunk is *open* while it has
few points: the next ones are added to it, which rewrites a few kilobytes. Small chunks are joined as soon as they fill
a whole one, so that readers find few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from runferry.model import SeriesColumn

Floats: TypeAlias = NDArray[np.float64]

OPEN = 256
"""Points up to which the last chunk is added to."""

FULL = 4096
"""Points of a whole chunk of numbers; no chunk has more."""

OPEN_TEXT, FULL_TEXT = 64 * 1024, 256 * 1024
"""Characters of texts in an open and in a whole chunk, beside the limits above."""

MOST_SMALL = 2 * FULL // OPEN + 4
"""More chunks than this are never small at the end of a series: two neighbours have more than ``OPEN`` points."""


@dataclass(frozen=True, slots=True)
class Points:
    """Points of one series in the order they were written; ``values`` are strings for a text series."""

    steps: Floats
    times: Floats
    values: Floats | list[str]

    def __len__(self) -> int:
        return len(self.steps)

    def cut(self, start: int, end: int) -> Points:
        return Points(self.steps[start:end], self.times[start:end], self.values[start:end])

    def copy(self) -> Points:
        """Return points of their own, which do not keep what they were cut from in memory."""
        values = self.values
        return Points(self.steps.copy(), self.times.copy(), values if isinstance(values, list) else values.copy())

    @property
    def size(self) -> int:
        """Return about how many bytes they take in memory."""
        values = self.values
        texts = sum(map(len, values)) + 50 * len(values) if isinstance(values, list) else values.nbytes
        return self.steps.nbytes + self.times.nbytes + texts


@dataclass(slots=True)
class Tail:
    """The end of a series: how many points it has, its last small chunks (number, count), and the open one's points."""

    total: int = 0
    small: list[tuple[int, int]] = field(default_factory=list)
    open: Points | None = None


@dataclass(frozen=True, slots=True)
class Rewrite:
    """What to do to the chunks of a series: remove ``dropped``, then write ``chunks`` by their numbers."""

    chunks: Sequence[tuple[int, Points]]
    dropped: Sequence[int] = ()


def to_points(column: SeriesColumn) -> Points:
    values = column.values
    floats = values if isinstance(values, list) else np.asarray(values, dtype="<f8")
    return Points(np.asarray(column.steps, dtype="<f8"), np.asarray(column.times, dtype="<f8"), floats)


def join(parts: Sequence[Points]) -> Points:
    """Return the points of ``parts``, at least one, after each other."""
    if len(parts) == 1:
        return parts[0]
    first = parts[0].values
    values = (
        [text for part in parts for text in part.values]
        if isinstance(first, list)
        else np.concatenate([part.values for part in parts])
    )
    steps, times = (np.concatenate([getattr(part, name) for part in parts]) for name in ("steps", "times"))
    return Points(steps, times, values)


def extend(tail: Tail, new: Points, load: Callable[[int], Points]) -> Rewrite:
    """Add ``new`` points behind ``tail``, which is brought up to date. ``load`` gives all points from a number on."""
    is_text = isinstance(new.values, list)
    start = tail.small[0][0] if tail.small and not is_text else tail.total
    if not is_text and tail.total - start + len(new) >= FULL:
        points = join([load(start), new]) if start < tail.total else new
        dropped = [number for number, _ in tail.small]
        tail.small = []
    elif tail.open is not None and tail.small and fits_open(tail.open, new):
        start, points, dropped = tail.small[-1][0], join([tail.open, new]), []
        tail.small.pop()
    else:
        start, points, dropped = tail.total, new, []
    tail.total += len(new)
    pieces = list(cut_whole(points))
    numbers = [start]
    for piece in pieces[:-1]:
        numbers.append(numbers[-1] + len(piece))
    chunks = list(zip(numbers, pieces, strict=True))
    tail.small += [(number, len(piece)) for number, piece in chunks if len(piece) < FULL]
    if is_text:
        del tail.small[:-1]
    tail.open = pieces[-1].copy() if is_open(pieces[-1]) else None
    return Rewrite(chunks, dropped)


def is_open(points: Points) -> bool:
    """Say whether a last chunk of these points is still added to."""
    return len(points) < OPEN and count_text(points) < OPEN_TEXT


def fits_open(points: Points, new: Points) -> bool:
    return len(points) + len(new) <= OPEN and count_text(points) + count_text(new) <= OPEN_TEXT


def count_text(points: Points) -> int:
    return sum(map(len, points.values)) if isinstance(points.values, list) else 0


def cut_whole(points: Points) -> Iterator[Points]:
    """Yield whole chunks, and one with what is left."""
    start = size = 0
    if isinstance(points.values, list):
        for at, text in enumerate(points.values):
            if at > start and (at - start == FULL or size + len(text) > FULL_TEXT):
                yield points.cut(start, at)
                start, size = at, 0
            size += len(text)
    else:
        while len(points) - start > FULL:
            yield points.cut(start, start + FULL)
            start += FULL
    yield points.cut(start, len(points))
