"""Batches of a series reader put together, in a form that can be compared bit by bit."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from runferry.formats.series import Batch, SeriesParser
from runferry.model import MediaItem


def bits(value: float) -> bytes:
    return struct.pack("<d", value)


Point = tuple[bytes, bytes, bytes | str]
"""Step, time and value, numbers as their bits: NaN equals NaN, and 0.0 is not -0.0."""


@dataclass
class Gathered:
    """Everything that came of a file."""

    series: dict[tuple[str, str], list[Point]] = field(default_factory=dict)
    media: list[MediaItem] = field(default_factory=list)
    bad: int = 0
    first_bad: str | None = None
    unknown: int = 0

    def add(self, batch: Batch) -> None:
        for (key, kind), column in batch.columns.items():
            values = [value if isinstance(value, str) else bits(value) for value in column.values]
            points = zip(map(bits, column.steps), map(bits, column.times), values, strict=True)
            self.series.setdefault((key, kind.value), []).extend(points)
        self.media += batch.media
        self.bad += batch.bad
        self.first_bad = self.first_bad or batch.first_bad
        self.unknown += batch.unknown

    def values(self, key: str, kind: str = "number") -> list[float | str]:
        found = (value for _, _, value in self.series.get((key, kind), []))
        return [value if isinstance(value, str) else struct.unpack("<d", value)[0] for value in found]

    def steps(self, key: str, kind: str = "number") -> list[float]:
        return [struct.unpack("<d", step)[0] for step, _, _ in self.series.get((key, kind), [])]

    def times(self, key: str, kind: str = "number") -> list[float]:
        return [struct.unpack("<d", time)[0] for _, time, _ in self.series.get((key, kind), [])]


def gather(parser: SeriesParser, *pieces: bytes) -> Gathered:
    """Feed the pieces, flush once at the end, and return what came of it all."""
    found = Gathered()
    for piece in pieces:
        found.add(parser.feed(piece))
    found.add(parser.flush())
    return found


def gather_cut(
    make: Callable[..., SeriesParser], data: bytes, ends: Iterable[int], *, is_flushed: bool = True
) -> Gathered:
    """Read ``data`` in parts that end at ``ends``, each with a parser that knows only position and state."""
    found = Gathered()
    position, state = 0, None
    for end in [*sorted(set(ends)), len(data)]:
        parser = make(position, state)
        found.add(parser.feed(data[position:end]))
        if is_flushed or end == len(data):
            found.add(parser.flush())
        assert position <= parser.position <= end
        position, state = parser.position, dict(parser.state)
    return found
