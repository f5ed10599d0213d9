"""Chunks: whatever is added in whatever portions, the points come out as they went in, in few and bounded chunks."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runferry.store.chunking import FULL, FULL_TEXT, MOST_SMALL, OPEN, Points, Tail, extend, join


class Shelf:
    """A series as the index keeps it: chunks by number."""

    def __init__(self) -> None:
        self.tail = Tail()
        self.chunks: dict[int, Points] = {}
        self.written = 0

    def add(self, points: Points, *, is_remembered: bool = True) -> None:
        if not is_remembered:
            small = [(number, len(part)) for number, part in sorted(self.chunks.items()) if len(part) < FULL]
            last = self.chunks[small[-1][0]] if small else None
            is_open = last is not None and len(last) < OPEN
            self.tail = Tail(self.tail.total, small, last if is_open else None)
        rewrite = extend(self.tail, points, lambda start: join(self.parts(start)))
        for number in rewrite.dropped:
            del self.chunks[number]
        self.chunks.update(rewrite.chunks)
        self.written += sum(len(part) for _, part in rewrite.chunks)

    def parts(self, start: int = 0) -> list[Points]:
        return [part for number, part in sorted(self.chunks.items()) if number >= start]


def count(start: int, length: int) -> Points:
    numbers = np.arange(start, start + length, dtype="<f8")
    return Points(numbers, numbers + 0.5, -numbers)


SIZES = st.lists(st.one_of(st.integers(1, 5), st.integers(1, 600), st.integers(1, 10_000)), min_size=1, max_size=60)


@given(SIZES, st.booleans())
def test_points_come_out_as_they_went_in(sizes: list[int], is_remembered: bool) -> None:
    shelf, total = Shelf(), 0
    for size in sizes:
        shelf.add(count(total, size), is_remembered=is_remembered)
        total += size
    whole, expected = join(shelf.parts()), count(0, total)
    for name in ("steps", "times", "values"):
        assert np.array_equal(getattr(whole, name), getattr(expected, name))
    numbers = sorted(shelf.chunks)
    assert numbers == [0, *np.cumsum([len(part) for part in shelf.parts()])[:-1]]


@given(SIZES)
def test_chunks_are_bounded_and_few(sizes: list[int]) -> None:
    shelf, total = Shelf(), 0
    for size in sizes:
        shelf.add(count(total, size))
        total += size
    lengths = [len(part) for part in shelf.parts()]
    small = [length for length in lengths if length < FULL]
    assert max(lengths) <= FULL
    assert len(small) < MOST_SMALL
    assert sum(small) < FULL
    assert lengths[: total // FULL] == [FULL] * (total // FULL)


def test_a_line_at_a_time_rewrites_little() -> None:
    shelf = Shelf()
    for number in range(10_000):
        shelf.add(count(number, 1))
    assert shelf.written < 10_000 * (OPEN / 2 + 3)
    assert max(len(part) for part in shelf.parts()) == FULL


def test_what_stays_in_memory_is_small() -> None:
    shelf = Shelf()
    shelf.add(count(0, 24 * FULL + 10))
    assert shelf.tail.open is not None
    assert shelf.tail.open.steps.base is None, "it keeps all that came with it in memory"


@given(st.lists(st.lists(st.integers(0, 70_000), min_size=1, max_size=5), min_size=1, max_size=12))
def test_texts_come_out_as_they_went_in_and_in_bounded_chunks(lengths: list[list[int]]) -> None:
    shelf = Shelf()
    texts: list[str] = []
    for some in lengths:
        new = [chr(97 + len(texts) % 26) * length for length in some]
        numbers = np.arange(len(texts), len(texts) + len(new), dtype="<f8")
        shelf.add(Points(numbers, numbers, new))
        texts += new
    whole = join(shelf.parts())
    assert whole.values == texts
    assert whole.steps.tolist() == list(range(len(texts)))
    for part in shelf.parts():
        assert isinstance(part.values, list)
        assert len(part) == 1 or sum(map(len, part.values)) <= FULL_TEXT
