"""Curves at a width: no extreme is lost, nothing is invented, whatever the data."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runferry.store.chunking import Floats
from runferry.store.downsample import MOST_NON_FINITE, Curve, Range, downsample, sort_by_x, thin

VALUES = st.one_of(
    st.floats(-1e6, 1e6),
    st.sampled_from([0.0, 1.0, 1.0, 1.0, math.nan, math.inf, -math.inf, 1e308, -1e308]),
)
STEPS = st.one_of(st.integers(0, 50).map(float), st.floats(-1e9, 1e9), st.sampled_from([1e300, -1e300]))
SERIES = st.lists(st.tuples(STEPS, VALUES), max_size=120)
WIDTHS = st.integers(1, 130)


def make(series: list[tuple[float, float]]) -> tuple[Floats, Floats]:
    x, values, _ = sort_by_x(
        np.array([x for x, _ in series], dtype="<f8"), np.array([y for _, y in series], dtype="<f8")
    )
    return x, values


def find_extremes(values: Floats) -> set[float]:
    """Return the finite values that no neighbour exceeds, or that exceed none: plateaus count, so do the ends."""
    finite = [float(value) for value in values if math.isfinite(value)]
    found = set()
    for at, value in enumerate(finite):
        around = finite[max(0, at - 1) : at + 2]
        if value in (min(around), max(around)):
            found.add(value)
    return found


def split_like(x: Floats, curve: Curve) -> list[slice]:
    """Return which points belong to each bucket: those up to its x, and after the one before."""
    ends = np.searchsorted(x, curve.x, "right")
    return [slice(start, end) for start, end in zip([0, *ends[:-1]], ends, strict=True)]


@given(SERIES, WIDTHS)
def test_the_buckets_hold_every_point_and_say_the_truth_of_them(series: list[tuple[float, float]], width: int) -> None:
    x, values = make(series)
    curve = downsample(x, values, Range(width))
    assert curve.points == len(x)
    assert len(curve.x) <= max(width, len(x) if curve.is_exact else 0)
    if curve.is_exact:
        assert np.array_equal(curve.x, x)
        shown = np.where(np.isfinite(values), values, np.nan)
        for column in (curve.low, curve.high, curve.last):
            assert np.array_equal(column, shown, equal_nan=True)
        return
    assert np.all(curve.x[1:] > curve.x[:-1])
    assert curve.x[-1] == x[-1]
    for place, bucket in enumerate(split_like(x, curve)):
        finite = values[bucket][np.isfinite(values[bucket])]
        assert np.array_equal(curve.low[place], finite.min() if len(finite) else np.nan, equal_nan=True)
        assert np.array_equal(curve.high[place], finite.max() if len(finite) else np.nan, equal_nan=True)
        last = values[bucket][-1]
        assert np.array_equal(curve.last[place], last if np.isfinite(last) else np.nan, equal_nan=True)


@given(SERIES, WIDTHS, st.tuples(STEPS, STEPS))
def test_every_local_extreme_in_a_range_is_within_its_bucket(
    series: list[tuple[float, float]], width: int, ends: tuple[float, float]
) -> None:
    x, values = make(series)
    wanted = Range(width, min(ends), max(ends))
    curve = downsample(x, values, wanted)
    inside = (x >= min(ends)) & (x <= max(ends))
    x, values = x[inside], values[inside]
    assert curve.points == len(x)
    if not curve.is_exact:
        for place, bucket in enumerate(split_like(x, curve)):
            for value in find_extremes(values[bucket]):
                assert curve.low[place] <= value <= curve.high[place]
    finite = values[np.isfinite(values)]
    if len(finite):
        assert np.nanmin(curve.low) == finite.min()
        assert np.nanmax(curve.high) == finite.max()


@given(SERIES, WIDTHS)
def test_values_that_are_no_numbers_are_told_where_they_are(series: list[tuple[float, float]], width: int) -> None:
    x, values = make(series)
    curve = downsample(x, values, Range(width))
    strange = ~np.isfinite(values)
    assert curve.strange_total == int(strange.sum())
    assert np.array_equal(curve.strange_x, x[strange])
    assert np.array_equal(curve.strange, values[strange], equal_nan=True)


def test_the_list_of_values_that_are_no_numbers_is_bounded() -> None:
    x = np.arange(5000.0)
    curve = downsample(x, np.full(5000, np.nan), Range(10))
    assert (len(curve.strange_x), curve.strange_total) == (MOST_NON_FINITE, 5000)
    assert np.all(np.isnan(curve.low))


def test_points_are_sorted_stably_and_those_without_a_place_are_counted() -> None:
    x, values, unplaced = sort_by_x(np.array([2.0, 1.0, math.nan, 2.0, 1.0]), np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert (x.tolist(), values.tolist(), unplaced) == ([1.0, 1.0, 2.0, 2.0], [2.0, 5.0, 1.0, 4.0], 1)
    assert downsample(x, values, Range(1)).last.tolist() == [4.0]


@given(st.lists(STEPS, max_size=60), WIDTHS, st.tuples(STEPS, STEPS))
def test_of_texts_the_last_of_each_bucket_is_shown(steps: list[float], width: int, ends: tuple[float, float]) -> None:
    x = np.sort(np.array(steps, dtype="<f8"))
    wanted = Range(width, min(ends), max(ends))
    shown = thin(x, wanted)
    inside = np.flatnonzero((x >= min(ends)) & (x <= max(ends)))
    assert set(shown) <= set(inside)
    assert len(shown) == len(inside) if len(inside) <= width else len(shown) <= width
    if len(inside):
        assert shown[-1] == inside[-1]
