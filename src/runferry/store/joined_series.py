"""One run's series where several files hold them: which of them continue each other, and which points count. Pure.

Files of one sequence continue each other in their order. Where a tool goes over steps again after it was resumed, the
point written last counts. A key that two sequences hold keeps its name in the first, and is ``<sequence>/<key>`` in the
others.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from runferry.model import SeriesKind
from runferry.store.chunking import Points, join
from runferry.store.series import SeriesRow, SourceRow, name_number


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
        return len(self.parts) == 1 and not self.is_last_wins and math.isinf(self.purges[0])


def join_series(rows: Iterable[SeriesRow], sources: Sequence[SourceRow], origins: Mapping[str, Origin]) -> list[Joined]:
    """Return a run's series as they are shown; ``origins`` by the sources' paths, those without are on their own."""
    by_id = {source.id: source for source in sources}
    groups: dict[tuple[str, str, SeriesKind], list[tuple[int, SeriesRow]]] = {}
    for row in rows:
        source = by_id.get(row.source_id)
        origin = origins.get(source.path if source else "", Origin())
        groups.setdefault((origin.sequence, row.key, row.kind), []).append((origin.place, row))
    first_place = {name: min(place for place, _ in found) for name, found in groups.items()}
    taken: dict[str, str] = {}
    joined: list[Joined] = []
    for name in sorted(groups, key=lambda name: first_place[name]):
        sequence, key, _ = name
        shown = key if taken.setdefault(key, sequence) == sequence else f"{sequence}/{key}"
        ordered = tuple(row for _, row in sorted(groups[name], key=lambda one: (one[0], one[1].id)))
        joined.append(_join_group(shown, ordered, by_id, origins))
    return joined


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
                if later.purge_from is not None and origins.get(later.path, Origin()).place > origin.place
            ),
            default=math.inf,
        )
        for origin in own
    ]
    return Joined(sum_up(shown, parts), parts, tuple(purges), any(origin.is_last_wins for origin in own))


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


def join_points(joined: Joined, parts: Sequence[Points]) -> Points:
    """Return the points that count, in the order in which they were written."""
    kept = [
        points if math.isinf(step) else pick(points, points.steps < step)
        for points, step in zip(parts, joined.purges, strict=True)
    ]
    whole = kept[0] if len(kept) == 1 else join(kept)
    return keep_last(whole) if joined.is_last_wins else whole


def keep_last(points: Points) -> Points:
    """Leave out what was written again later at the same step."""
    if len(points) < 2 or bool(np.all(np.diff(points.steps) > 0)):
        return points
    is_last = np.zeros(len(points), dtype=np.bool_)
    is_last[len(points) - 1 - np.unique(points.steps[::-1], return_index=True)[1]] = True
    return points if is_last.all() else pick(points, is_last)


def pick(points: Points, is_kept: np.typing.NDArray[np.bool_]) -> Points:
    values = points.values
    chosen = [values[int(at)] for at in np.flatnonzero(is_kept)] if isinstance(values, list) else values[is_kept]
    return Points(points.steps[is_kept], points.times[is_kept], chosen)


def describe_points(row: SeriesRow, points: Points) -> SeriesRow:
    """Return a series' row with the sums of just these points."""
    values = points.values
    if isinstance(values, list) or not len(points):
        last_text = values[-1] if isinstance(values, list) and values else row.last_text
        return replace(row, points=len(points), last_text=last_text)
    finite = values[np.isfinite(values)]
    first, last, last_time = float(values[0]), float(values[-1]), float(points.times[-1])
    return replace(
        row,
        points=len(points),
        min=float(finite.min()) if len(finite) else None,
        max=float(finite.max()) if len(finite) else None,
        first=first if math.isfinite(first) else None,
        last=last if math.isfinite(last) else None,
        last_text=name_number(last),
        last_step=float(points.steps[-1]),
        last_time=last_time if math.isfinite(last_time) else None,
    )
