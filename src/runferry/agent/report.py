"""Gathers what differs and hands it on in parts that each fit a frame. It decides nothing and keeps nothing.

A part is a dict with any of ``e`` entries ``[[directory, [[name, kind, size, mtime_ns, ctime_ns, inode,
device, links, target?], ..]], ..]``, ``r`` removed paths, ``p`` problems ``[[path, code, message], ..]``,
``u`` unsure directories, ``n`` notes. The last one has ``end`` ``{"root": [device, inode], "clock": ns,
"complete": bool}``, or ``void``: forget the parts since the last end. A path that is both removed and an
entry is there. The first part of a whole tree that is told to be followed has ``begin``, the clock (ns) at its start.
"""

import time
from typing import Any, Callable, Dict, List, Tuple

from . import names
from .scan import BAD, UNSURE, Record, explain, identify, is_absent, walk

FIRST_PART, PART = 12 * 1024, 100 * 1024
"""About how many bytes of JSON the first part holds, so that there is something to do soon, and any may hold."""

Part = Dict[str, Any]


def show(directory: str, name: str, record: Record) -> str:
    """Return the path as it may be told: where the name cannot be spoken about all of it is escaped."""
    path = names.join(directory, name)
    return names.escape(path) if record[0] == BAD else path


class Report:
    """One change being told: fill it, then ``end`` it; parts leave through ``emit`` as they fill up."""

    def __init__(self, emit: Callable[[Part], None]) -> None:
        self._emit = emit
        self._part: Part = {}
        self._weight = 0
        self._room = FIRST_PART
        self._directory: Any = None
        self._rows: List[List[Any]] = []
        self.is_empty = True
        self.has_removed = False

    def begin(self, clock: int) -> None:
        """Say that a whole tree follows, and what this machine's clock (ns) is now."""
        self._part["begin"] = clock

    def upsert(self, directory: str, name: str, record: Record) -> None:
        """Tell of a new or changed name; its problem, if it has one, goes with it."""
        if record[8] is not None:
            self.problem(show(directory, name, record), record[8])
            if record[0] in (BAD, UNSURE):
                return
        if directory != self._directory:
            self._directory, self._rows = directory, []
            self._part.setdefault("e", []).append([directory, self._rows])
            self._weight += len(directory)  # no more than that: the part may leave only with the row in it
        self._rows.append([name, *(record[:7] if record[7] is None else record[:8])])
        self._grow(len(name) + 70)

    def remove(self, path: str) -> None:
        """Tell that a name is gone."""
        self.has_removed = True
        self._add("r", path, len(path))

    def problem(self, path: str, problem: Tuple[str, str]) -> None:
        """Tell of one path's trouble; ``path`` is printable."""
        self._add("p", [path, problem[0], problem[1]], len(path) + len(problem[1]) + 20)

    def unsure(self, path: str) -> None:
        """Tell that a directory could not be read this time."""
        self._add("u", path, len(path))

    def note(self, text: str) -> None:
        """Tell the user how the tree is watched now, in a sentence."""
        self._add("n", text, len(text))

    def end(self, root: Tuple[int, int], clock: int, complete: bool) -> None:
        """Close the change; ``root`` is (device, inode), ``clock`` this machine's clock (ns) at its start."""
        self._part["end"] = {"root": list(root), "clock": clock, "complete": complete}
        self._flush()

    def void(self) -> None:
        """Take back every part of this change: it was seen on something that is not the root any more."""
        self._part = {"void": True}
        self._flush()

    def _add(self, key: str, value: Any, weight: int) -> None:
        self._part.setdefault(key, []).append(value)
        self._grow(weight + 8)

    def _grow(self, weight: int) -> None:
        self.is_empty = False
        self._weight += weight
        if self._weight > self._room:
            self._flush()

    def _flush(self) -> None:
        part, self._part, self._weight, self._directory = self._part, {}, 0, None
        self._room = min(PART, 2 * self._room)
        self._emit(part)


def report_tree(root: bytes, report: Report, check: Callable[[], None] = lambda: None) -> None:
    """Tell a whole tree once, with its end; ``check`` is called between directories and may raise.

    Raises OSError about the root; another directory that cannot be read is a problem.
    """
    identity, clock = identify(root), int(time.time() * 1e9)
    for path, records in walk(root):
        check()
        if not isinstance(records, OSError):
            for name, record in records.items():
                report.upsert(path, name, record)
        elif not path:
            raise records
        elif not is_absent(records):
            report.problem(path, explain(records))
            report.unsure(path)
    report.end(identity, clock, True)
