"""Series as tables with a row per time or per step, for those who want them that way. Pure, on arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from runferry.model import SeriesKind
from runferry.store.chunking import Floats, Points, join

TIME, STEP, STAGE = "time", "global_step", "stage"
_EXACT = 2.0**53


@dataclass(frozen=True, slots=True)
class Table:
    """Columns of one length. A cell is a number, a text or None; NaN stands for a number that is missing or none."""

    names: Sequence[str]
    columns: Sequence[list[float] | list[str | None]]


Series = tuple[str, SeriesKind, Points]


def tabulate_times(found: Sequence[Series], first_time: float | None) -> Table:
    """Return a row for each time, seconds since ``first_time``, and as many for one as a metric has values then.

    Texts are left out. Points whose time is unknown come last.
    """
    numbers = {key: points for key, points in _join_numbers(found).items() if key != TIME}
    timed = {key: np.where(np.isfinite(points.times), points.times, np.inf) for key, points in numbers.items()}
    ordered = {key: np.argsort(times, kind="stable") for key, times in timed.items()}
    counted = {key: _count_repeats(times[ordered[key]]) for key, times in timed.items()}
    rows, row_of = _number_rows([timed[key][ordered[key]] for key in numbers], list(counted.values()))
    columns: list[list[float]] = [np.where(np.isfinite(rows), rows - (first_time or 0.0), np.nan).tolist()]
    for (key, points), places in zip(numbers.items(), row_of, strict=True):
        column = np.full(len(rows), np.nan)
        column[places] = np.asarray(points.values)[ordered[key]]
        columns.append(column.tolist())
    return Table([TIME, *numbers], columns)


def tabulate_steps(found: Sequence[Series]) -> Table:
    """Return a row for each step with the value that was written last; texts are left out, but for the stage."""
    stages = [points for key, kind, points in found if key == STAGE and kind is SeriesKind.TEXT]
    left_out = {STEP, STAGE} if stages else {STEP}
    numbers = {key: points for key, points in _join_numbers(found).items() if key not in left_out}
    every = [points.steps for points in [*numbers.values(), *stages]]
    rows = np.unique(np.concatenate(every)) if every else np.empty(0)
    columns: list[list[float] | list[str | None]] = [_to_integers(rows)]
    for points in numbers.values():
        places, last = _find_last(points.steps, rows)
        column = np.full(len(rows), np.nan)
        column[places] = np.asarray(points.values)[last]
        columns.append(column.tolist())
    if not stages:
        return Table([STEP, *numbers], columns)
    texts: list[str | None] = [None] * len(rows)
    for place, index in zip(*(found.tolist() for found in _find_last(stages[0].steps, rows)), strict=True):
        texts[place] = str(stages[0].values[index])
    return Table([STEP, *numbers, STAGE], [*columns, texts])


def _join_numbers(found: Sequence[Series]) -> dict[str, Points]:
    """Return the points of each key, booleans behind numbers: they are one column."""
    parts: dict[str, list[Points]] = {}
    for key, _, points in sorted(found, key=lambda one: one[1] is SeriesKind.BOOLEAN):
        if not isinstance(points.values, list):
            parts.setdefault(key, []).append(points)
    order = dict.fromkeys(key for key, _, _ in found if key in parts)
    return {key: join(parts[key]) for key in order}


def _count_repeats(ordered: Floats) -> NDArray[np.intp]:
    """Return of each value how many equal ones come before it."""
    at = np.arange(len(ordered))
    is_new = np.append(True, ordered[1:] != ordered[:-1])[: len(ordered)]
    counts: NDArray[np.intp] = at - np.maximum.accumulate(np.where(is_new, at, 0))
    return counts


def _number_rows(
    times: Sequence[Floats], repeats: Sequence[NDArray[np.intp]]
) -> tuple[Floats, Sequence[NDArray[np.intp]]]:
    """Return the time of each row, and for each series which rows its points are in."""
    if not times:
        return np.empty(0), []
    time, repeat = np.concatenate(times), np.concatenate(repeats)
    order = np.lexsort((repeat, time))
    time, repeat = time[order], repeat[order]
    is_new = np.append(True, (time[1:] != time[:-1]) | (repeat[1:] != repeat[:-1]))[: len(time)]
    places = np.empty(len(time), dtype=np.intp)
    places[order] = np.cumsum(is_new) - 1
    return time[is_new], np.split(places, np.cumsum([len(one) for one in times])[:-1])


def _find_last(steps: Floats, rows: Floats) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return which rows have a value, and which point is the last one of each."""
    unique, index = np.unique(steps[::-1], return_index=True)
    return np.searchsorted(rows, unique), len(steps) - 1 - index


def _to_integers(values: Floats) -> list[float]:
    """Return whole numbers as integers, as they were written."""
    is_whole = bool(np.all((values == np.floor(values)) & (np.abs(values) < _EXACT)))
    whole: list[float] = values.astype(np.int64).tolist() if is_whole else values.tolist()
    return whole
