"""One run's series where several files hold them: which of them continue each other, and which points count. Pure.

Files of one sequence continue each other in their order. Where a tool goes over steps again after it was resumed, the
point written last counts. A key that two sequences hold keeps its name in the first, and is ``<sequence>/<key>`` in the
others.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import orjson
from numpy.typing import NDArray

from runferry.model import SeriesKind
from runferry.store.chunking import Floats, Points, join
from runferry.store.series import SeriesRow, SourceRow
from runferry.store.series_writer import sum_up as sum_up_points


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a source stands among its run's: ``place`` is its turn. ``is_last_wins``: steps may be gone over again."""

    place: int = 0
    sequence: str = ""
    is_last_wins: bool = False


@dataclass(frozen=True, slots=True)
class Joined:
    """One series as it is shown: ``row`` has its name and sums, ``parts`` are what it is put together from.

    ``purges`` say of each part from which step on later files take it back; infinity: nowhere.
    """

    row: SeriesRow
    parts: tuple[SeriesRow, ...]
    purges: tuple[float, ...]
    is_last_wins: bool = False

    @property
    def is_plain(self) -> bool:
        """Say whether all points of the only part count."""
        return len(self.parts) == 1 and self.is_summed

    @property
    def is_summed(self) -> bool:
        """Say, without looking at points, that all of them count: then ``row`` has the sums of what is shown."""
        last = -math.inf
        for part, purge in zip(self.parts, self.purges, strict=True):
            if part.purges is not None:
                return False
            if math.isinf(purge) and not self.is_last_wins:
                continue
            if not part.is_rising or part.first_step is None or part.last_step is None:
                return False
            if part.last_step >= purge or (self.is_last_wins and part.first_step <= last):
                return False
            last = part.last_step
        return True


def join_series(rows: Iterable[SeriesRow], sources: Sequence[SourceRow], origins: Mapping[str, Origin]) -> list[Joined]:
    """Return a run's series as they are shown, of those sources that ``choose_sources`` names.

    ``origins`` by the sources' paths; without any, all is shown.
    """
    by_id = {source.id: source for source in choose_sources(sources, origins)}
    groups: dict[tuple[str, str, SeriesKind], list[tuple[int, SeriesRow]]] = {}
    for row in rows:
        source = by_id.get(row.source_id)
        if source is None and origins:
            continue
        origin = origins.get(source.path if source else "", Origin())
        groups.setdefault((origin.sequence, row.key, row.kind), []).append((origin.place, row))
    first = {name: min((place, row.id) for place, row in found) for name, found in groups.items()}
    ordered = sorted(groups, key=lambda name: first[name])  # whichever of the files was read first
    names = name_series([(sequence, key) for sequence, key, _ in ordered])
    joined: list[Joined] = []
    for group in ordered:
        parts = tuple(row for _, row in sorted(groups[group], key=lambda one: (one[0], one[1].id)))
        joined.append(_join_group(names[group[0], group[1]], parts, by_id, origins))
    return joined


def choose_sources(sources: Sequence[SourceRow], paths: Collection[str]) -> Sequence[SourceRow]:
    """Return the sources that count for a run whose files are at ``paths``.

    What comes from other files is left out: those are the run's no more. Until any of its own has been read, and where
    it has none, what was read before stays.
    """
    own = [source for source in sources if source.path in paths]
    return own if any(source.position for source in own) else sources


def name_series(found: Sequence[tuple[str, str]]) -> dict[tuple[str, str], str]:
    """Return under which names series are shown, by sequence and key; the first of a key keeps it."""
    names: dict[tuple[str, str], str] = {}
    taken: set[str] = set()
    for is_first in (True, False):
        for sequence, key in found:
            if (sequence, key) in names or (is_first and key in taken):
                continue
            shown = key
            while shown in taken:
                shown = f"{sequence or 'other'}/{shown}"
            taken.add(shown)
            names[sequence, key] = shown
    return names


def _join_group(
    shown: str, parts: tuple[SeriesRow, ...], sources: Mapping[int, SourceRow], origins: Mapping[str, Origin]
) -> Joined:
    found = [sources.get(part.source_id) for part in parts]
    own = [origins.get(source.path if source else "", Origin()) for source in found]
    purges = [
        min(
            (
                later.purge_from
                for later in sources.values()
                if later.purge_from is not None and _continues(origins.get(later.path, Origin()), origin)
            ),
            default=math.inf,
        )
        for origin in own
    ]
    return Joined(sum_up(shown, parts), parts, tuple(purges), any(origin.is_last_wins for origin in own))


def _continues(later: Origin, one: Origin) -> bool:
    return later.sequence == one.sequence and later.place > one.place


def sum_up(shown: str, parts: Sequence[SeriesRow]) -> SeriesRow:
    """Return one row for several parts: its points and bounds are of all they hold, whether they count or not."""
    if len(parts) == 1:
        return replace(parts[0], key=shown)
    bounds = [(part.min, part.max) for part in parts]
    return replace(
        parts[-1],
        key=shown,
        points=sum(part.points for part in parts),
        min=min((low for low, _ in bounds if low is not None), default=None),
        max=max((high for _, high in bounds if high is not None), default=None),
        first=parts[0].first,
    )


def join_points(joined: Joined, parts: Sequence[Points], *, superseded: bool = False) -> Points:
    """Return the points that count, or those that were ``superseded``, in the order in which they were written."""
    whole = parts[0] if len(parts) == 1 else join(parts)
    counts = np.concatenate(
        [find_kept(points, row, purge) for points, row, purge in zip(parts, joined.parts, joined.purges, strict=True)]
    )
    if joined.is_last_wins:
        kept = np.flatnonzero(counts)
        counts[kept] = find_last(whole.steps[kept])
    if superseded:
        return pick(whole, ~counts)
    return whole if counts.all() else pick(whole, counts)


def find_kept(points: Points, row: SeriesRow, purge: float) -> NDArray[np.bool_]:
    """Say of each point of a part whether nothing that was written later took it back."""
    is_kept = ~(points.steps >= purge)
    for step, count in orjson.loads(row.purges or "[]"):
        is_kept[:count] &= ~(points.steps[:count] >= step)
    return is_kept


def find_last(steps: Floats) -> NDArray[np.bool_]:
    """Say of each point whether it was the last that was written at its step."""
    if bool((steps[1:] > steps[:-1]).all()):
        return np.ones(len(steps), dtype=np.bool_)
    is_last = np.zeros(len(steps), dtype=np.bool_)
    is_last[len(steps) - 1 - np.unique(steps[::-1], return_index=True, equal_nan=False)[1]] = True
    return is_last


def pick(points: Points, is_kept: NDArray[np.bool_]) -> Points:
    values = points.values
    chosen = [values[int(at)] for at in np.flatnonzero(is_kept)] if isinstance(values, list) else values[is_kept]
    return Points(points.steps[is_kept], points.times[is_kept], chosen)


def describe_points(row: SeriesRow, points: Points) -> SeriesRow:
    """Return a series' row with the sums of just these points."""
    return replace(row, **(sum_up_points({}, points) if len(points) else _NOTHING))


_NOTHING = {**dict.fromkeys(("min", "max", "first", "last", "last_text", "last_step", "last_time")), "points": 0}
