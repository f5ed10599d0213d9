"""A look at the whole root while it is told in parts: what has been considered already, and must not be again. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping

from runferry.agent.names import parent


class Telling:
    """Begins anew with each look.

    Whether a file is wanted depends on the names beside it, so those of a directory that comes in several parts, or
    has other names than before, are considered once more at the end; not with each part, which may hold a few of the
    many names of one directory.
    """

    def __init__(self) -> None:
        self._considered: set[str] = set()
        self._new_names: dict[str, int] = {}  # directory -> how many files came in the one part that told of any

    def clear(self) -> None:
        self._considered.clear()
        self._new_names.clear()

    def add(self, paths: Iterable[str], files: Iterable[str], others: Iterable[str] = ()) -> None:
        """Take in a part, whose ``paths`` are considered now, these ``files`` and ``others`` for the first time."""
        self._considered.update(paths)
        counts = Counter(map(parent, files))
        for directory in counts.keys() | set(map(parent, others)):
            self._new_names[directory] = -1 if directory in self._new_names else counts[directory]

    def end(self, altered: Collection[str], names: Mapping[str, Collection[str]]) -> set[str]:
        """Return what need not be considered again.

        ``altered``: what the end tells of that differs, or is gone; ``names``: the files now in each directory.
        """
        done, counts = self._considered, self._new_names
        counts |= dict.fromkeys(map(parent, altered), -1)
        for directory, count in counts.items():
            if count != len(names.get(directory, ())):
                done.difference_update(names.get(directory, ()))
        self._considered, self._new_names = set(), {}
        return done.difference(altered)
