"""Decides which points count where a run was resumed and went over some of its steps again. Nothing is lost by it."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from runferry.formats.findings import take
from runferry.model import SeriesColumn, SeriesKind

Key = tuple[str, SeriesKind]


def keep_last(column: SeriesColumn, kind: SeriesKind) -> tuple[SeriesColumn, SeriesColumn]:
    """Split points in the order they were written into those that count, the last at each step, and the others."""
    steps = np.frombuffer(column.steps, np.float64)[::-1] if len(column) else np.empty(0)
    is_last = np.zeros(len(steps), dtype=np.bool_)
    is_last[np.unique(steps, return_index=True)[1]] = True
    return _split(column, kind, is_last[::-1])


def purge(column: SeriesColumn, kind: SeriesKind, step: float) -> tuple[SeriesColumn, SeriesColumn]:
    """Split points into those before ``step`` and those that a restart there has taken back."""
    steps = np.frombuffer(column.steps, np.float64) if len(column) else np.empty(0)
    return _split(column, kind, steps < step)


def join(columns: Iterable[Mapping[Key, SeriesColumn]]) -> dict[Key, SeriesColumn]:
    """Put the columns of several batches, or files, one after the other."""
    joined: dict[Key, SeriesColumn] = {}
    for batch in columns:
        for key, column in batch.items():
            if key not in joined:
                values: array[float] | list[str] = [] if key[1] is SeriesKind.TEXT else array("d")
                joined[key] = SeriesColumn(array("d"), array("d"), values)
            joined[key].steps.extend(column.steps)
            joined[key].times.extend(column.times)
            joined[key].values.extend(column.values)  # type: ignore[arg-type]
    return joined


def _split(column: SeriesColumn, kind: SeriesKind, is_kept: npt.NDArray[np.bool_]) -> tuple[SeriesColumn, SeriesColumn]:
    if is_kept.all():
        return column, take(column, kind, ())
    kept, left = np.flatnonzero(is_kept).tolist(), np.flatnonzero(~is_kept).tolist()
    return take(column, kind, kept), take(column, kind, left)
