"""What is to be looked at, and when (monotonic seconds). It looks at nothing itself."""

import heapq
from typing import Dict, List, Tuple

from . import names

QUICK, FULL, AGAIN = 0, 1, 2

Item = Tuple[float, int, str, str]
"""Due time, what to do, directory, name (AGAIN only)."""


class Agenda:
    """Items come out by their due times; whoever takes one checks that it still stands."""

    def __init__(self) -> None:
        self._items: List[Item] = []

    def add(self, due: float, what: int, path: str, name: str = "") -> None:
        """Plan one look."""
        heapq.heappush(self._items, (due, what, path, name))

    def next_due(self) -> float:
        """Return when the first item is due; infinity where there is none."""
        return self._items[0][0] if self._items else float("inf")

    def take(self, now: float, limit: int) -> List[Item]:
        """Remove and return at most ``limit`` items that are due."""
        taken: List[Item] = []
        while self._items and self._items[0][0] <= now and len(taken) < limit:
            taken.append(heapq.heappop(self._items))
        return taken


class Mark:
    """One directory: names to look at (True: the content changed, whatever lstat will say), or all of it."""

    __slots__ = ("is_whole", "names")

    def __init__(self) -> None:
        self.names: Dict[str, bool] = {}
        self.is_whole = False


class Marks:
    """What must be looked at now, by directory."""

    def __init__(self) -> None:
        self.paths: Dict[str, Mark] = {}

    def name(self, path: str, name: str, forced: bool) -> None:
        """Mark one name; ``forced``: its content changed, whatever lstat will say."""
        seen = self._mark(path).names
        seen[name] = forced or seen.get(name, False)

    def whole(self, path: str) -> None:
        """Mark a directory to be listed."""
        self._mark(path).is_whole = True

    def itself(self, path: str) -> None:
        """Mark a directory that may be gone: its parent looks for it. The root has none."""
        if path:
            self.name(names.parent(path), path.rpartition("/")[2], False)
        self.whole(path)

    def take(self) -> Dict[str, Mark]:
        """Return the marks and start anew."""
        taken, self.paths = self.paths, {}
        return taken

    def _mark(self, path: str) -> Mark:
        mark = self.paths.get(path)
        if mark is None:
            mark = self.paths[path] = Mark()
        return mark
