"""Range, If-Range and If-None-Match, as RFC 9110 has them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runferry.api.ranges import Span, Unsatisfiable, choose_span, is_known

SIZE = 1000


def choose(wanted: str | None, only_if: str | None = None, size: int = SIZE) -> Span:
    return choose_span(size, "tag", wanted=wanted, only_if=only_if)


@pytest.mark.parametrize(
    ("wanted", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-999", 0, 1000),
        ("bytes=10-5000", 10, 1000),
        ("bytes=999-", 999, 1000),
        ("bytes=-1", 999, 1000),
        ("bytes=-5000", 0, 1000),
        ("Bytes= 1 - 2 ", 1, 3),
    ],
)
def test_one_range_is_that_part(wanted: str, start: int, end: int) -> None:
    assert choose(wanted) == Span(start, end, is_partial=True)


@pytest.mark.parametrize(
    "wanted", [None, "", "bytes=", "bytes=-", "bytes=5-4", "bytes=0-1,2-3", "items=0-1", "bytes=a-b"]
)
def test_no_range_several_and_odd_ones_are_everything(wanted: str | None) -> None:
    assert choose(wanted) == Span(0, SIZE)


@pytest.mark.parametrize("wanted", ["bytes=1000-", "bytes=1000-1001", "bytes=-0"])
def test_a_range_behind_the_end_cannot_be_satisfied(wanted: str) -> None:
    with pytest.raises(Unsatisfiable):
        choose(wanted)


def test_nothing_of_an_empty_file_can_be_asked_for() -> None:
    for wanted in ("bytes=0-", "bytes=-5"):
        with pytest.raises(Unsatisfiable):
            choose(wanted, size=0)
    assert choose(None, size=0) == Span(0, 0)


@pytest.mark.parametrize("only_if", ['"other"', 'W/"tag"', "Wed, 21 Oct 2015 07:28:00 GMT", "tag"])
def test_a_range_of_another_version_is_everything(only_if: str) -> None:
    assert choose("bytes=1-2", only_if) == Span(0, SIZE)
    assert choose("bytes=1-2", '"tag"') == Span(1, 3, is_partial=True)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (None, False),
        ("*", True),
        ('"tag"', True),
        ('W/"tag"', True),
        ('"a", "tag"', True),
        ('"a"', False),
        ("tag", False),
    ],
)
def test_a_version_the_client_has_is_recognised(header: str | None, expected: bool) -> None:
    assert is_known("tag", header) is expected


@given(st.text(max_size=40) | st.from_regex(r"bytes=\d{0,4}-\d{0,4}", fullmatch=True), st.integers(0, 2000))
def test_whatever_is_asked_for_lies_within_the_file(wanted: str, size: int) -> None:
    try:
        span = choose(wanted, size=size)
    except Unsatisfiable:
        return
    assert 0 <= span.start <= span.end <= size
    assert span.is_partial or (span.start, span.end) == (0, size)
