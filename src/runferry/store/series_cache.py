"""Whole series in memory, as far as there is room: read once, then only what was added. It never writes."""

from __future__ import annotations

import threading
from collections import OrderedDict

import numpy as np

from runferry.store.chunking import Floats, Points
from runferry.store.series import SeriesRow, SeriesStore, make_unknown

LIMIT = 256 * 1024 * 1024
"""Bytes of points kept in memory."""

_SLACK = 0.25


class SeriesCache:
    """Gives the points of series; what was not asked for the longest goes first. Any thread may call it."""

    def __init__(self, store: SeriesStore, *, limit: int = LIMIT) -> None:
        self._store = store
        self._limit = limit
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[int, int], _Kept] = OrderedDict()
        self._size = 0  # of all that is kept: a run may have ten thousand series, and each is asked for by itself

    @property
    def size(self) -> int:
        """Return how many bytes are kept."""
        with self._lock:
            return self._size

    def get(self, row: SeriesRow, *, has_times: bool = True) -> Points | None:
        """Return all points of a series, at least those ``row`` counts; None where it was read anew since.

        Without ``has_times`` the times may all be NaN: they are not read until somebody asks for them.
        """
        name = row.id, row.reading
        with self._lock:
            kept = self._kept.get(name)
            if kept is not None:
                self._kept.move_to_end(name)
            if kept is not None and has_times and not kept.has_times:
                kept = None  # to be read anew, with its times
            known = kept.length if kept is not None else 0
            is_timed = has_times if kept is None else kept.has_times
            if kept is not None and known >= row.points:
                return kept.points
        added = self._store.load(row, known, has_times=is_timed)
        if added is None:
            return None
        with self._lock:
            kept = self._kept.get(name)
            before = kept.size if kept is not None else 0
            if not known and (kept is None or (is_timed and not kept.has_times)):
                kept = self._kept[name] = _Kept(added, has_times=is_timed)
            elif kept is not None and kept.has_times is is_timed:
                kept.extend(added.cut(kept.length - known, len(added)))
            else:
                kept = None
            if kept is not None:
                points = kept.points
                self._size += kept.size - before
                self._make_room()
                return points
        return self._store.load(row, has_times=has_times)  # what was to be extended was dropped meanwhile

    def _make_room(self) -> None:
        while self._size > self._limit:
            _, dropped = self._kept.popitem(last=False)
            self._size -= dropped.size


class _Kept:
    """One series, in arrays with room to grow. What was given out stays as it is: only ever is something added."""

    def __init__(self, points: Points, *, has_times: bool) -> None:
        self.length = len(points)
        self.has_times = has_times
        self._steps, self._times = points.steps, points.times
        self._values = points.values
        self._text_size = points.size if isinstance(points.values, list) else 0

    @property
    def size(self) -> int:
        values = self._values
        times = self._times.nbytes if self.has_times else 0
        return self._steps.nbytes + times + (self._text_size if isinstance(values, list) else values.nbytes)

    @property
    def points(self) -> Points:
        return Points(self._steps, self._times, self._values).cut(0, self.length)

    def extend(self, added: Points) -> None:
        if not len(added):  # another thread was faster
            return
        end = self.length + len(added)
        self._steps = _extend(self._steps, self.length, added.steps)
        self._times = _extend(self._times, self.length, added.times) if self.has_times else make_unknown(end)
        if isinstance(self._values, list) and isinstance(added.values, list):
            self._values = self._values + added.values
            self._text_size += added.size
        elif not isinstance(self._values, list) and not isinstance(added.values, list):
            self._values = _extend(self._values, self.length, added.values)
        self.length = end


def _extend(kept: Floats, length: int, added: Floats) -> Floats:
    """Return an array that holds both, with more room behind them; ``kept`` itself where it has that already."""
    end = length + len(added)
    if end > len(kept) or not kept.flags.writeable:  # what came from the database cannot be written to
        roomy = np.empty(end + int(end * _SLACK) + 64, dtype="<f8")
        roomy[:length] = kept[:length]
        kept = roomy
    kept[length:end] = added
    return kept
