"""Follows a tree: everything once, then every difference. inotify where it works, polling everywhere else.

A notification is a hint that makes us look, never the truth (``survey`` looks). Polling goes by tiers of last
change (``tiers``). It writes nothing and opens no file.
"""

import os
import select
import threading
import time
from typing import Callable, Optional, Tuple

from . import inotify, names, tiers
from .report import Part, Report
from .scan import identify, is_absent
from .survey import Survey
from .watches import Watches, default_budget

_COLD_AT_ONCE = 64
_ROOT_PERIOD = 5.0
_LONGEST_WAIT = 3600.0

_cpu: Callable[[], float] = getattr(time, "thread_time", time.process_time)  # thread_time came with Python 3.7


class Follower:
    """Follows one root in the calling thread: ``run`` returns after ``stop`` and raises OSError about the
    root.

    ``interval``: seconds a change of a hot file may stay unnoticed where nothing notifies. ``budget``: the
    most directories to watch, None for the default. Each part of a ``report`` goes to ``emit``.
    """

    def __init__(self, root: bytes, interval: float, budget: Optional[int], emit: Callable[[Part], None]) -> None:
        self._root = root
        self._interval = interval
        self._budget = default_budget() if budget is None else budget
        self._emit = emit
        self._watches = Watches(root, 0)
        self._survey = Survey(root, interval, self._watches)
        self._identity: Tuple[int, int] = (0, 0)
        self._root_due = 0.0
        self._cold_from = 0.0
        self._pause = 0.0
        self._settled = 0.0
        self._noted = ""
        self._stopped = False
        self._stopping = threading.Lock()
        self._wake_out, self._wake_in = os.pipe()

    def run(self) -> None:
        """Tell the whole tree, then its changes, until stopped."""
        try:
            self._begin()
            while not self._stopped:
                self._turn()
        finally:
            self._watches.close()
            self.stop()
            os.close(self._wake_out)

    def stop(self) -> None:
        """Make ``run`` return soon, from any thread. It may be called again."""
        with self._stopping:
            if not self._stopped:
                self._stopped = True
                os.close(self._wake_in)

    def _begin(self) -> None:
        clock = time.time()
        self._identity = identify(self._root)
        self._watches.close()
        self._watches = Watches(self._root, self._budget)
        self._survey = Survey(self._root, self._interval, self._watches)
        self._noted = ""
        report = Report(self._emit)
        report.begin(int(clock * 1e9))
        self._survey.begin(self._identity[0], report)
        self._note(report)
        report.end(self._identity, int(clock * 1e9), True)

    def _turn(self) -> None:
        survey = self._survey
        cold_due = max(survey.cold.next_due(), self._cold_from)
        due = min(survey.hot.next_due(), cold_due, self._root_due)
        self._wait(0.0 if survey.marks.paths else due - time.monotonic(), self._watches.descriptor)
        if self._stopped or self._has_new_root():
            return
        self._collect_events()
        self._collect_due(time.monotonic())
        if survey.marks.paths:
            self._settle()

    def _settle(self) -> None:
        began, cost = time.monotonic(), _cpu()
        clock = time.time()
        report = Report(self._emit)
        self._survey.settle(report)
        self._note(report)
        if report.has_removed and identify(self._root) != self._identity:
            report.void()
            self._root_due = 0.0
        elif not report.is_empty:
            report.end(self._identity, int(clock * 1e9), False)
        now = time.monotonic()
        self._pause = tiers.pause(_cpu() - cost, self._pause, began - self._settled)
        self._settled = now
        self._wait(self._pause, -1)

    def _wait(self, seconds: float, descriptor: int) -> None:
        """Wait until the time has passed, events are at hand or ``stop`` was called."""
        poll = select.poll()
        poll.register(self._wake_out, select.POLLIN)
        if descriptor >= 0:
            poll.register(descriptor, select.POLLIN)
        poll.poll(max(0.0, min(seconds, _LONGEST_WAIT)) * 1000.0)

    def _has_new_root(self) -> bool:
        """Look at the root from time to time; when it is another directory, tell everything anew."""
        now = time.monotonic()
        if now < self._root_due:
            return False
        self._root_due = now + min(self._interval, _ROOT_PERIOD)
        try:
            identity = identify(self._root)
        except OSError as error:
            if is_absent(error) or isinstance(error, PermissionError):
                raise
            return False
        if identity == self._identity:
            return False
        self._begin()
        return True

    def _collect_events(self) -> None:
        marks = self._survey.marks
        events, overflow = self._watches.read()
        for path, mask, raw in events:
            if mask & (inotify.DELETE_SELF | inotify.MOVE_SELF | inotify.IGNORED | inotify.UNMOUNT):
                marks.itself(path)
                self._root_due = self._root_due if path else 0.0
                continue
            name = names.decode(raw)
            if not name:
                marks.whole(path)
                continue
            is_directory = bool(mask & inotify.ISDIR)
            marks.name(path, name, bool(mask & inotify.CONTENT) and not is_directory)
            if is_directory and mask & inotify.ATTRIB:
                marks.whole(names.join(path, name))
        if overflow:
            for path in self._survey.tree.folders:
                marks.whole(path)

    def _collect_due(self, now: float) -> None:
        survey = self._survey
        for item in survey.hot.take(now, 1 << 30):
            survey.do_due(item)
        if now < self._cold_from:
            return
        began = _cpu()
        for item in survey.cold.take(now, _COLD_AT_ONCE):
            survey.do_due(item)
        self._cold_from = now + tiers.rest(_cpu() - began)

    def _note(self, report: Report) -> None:
        """Tell, when it changes, why some directories are polled."""
        reason = self._watches.reason
        if reason != self._noted:
            self._noted = reason
            count = self._survey.count_polled()
            report.note("%d directories are polled instead of watched: %s." % (count, reason))
