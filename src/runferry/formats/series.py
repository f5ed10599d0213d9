"""The contract of a ``SeriesReader``: how one tool's files become series and media. No network, no disk, no database.

A reader makes push parsers. A parser takes the bytes of one file in pieces of any size and gives columns; it can be
laid aside at any moment and another one goes on from its ``position`` and ``state`` as if nothing had happened. What it
cannot make sense of is counted, never an exception.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from runferry.model import MediaItem, SeriesColumn, SeriesKind


@dataclass(slots=True)
class Batch:
    """What some bytes held. ``bad`` records could not be understood; ``unknown`` ones could, but are of no known type.

    ``first_bad`` is a sentence about the first bad one; ``first_time`` the earliest time of a point.
    """

    columns: dict[tuple[str, SeriesKind], SeriesColumn] = field(default_factory=dict)
    media: list[MediaItem] = field(default_factory=list)
    bad: int = 0
    first_bad: str | None = None
    unknown: int = 0

    @property
    def points(self) -> int:
        return sum(len(column) for column in self.columns.values())


class SeriesParser(Protocol):
    """Reads one file from front to back."""

    @property
    def position(self) -> int:
        """Return how many bytes of the file are done with: everything told so far comes from these and no others."""
        ...

    @property
    def state(self) -> Mapping[str, object]:
        """Return what another parser needs, beside ``position``, to go on there; small, and JSON-safe."""
        ...

    def feed(self, data: bytes) -> Batch:
        """Take the bytes that follow those fed before; return what became complete with them."""
        ...

    def flush(self) -> Batch:
        """The file ends here for now: return what is complete although nothing says that it has ended."""
        ...


class SeriesReader(Protocol):
    """One format. A module with these names is one."""

    @property
    def READER(self) -> str:
        """What tells this reader from others, in the index; change it when the same bytes are read differently."""
        ...

    @property
    def SOURCE_NAMES(self) -> Collection[str]:
        """Patterns (``*`` stands for anything) that the paths of all its files, relative to their run, match.

        Names without ``*`` are found without looking at everything a run has.
        """
        ...

    def is_source(self, path: str) -> bool:
        """Say by its name alone whether a file may be one of this format; it is asked of every file that changes."""
        ...

    def find_run_dir(self, path: str, is_run_dir: Callable[[str], bool]) -> str | None:
        """Return the run directory that a source belongs to, or None where it belongs to none (yet)."""
        ...

    def make_parser(self, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        """Return a parser that goes on at ``position`` with the ``state`` another one had there."""
        ...
