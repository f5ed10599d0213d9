"""What is known of a followed tree, and how news of one name changes it. No file is touched here.

``Tree`` keeps a ``Folder`` for every directory. ``settle`` takes what was seen of one name and reports the
difference.
"""

from typing import Dict, Iterator, List, Optional, Tuple

from . import names
from .report import Report, show
from .scan import DIR, UNSURE, Record


class Folder:
    """One directory: its names, how it is watched, and when it is looked at next (monotonic seconds)."""

    __slots__ = ("changed", "failed", "full_due", "hot", "is_local", "names", "quick_due", "stamp", "watch")

    def __init__(self, is_local: bool) -> None:
        self.names: Dict[str, Record] = {}
        self.watch: Optional[int] = None
        self.is_local = is_local
        self.changed = 0.0  # seconds since the epoch, by this machine's clock
        self.failed: Optional[Tuple[str, str]] = None  # why it could not be read last time
        self.stamp = (0, 0)  # its own mtime_ns and ctime_ns at the last full listing
        self.hot: Dict[str, float] = {}  # names that changed of late, and until when they are looked at often
        self.quick_due = 0.0
        self.full_due = 0.0


class Tree:
    """All directories of a followed root by path. ``lost`` gathers folders that left it, for their watches."""

    def __init__(self) -> None:
        self.folders: Dict[str, Folder] = {}
        self.lost: List[Folder] = []

    def add(self, path: str, is_local: bool) -> Folder:
        """Start keeping a directory."""
        folder = self.folders[path] = Folder(is_local)
        return folder

    def fill(self, path: str, records: Dict[str, Record], report: Report) -> None:
        """Take in all that lies in a directory of which nothing was known, and report it."""
        self.folders[path].names = records
        for name, record in records.items():
            report.upsert(path, name, record)

    def settle(self, path: str, name: str, seen: Optional[Record], report: Report, forced: bool = False) -> str:
        """Take in what ``name`` in the directory ``path`` is now (None: not there) and report what differs.

        ``forced`` reports a file even where it looks the same. Returns "" where nothing was to tell, "told",
        or "enter" where it is a directory not kept yet.
        """
        folder = self.folders[path]
        known = folder.names.get(name)
        if seen is None:
            if known is None:
                return ""
            self._remove(path, name, known, report)
            del folder.names[name]
            return "told"
        if seen[0] == UNSURE and known is not None and known[0] != UNSURE:
            if known[8] == seen[8]:
                return ""
            folder.names[name] = (*known[:8], seen[8])
            report.upsert(path, name, seen)
            return "told"
        if seen == known and not (forced and seen[0] != DIR):
            return ""
        if known is not None and known[0] == DIR and known[:8] != seen[:8]:
            self._drop(names.join(path, name), report)
        folder.names[name] = seen
        report.upsert(path, name, seen)
        is_new = seen[0] == DIR and names.join(path, name) not in self.folders
        return "enter" if is_new else "told"

    def below(self, path: str) -> Iterator[Tuple[str, Folder]]:
        """Yield (path, folder) of ``path`` and of every directory kept below it."""
        todo = [path]
        while todo:
            here = todo.pop()
            folder = self.folders.get(here)
            if folder is not None:
                yield here, folder
                todo.extend(names.join(here, name) for name, record in folder.names.items() if record[0] == DIR)

    def _remove(self, path: str, name: str, known: Record, report: Report) -> None:
        if known[0] == DIR:
            self._drop(names.join(path, name), report)
        report.remove(show(path, name, known))

    def _drop(self, path: str, report: Report) -> None:
        """Forget a directory and report all that it held as removed."""
        for here, folder in list(self.below(path)):
            for name, record in folder.names.items():
                report.remove(show(here, name, record))
            self.lost.append(folder)
            del self.folders[here]
