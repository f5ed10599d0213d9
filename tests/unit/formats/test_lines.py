"""Lines come out whole and in order, whatever the pieces that go in."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from runferry.formats.lines import Lines

TEXTS = st.binary(max_size=60).map(lambda data: data.replace(b"x", b"\n"))


def cut(data: bytes, ends: list[int]) -> list[bytes]:
    """Return ``data`` in pieces that end at these places."""
    places = [0, *sorted(min(end, len(data)) for end in ends), len(data)]
    return [data[start:end] for start, end in itertools.pairwise(places)]


@given(TEXTS, st.lists(st.integers(0, 60)))
def test_lines_are_those_of_the_whole_for_any_pieces(data: bytes, ends: list[int]) -> None:
    lines = Lines()
    found = [line for piece in cut(data, ends) for line in lines.feed(piece)]
    *whole, rest = data.split(b"\n")
    assert found == whole
    assert lines.rest == rest
    assert lines.position == len(data) - len(rest)


@given(TEXTS, st.lists(st.integers(0, 60)))
def test_a_line_that_is_too_long_is_told_once_and_the_next_one_is_whole(data: bytes, ends: list[int]) -> None:
    lines = Lines(longest=5)
    found = [line for piece in cut(data, ends) for line in lines.feed(piece)]
    *whole, rest = data.split(b"\n")
    expected = [line if len(line) <= 5 else None for line in whole]
    assert found == (expected if len(rest) <= 5 else [*expected, None])
    assert lines.is_skipping == (len(rest) > 5)


def test_a_line_that_is_too_long_is_not_kept_in_memory() -> None:
    lines = Lines(longest=1000)
    for _ in range(100):
        lines.feed(b"x" * 500)
        assert len(lines.rest) <= 1000
    assert lines.position == 50_000


def test_it_goes_on_inside_a_line_that_was_too_long() -> None:
    lines = Lines(7, is_skipping=True)
    assert lines.feed(b"still that line") == []
    assert lines.position == 22
    assert lines.feed(b"\nthe next\n") == [b"the next"]


def test_the_beginning_of_a_line_can_be_taken_before_it_ends() -> None:
    lines = Lines()
    lines.feed(b"one, two")
    lines.take(4)
    assert (lines.position, lines.rest) == (4, b" two")
    assert lines.feed(b"\n") == [b" two"]
