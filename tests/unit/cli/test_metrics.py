"""Small curves of blocks: the lowest for the least value, the highest for the greatest, whatever they are."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from runferry.cli.metrics import BLOCKS, STRANGE, draw, show_number


def test_a_curve_goes_from_the_least_to_the_greatest() -> None:
    assert draw([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0]) == BLOCKS
    assert draw([5.0, None, 5.0]) == f"{BLOCKS[0]}{STRANGE}{BLOCKS[0]}"
    assert draw([None, None]) == STRANGE * 2
    assert draw([]) == ""


@given(st.lists(st.none() | st.floats(allow_nan=False, allow_infinity=False), max_size=40))
def test_any_values_have_a_block_each_and_the_extremes_theirs(values: list[float | None]) -> None:
    drawn = draw(values)
    assert len(drawn) == len(values)
    finite = [value for value in values if value is not None]
    if finite:
        assert drawn[values.index(min(finite))] == BLOCKS[0]
        if max(finite) / 2 > min(finite) / 2:
            assert drawn[values.index(max(finite))] == BLOCKS[-1]


def test_whole_numbers_are_shown_whole() -> None:
    assert [show_number(value) for value in (None, 3.0, 12_000.0, 0.12345, 1e300)] == [
        "",
        "3",
        "12000",
        "0.1235",
        "1e+300",
    ]
