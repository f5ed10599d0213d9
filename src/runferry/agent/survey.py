"""Looks at the places of a tree it is told to and reports what differs. It decides when to look again, not
when now.

The order is always: add the watch, then list, then compare.
"""

import os
import time
from typing import Dict, Optional, Set, Tuple

from . import mounts, names, tiers
from .agenda import AGAIN, FULL, QUICK, Agenda, Marks
from .report import Report
from .scan import DIR, FILE, Record, explain, is_absent, list_records, locate, look
from .tree import Folder, Tree
from .watches import Watches


class Survey:
    """The known state of one root (``device``: where it lies) and the plan of later looks (``hot``,
    ``cold``).

    What a look makes necessary goes into ``marks``. Raises OSError about the root only.
    """

    def __init__(self, root: bytes, interval: float, watches: Watches) -> None:
        self._root = root
        self._interval = interval
        self._watches = watches
        self._local: Dict[int, bool] = {}
        self._listed: Set[str] = set()  # by the change being made
        self._is_beginning = True
        self._again: Dict[Tuple[str, str], float] = {}
        self.tree = Tree()
        self.hot, self.cold = Agenda(), Agenda()
        self.marks = Marks()

    def begin(self, device: int, report: Report) -> None:
        """Tell the whole tree, and give the watches to the directories that changed last."""
        self._enter("", device, report)
        self._is_beginning = False
        folders = self.tree.folders
        if len(folders) > self._watches.budget:
            ranked = sorted(folders, key=lambda path: (not path, folders[path].changed), reverse=True)
            for path in ranked[self._watches.budget :]:
                self._watches.drop(folders[path])
                self._plan(path, folders[path])
            for path in ranked[: self._watches.budget]:
                self._watch(path, folders[path])
        if not self._watches.reason and not all(folder.is_local for folder in folders.values()):
            self._watches.reason = "their filesystem gives no notifications"

    def settle(self, report: Report) -> None:
        """Look at all that is marked, parents first, and report what differs."""
        self._listed = set()
        marked = self.marks.take()
        for path in sorted(marked):
            folder = self.tree.folders.get(path)
            if folder is None or path in self._listed:
                continue
            mark = marked[path]
            visit = self._list if mark.is_whole else self._look
            if visit(path, folder, mark.names, report):
                self._keep_up(path, folder)
        lost, self.tree.lost = self.tree.lost, []
        for folder in lost:
            self._watches.drop(folder)

    def count_polled(self) -> int:
        """Return how many directories no notification covers."""
        return sum(1 for folder in self.tree.folders.values() if folder.watch is None)

    def do_due(self, item: Tuple[float, int, str, str]) -> None:
        """Do what was planned, if it still stands."""
        due, what, path, name = item
        folder = self.tree.folders.get(path)
        if what == AGAIN:
            if self._again.get((path, name)) == due:
                del self._again[path, name]
                self.marks.name(path, name, False)
        elif folder is None:
            return
        elif what == FULL and folder.full_due == due:
            self.marks.whole(path)
        elif what == QUICK and folder.quick_due == due:
            self._look_quickly(path, folder)

    def _look_quickly(self, path: str, folder: Folder) -> None:
        """Look at the directory's own times and at its hot files."""
        now = time.monotonic()
        directory = locate(self._root, path)
        try:
            status = os.lstat(directory)
        except OSError:
            self.marks.itself(path)
            return
        if (status.st_mtime_ns, status.st_ctime_ns) != folder.stamp:
            self.marks.itself(path)
            return
        level = names.depth(path)
        for name, until in list(folder.hot.items()):
            if until < now:
                del folder.hot[name]
            elif look(directory, name, level) != folder.names.get(name):
                self.marks.name(path, name, False)
        self._plan_quick(path, folder, now)

    def _look(self, path: str, folder: Folder, marked: Dict[str, bool], report: Report) -> bool:
        """Look at single names; say whether anything differed."""
        directory = locate(self._root, path)
        level = names.depth(path)
        changed = False
        for name, forced in marked.items():
            record = look(directory, name, level)
            changed = self._take(path, name, record, report, forced) or changed
        return changed

    def _list(self, path: str, folder: Folder, marked: Dict[str, bool], report: Report) -> bool:
        """Compare a directory as a whole; say whether anything differed."""
        records = self._read(path, folder, report)
        if records is None:
            return False
        changed = False
        for name in [name for name in folder.names if name not in records]:
            changed = self._take(path, name, None, report) or changed
        for name, record in records.items():
            changed = self._take(path, name, record, report, marked.get(name, False)) or changed
        self._plan(path, folder)
        return changed

    def _enter(self, path: str, device: int, report: Report) -> None:
        """Start keeping a directory and all below it: watch, list, tell, each in turn."""
        todo = [(path, device)]
        while todo:
            here, device = todo.pop()
            folder = self.tree.add(here, self._is_local(here, device))
            folder.changed = 0.0 if self._is_beginning else time.time()  # then it takes nobody's watch
            self._watch(here, folder, is_new=True)
            records = self._read(here, folder, report)
            if records is None:
                continue
            now, youngest = time.time(), _youngest(records)
            folder.changed = min(now, max(youngest, folder.stamp[0] / 1e9))
            self.tree.fill(here, records, report)
            todo.extend((names.join(here, name), record[5]) for name, record in records.items() if record[0] == DIR)
            if now - youngest < tiers.HOT:  # else nothing here changed of late
                for name, record in records.items():
                    self._mind(here, folder, name, record)
            self._plan(here, folder)

    def _read(self, path: str, folder: Folder, report: Report) -> Optional[Dict[str, Record]]:
        """List a directory; one that cannot be listed is reported, and what is known of it stays."""
        directory = locate(self._root, path)
        self._listed.add(path)
        try:
            status = os.lstat(directory)
            records = list_records(directory, names.depth(path))
        except OSError as error:
            self._fail(path, folder, error, report)
            return None
        folder.stamp = status.st_mtime_ns, status.st_ctime_ns
        if folder.failed is not None:
            folder.failed = None
            above, name = names.parent(path), path.rpartition("/")[2]
            if path and above in self.tree.folders:
                report.upsert(above, name, self.tree.folders[above].names[name])
        return records

    def _fail(self, path: str, folder: Folder, error: OSError, report: Report) -> None:
        if not path and (is_absent(error) or isinstance(error, PermissionError)):
            raise error
        if is_absent(error):
            self.marks.name(names.parent(path), path.rpartition("/")[2], False)
            return
        problem = explain(error)
        if folder.failed != problem:
            folder.failed = problem
            report.problem(path, problem)
            report.unsure(path)
        self._plan(path, folder)

    def _take(self, path: str, name: str, record: Optional[Record], report: Report, forced: bool = False) -> bool:
        """Take in one name; say whether it differed."""
        told = self.tree.settle(path, name, record, report, forced)
        if told and record is not None:
            self._mind(path, self.tree.folders[path], name, record)
        if told == "enter" and record is not None:
            self._enter(names.join(path, name), record[5], report)
        return bool(told)

    def _mind(self, path: str, folder: Folder, name: str, record: Record) -> None:
        """Plan later looks at a file that changed of late; one clock tick can hide a second change."""
        if record[0] != FILE:
            return
        age = time.time() - max(record[2], record[3]) / 1e9
        if age < tiers.HOT and folder.watch is None:
            folder.hot[name] = time.monotonic() + tiers.HOT
        if time.time() - record[2] / 1e9 < tiers.RACY and (path, name) not in self._again:
            due = self._again[path, name] = time.monotonic() + tiers.RACY + 0.05
            self.hot.add(due, AGAIN, path, name)

    def _keep_up(self, path: str, folder: Folder) -> None:
        """A directory changed: it may earn a watch, and is looked at more often."""
        folder.changed = time.time()
        self._watch(path, folder)
        self._plan(path, folder)

    def _watch(self, path: str, folder: Folder, is_new: bool = False) -> None:
        """Try to watch a directory; one that is kept already is listed after that, one that gave way is
        planned.
        """
        had = folder.watch is not None
        if self._watches.add(path, folder) and not had and not is_new:
            self.marks.whole(path)
        for other in self._watches.take_evicted():
            if other in self.tree.folders:
                self._plan(other, self.tree.folders[other])

    def _plan(self, path: str, folder: Folder) -> None:
        now = time.monotonic()
        age = time.time() - folder.changed
        agenda = self.hot if age < tiers.HOT else self.cold
        is_covered = folder.watch is not None and folder.failed is None
        period = tiers.safety_period(age) if is_covered else tiers.full_period(age)
        folder.full_due = now + period
        agenda.add(folder.full_due, FULL, path)
        self._plan_quick(path, folder, now)

    def _plan_quick(self, path: str, folder: Folder, now: float) -> None:
        if folder.watch is not None or folder.failed is not None:
            folder.quick_due = 0.0
            return
        age = time.time() - folder.changed
        folder.quick_due = now + tiers.quick_period(age, self._interval, not folder.is_local)
        (self.hot if age < tiers.HOT else self.cold).add(folder.quick_due, QUICK, path)

    def _is_local(self, path: str, device: int) -> bool:
        if device not in self._local:
            kind = mounts.find_type(os.path.realpath(locate(self._root, path)))
            self._local[device] = not mounts.is_network(kind)
        return self._local[device]


def _youngest(records: Dict[str, Record]) -> float:
    """Return when one of the files changed last, in seconds since the epoch."""
    return max((max(record[2], record[3]) for record in records.values()), default=0) / 1e9
