"""What a file of another tool tells beside its points: parameters, the run's card, what it printed, what it takes back.

A parser of such a file gives ``Findings`` where the contract says ``Batch``. Nothing is read or stored here.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from runferry.formats.series import Batch
from runferry.model import SeriesColumn, SeriesKind

LONGEST_KEY = 2000
"""Characters of the longest name of a metric; a point with a longer one is a bad record."""

MOST_KEYS = 50_000
"""Series that one feed may begin; with more, the file is not what it seems, and the others are bad records."""


@dataclass(frozen=True, slots=True)
class LogPiece:
    """What a run printed at once, newlines included: the pieces one after the other are its log.

    ``time`` is seconds since the epoch by its machine's clock, NaN where not told.
    """

    text: str
    time: float
    is_error: bool = False


@dataclass(slots=True)
class Findings(Batch):
    """What some bytes held.

    ``params``, ``summary`` and ``card`` are changes: each name replaces what was said of it before. ``card`` has the
    names that ``formats.cards.make_run`` takes. ``purge_from`` takes back all points of the *run* written before these
    bytes that lie at this step or later; what it took back of these bytes themselves is in ``superseded``.
    ``skipped`` counts what is understood and not shown, by its kind.
    """

    params: dict[str, object] = field(default_factory=dict)
    summary: dict[str, object] = field(default_factory=dict)
    card: dict[str, object] = field(default_factory=dict)
    output: list[LogPiece] = field(default_factory=list)
    superseded: dict[tuple[str, SeriesKind], SeriesColumn] = field(default_factory=dict)
    purge_from: float | None = None
    skipped: dict[str, int] = field(default_factory=dict)

    def add(self, key: str, kind: SeriesKind, *, step: float, time: float, value: float | str) -> None:
        """Add one point; one whose series cannot be begun is a bad record."""
        column = self.columns.get((key, kind)) or self._begin(key, kind)
        if column is None:
            return
        column.steps.append(step)
        column.times.append(time)
        column.values.append(value)  # type: ignore[arg-type]  # the kind says which of the two it is

    def extend(self, key: str, *, steps: array[float], times: array[float], values: array[float]) -> None:
        """Add points of a series of numbers: three columns of one length."""
        column = self.columns.get((key, SeriesKind.NUMBER)) or self._begin(key, SeriesKind.NUMBER)
        if column is None:
            self.bad += len(steps) - 1
            return
        column.steps.extend(steps)
        column.times.extend(times)
        column.values.extend(values)  # type: ignore[arg-type]

    def note_bad(self, why: str) -> None:
        self.bad += 1
        if self.first_bad is None:
            self.first_bad = why

    def note_skipped(self, kind: str) -> None:
        self.skipped[kind] = self.skipped.get(kind, 0) + 1

    def _begin(self, key: str, kind: SeriesKind) -> SeriesColumn | None:
        if len(key) > LONGEST_KEY:
            self.note_bad(f"A metric's name has more than {LONGEST_KEY} characters.")
            return None
        if len(self.columns) >= MOST_KEYS:
            self.note_bad(f"There are more than {MOST_KEYS} metrics.")
            return None
        column = self.columns[key, kind] = make_column(kind)
        return column


def make_column(kind: SeriesKind) -> SeriesColumn:
    """Return an empty column."""
    return SeriesColumn(array("d"), array("d"), [] if kind is SeriesKind.TEXT else array("d"))


def take(column: SeriesColumn, kind: SeriesKind, places: Iterable[int]) -> SeriesColumn:
    """Return a column of the points at ``places``."""
    taken = make_column(kind)
    for place in places:
        taken.steps.append(column.steps[place])
        taken.times.append(column.times[place])
        taken.values.append(column.values[place])  # type: ignore[arg-type]
    return taken
