"""Points to pixels: how a series looks at a given width, with every extreme kept. Pure, on arrays.

The range is cut into as many buckets as there are pixels; of each, the least and the greatest value are given, and the
last one. So whatever sticks out at full resolution sticks out at every width.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runferry.store.chunking import Floats

MOST_NON_FINITE = 1000
"""How many values that are no finite numbers are told one by one."""


@dataclass(frozen=True, slots=True)
class Curve:
    """A series between two values of x. ``low``, ``high`` and ``last`` are NaN where a bucket has no finite number.

    ``x`` is where the last point of a bucket lies. ``is_exact``: every point has a bucket of its own. ``strange_x`` and
    ``strange`` are the first values that are NaN or infinite, of ``strange_total``.
    """

    x: Floats
    low: Floats
    high: Floats
    last: Floats
    points: int
    is_exact: bool
    strange_x: Floats
    strange: Floats
    strange_total: int


@dataclass(frozen=True, slots=True)
class Range:
    """What part of the x axis is wanted, both ends included, on how many pixels; None: as far as there are points."""

    width: int
    start: float | None = None
    end: float | None = None


def sort_by_x(x: Floats, values: Floats) -> tuple[Floats, Floats, int]:
    """Return both sorted by x, points of one x in the order they were given; and how many had no finite x, left out."""
    is_placed = np.isfinite(x)
    unplaced = len(x) - int(np.count_nonzero(is_placed))
    if unplaced:
        x, values = x[is_placed], values[is_placed]
    if len(x) > 1 and not bool(np.all(x[1:] >= x[:-1])):
        order = np.argsort(x, kind="stable")
        x, values = x[order], values[order]
    return x, values, unplaced


def cut_range(x: Floats, wanted: Range) -> slice:
    """Return which of the sorted points lie in the range."""
    start = 0 if wanted.start is None else int(np.searchsorted(x, wanted.start, "left"))
    end = len(x) if wanted.end is None else int(np.searchsorted(x, wanted.end, "right"))
    return slice(start, max(start, end))


def find_starts(x: Floats, wanted: Range) -> NDArray[np.intp]:
    """Return where the buckets that are not empty begin, for sorted points of which all lie in the range."""
    low = x[0] if wanted.start is None else wanted.start
    high = x[-1] if wanted.end is None else wanted.end
    with np.errstate(over="ignore", invalid="ignore"):  # a range too wide for a float has one bucket
        edges = np.linspace(low, high, wanted.width + 1)[1:-1]
    starts = np.append(0, np.searchsorted(x, edges, "left"))
    is_filled = np.append(starts[1:] > starts[:-1], True) & (starts < len(x))
    return starts[is_filled]


def downsample(x: Floats, values: Floats, wanted: Range) -> Curve:
    """Return how sorted points look on ``wanted``."""
    chosen = cut_range(x, wanted)
    x, values = x[chosen], values[chosen]
    is_finite = np.isfinite(values)
    is_clean = bool(is_finite.all())
    strange_at = np.empty(0, dtype=np.intp) if is_clean else np.flatnonzero(~is_finite)
    told = strange_at[:MOST_NON_FINITE]
    strange = (x[told], values[told], len(strange_at))
    if len(x) <= wanted.width:
        shown = values if is_clean else np.where(is_finite, values, np.nan)
        return Curve(x, shown, shown, shown, len(x), True, *strange)
    starts = find_starts(x, wanted)
    ends = np.append(starts[1:], len(x)) - 1
    if is_clean:
        low, high = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    else:
        low = _reduce(np.minimum, np.where(is_finite, values, np.inf), starts)
        high = _reduce(np.maximum, np.where(is_finite, values, -np.inf), starts)
    last = np.where(np.isfinite(values[ends]), values[ends], np.nan)
    return Curve(x[ends], low, high, last, len(x), False, *strange)


def thin(x: Floats, wanted: Range) -> NDArray[np.intp]:
    """Return which of sorted points to show where values are texts: the last of each bucket."""
    chosen = cut_range(x, wanted)
    x = x[chosen]
    if len(x) <= wanted.width:
        return np.arange(chosen.start, chosen.stop)
    starts = find_starts(x, wanted)
    shown: NDArray[np.intp] = np.append(starts[1:], len(x)) - 1 + chosen.start
    return shown


def _reduce(function: np.ufunc, values: Floats, starts: NDArray[np.intp]) -> Floats:
    found: Floats = function.reduceat(values, starts)
    return np.where(np.isfinite(found), found, np.nan)
