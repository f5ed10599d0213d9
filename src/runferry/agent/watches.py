"""Which directories are covered by inotify, within a budget; the ones that changed longest ago give way.

It never lists a directory: whoever adds a watch lists afterwards.
"""

import errno
from typing import Dict, List, Optional, Tuple

from .inotify import IGNORED, OVERFLOW, UNMOUNT, Inotify
from .mounts import read_limit
from .scan import locate
from .tree import Folder

MOST = 8192
_FULL = frozenset((errno.ENOSPC, errno.ENOMEM, errno.EMFILE))

Event = Tuple[str, int, bytes]


def default_budget() -> int:
    """Return how many directories one follow may watch: a quarter of what the account may, at most 8192."""
    return min(read_limit("max_user_watches") // 4, MOST)


class Watches:
    """The watches of one followed root. ``reason`` says, in a sentence, why some directories have none."""

    def __init__(self, root: bytes, budget: int) -> None:
        self._root = root
        self._kept: Dict[int, Tuple[str, Folder]] = {}
        self._inotify: Optional[Inotify] = None
        self._evicted: List[str] = []
        self.budget = budget
        self.reason = ""
        try:
            self._inotify = Inotify()
        except OSError as error:
            self.budget = 0
            self.reason = "inotify is not available on the server (%s)" % error.strerror

    @property
    def descriptor(self) -> int:
        """The descriptor to wait on, -1 where there is none."""
        return self._inotify.descriptor if self._inotify is not None else -1

    def add(self, path: str, folder: Folder) -> bool:
        """Watch a directory if it is local and the budget or a directory that changed longer ago allows it."""
        if folder.watch is not None:
            return True
        if self._inotify is None or not folder.is_local or not self._make_room(folder):
            return False
        try:
            number = self._inotify.add(locate(self._root, path))
        except OSError as error:
            if error.errno in _FULL:
                self.budget = len(self._kept)
                self.reason = "the account's inotify watches on the server are used up"
            return False
        before = self._kept.get(number)
        if before is not None:
            before[1].watch = None
            self._evicted.append(before[0])
        self._kept[number] = path, folder
        folder.watch = number
        return True

    def take_evicted(self) -> List[str]:
        """Return, once, the directories that gave way to others: they are polled from now on."""
        evicted, self._evicted = self._evicted, []
        return evicted

    def drop(self, folder: Folder) -> None:
        """Stop watching a directory that left the tree or gave way."""
        number, folder.watch = folder.watch, None
        if number is not None and self._inotify is not None:
            self._kept.pop(number, None)
            self._inotify.remove(number)

    def read(self) -> Tuple[List[Event], bool]:
        """Return (path of a directory, mask, name) of the events at hand, and whether some were lost.

        A watch that the kernel took back is dropped here; its directory gets an event all the same.
        """
        events: List[Event] = []
        overflow = False
        for _ in range(64):
            batch = self._inotify.read() if self._inotify is not None else []
            if not batch:
                break
            for number, mask, name in batch:
                overflow = overflow or bool(mask & OVERFLOW)
                kept = self._kept.get(number)
                if kept is None:
                    continue
                if mask & (IGNORED | UNMOUNT):
                    del self._kept[number]
                    kept[1].watch = None
                events.append((kept[0], mask, name))
        return events, overflow

    def close(self) -> None:
        """Give everything back. It may be called again."""
        if self._inotify is not None:
            self._inotify.close()
            self._inotify = None
        self._kept.clear()

    def _make_room(self, folder: Folder) -> bool:
        if len(self._kept) < self.budget:
            return True
        if not self.reason:
            self.reason = "the tree has more directories than may be watched (%d)" % self.budget
        if not folder.changed:
            return False
        others = [kept for kept in self._kept.values() if kept[0]]
        path, oldest = min(others, key=_last_change, default=("", folder))
        if oldest.changed >= folder.changed:
            return False
        self.drop(oldest)
        self._evicted.append(path)
        return True


def _last_change(kept: Tuple[str, Folder]) -> float:
    return kept[1].changed
