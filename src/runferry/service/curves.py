"""From points to what a chart shows of them: the axis, the range, the width. Pure, on arrays."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from runferry.errors import InvalidRequest
from runferry.store.chunking import Floats, Points
from runferry.store.downsample import Curve, Range, cut_range, downsample, sort_by_x, thin
from runferry.store.series import SeriesRow
from runferry.store.series_table import Series

WIDEST = 20_000


class Axis(StrEnum):
    """What x is: the step, seconds since the run's first point, or seconds since the epoch."""

    STEP = "step"
    TIME = "time"
    WALL = "wall"


@dataclass(frozen=True, slots=True)
class CurveQuery:
    """Which series, over what, from where to where, how wide. Raises InvalidRequest where that makes no sense.

    ``superseded``: not the points that count, but those that a resumed run has written again or taken back.
    """

    metrics: Sequence[str]
    axis: Axis = Axis.STEP
    start: float | None = None
    end: float | None = None
    width: int = 2000
    superseded: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.width <= WIDEST:
            raise InvalidRequest(f"width: must be from 1 to {WIDEST}.")
        for name, value in (("from", self.start), ("to", self.end)):
            if value is not None and not math.isfinite(value):
                raise InvalidRequest(f"{name}: must be a finite number.")
        if self.start is not None and self.end is not None and self.start > self.end:
            raise InvalidRequest("from: must not be greater than to.")


@dataclass(frozen=True, slots=True)
class TextCurve:
    """Texts where they change hands on the axis: the last one of each pixel."""

    x: Floats
    texts: Sequence[str]
    points: int
    is_exact: bool


@dataclass(frozen=True, slots=True)
class CurveView:
    """One series of one run as a chart shows it; ``unplaced`` points have no x (their time is unknown)."""

    row: SeriesRow
    points_total: int
    unplaced: int
    curve: Curve | TextCurve


@dataclass(frozen=True, slots=True)
class PointsPage:
    """A part of a metric's points, of each of its kinds; ``next_offset`` None: that was all."""

    run: str
    series: Sequence[Series]
    next_offset: int | None


def draw(row: SeriesRow, points: Points, query: CurveQuery, first_time: float | None) -> CurveView:
    """Return how a series looks to a query."""
    x = find_x(points, query.axis, first_time)
    wanted = Range(query.width, query.start, query.end)
    if isinstance(points.values, list):
        # Their places are sorted along with x, and stand for them.
        x, places, unplaced = sort_by_x(x, np.arange(len(x), dtype="<f8"))
        shown = thin(x, wanted)
        texts = [points.values[int(place)] for place in places[shown]]
        chosen = cut_range(x, wanted)
        in_range = chosen.stop - chosen.start
        curve: Curve | TextCurve = TextCurve(x[shown], texts, in_range, in_range == len(shown))
    else:
        x, values, unplaced = sort_by_x(x, points.values)
        curve = downsample(x, values, wanted)
    return CurveView(row, len(points), unplaced, curve)


def find_x(points: Points, axis: Axis, first_time: float | None) -> Floats:
    if axis is Axis.STEP:
        return points.steps
    return points.times - (first_time or 0.0) if axis is Axis.TIME else points.times


def page(run: str, found: Sequence[Series], *, offset: int, limit: int) -> PointsPage:
    """Return the points from ``offset`` on, at most ``limit`` of each kind."""
    end = offset + limit
    longest = max((len(points) for _, _, points in found), default=0)
    parts = [(key, kind, points.cut(offset, end)) for key, kind, points in found]
    return PointsPage(run, parts, end if end < longest else None)
