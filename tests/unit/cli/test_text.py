"""Words for a terminal: what they say, and what hostile text cannot do."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runferry.cli.sizes import parse_size
from runferry.cli.text import clean, count_noun, cut_middle, format_age, format_bytes, format_duration, format_number
from runferry.errors import InvalidRequest


@given(st.text())
def test_clean_text_holds_nothing_that_acts_on_a_terminal(text: str) -> None:
    result = clean(text)
    assert not any(unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp") for character in result)


@given(st.text(alphabet=st.characters(exclude_categories=["C", "Z"])))
def test_harmless_text_is_left_as_it_is(text: str) -> None:
    assert clean(text) == text


def test_an_escape_sequence_and_a_bidi_override_are_shown_as_what_they_are() -> None:
    assert clean("a\x1b[31mred\r\nüñ‮txt") == "a\\x1b[31mred\\x0d\\x0aüñ\\u202etxt"


@pytest.mark.parametrize(
    ("count", "expected"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.00 kB"), (12_345, "12.3 kB"), (999_600, "1.00 MB"), (2.5e9, "2.50 GB")],
)
def test_bytes_are_given_in_si_units_with_three_digits(count: float, expected: str) -> None:
    assert format_bytes(count) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 s"), (59.4, "59 s"), (60, "1 m"), (200, "3 m 20 s"), (8040, "2 h 14 m"), (90_000, "1 d 1 h")],
)
def test_durations_are_given_in_their_two_largest_units(seconds: float, expected: str) -> None:
    assert format_duration(seconds) == expected


def test_an_age_is_relative_and_the_present_is_now() -> None:
    assert format_age(100.0, 101.0) == "now"
    assert format_age(100.0, 160.0) == "1 m ago"


@given(st.text(min_size=1), st.integers(min_value=3, max_value=40))
def test_cutting_in_the_middle_keeps_both_ends_and_the_width(text: str, width: int) -> None:
    cut = cut_middle(text, width)
    assert len(cut) <= width
    assert cut[0] == text[0]
    assert cut[-1] == text[-1]


def test_numbers_have_four_significant_digits_and_nouns_agree() -> None:
    assert format_number(0.123456) == "0.1235"
    assert count_noun(1, "run") == "1 run"
    assert count_noun(1200, "file") == "1,200 files"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("500", 500), ("500M", 500_000_000), ("1.5GB", 1_500_000_000), ("2GiB", 2 * 1024**3), ("10 k", 10_000)],
)
def test_sizes_are_read_as_people_write_them(text: str, expected: int) -> None:
    assert parse_size(text) == expected


@pytest.mark.parametrize("text", ["", "big", "-1", "1X", "0", "1.5.2M", "M"])
def test_what_is_no_size_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidRequest, match="--max-file-size"):
        parse_size(text)
