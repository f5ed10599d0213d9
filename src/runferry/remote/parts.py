"""A server's parts of a report -> ``model`` values, each name and number checked. It believes nothing and
asks nothing.

See ``agent.report`` for what a part holds. ``wire.Violation`` is raised for anything that cannot be true.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from runferry.agent import names, wire
from runferry.model import NO_IDENTITY, Change, Entry, Kind, Problem, RootIdentity, Snapshot, Version
from runferry.remote.paths import believe_directory, believe_problem, believe_shown, clean

MOST_ENTRIES = 5_000_000
MOST_SIGNED, MOST_UNSIGNED = 2**63 - 1, 2**64 - 1
"""What a size or a time, and what an inode or a device, can be on any Linux, and in the index."""

KINDS = (Kind.FILE, Kind.DIR, Kind.LINK, Kind.OTHER)


class Assembly:
    """Gathers parts until they make a change; ``notes`` are the sentences that came with them.

    Of a whole tree that begins to be told, ``take_part`` gives what has come, each time twice as much as the last time:
    there is work soon, and always enough of it, in few pieces.
    """

    def __init__(self) -> None:
        self.notes: list[str] = []
        self._upserts: dict[str, Entry] = {}
        self._removed: dict[str, None] = {}
        self._problems: dict[str, Problem] = {}
        self._unsure: list[str] = []
        self._began_ns = 0
        self._fresh: list[Entry] = []
        self._enough = 1

    def add(self, part: Mapping[str, object]) -> Change | None:
        """Take in one part; return the change it completes, if it completes one."""
        if "begin" in part:
            self._began_ns = _read_clock(part["begin"])
        for group in _rows(part, "e"):
            self._add_group(group)
        for path in _rows(part, "r"):
            self._removed[believe_shown(path)] = None
        for row in _rows(part, "p"):
            if not isinstance(row, list) or len(row) != 3:
                raise wire.Violation("a malformed problem")
            problem = believe_problem(*row)
            self._problems[problem.path] = problem
        self._unsure.extend(believe_directory(path) for path in _rows(part, "u"))
        self.notes.extend(clean(note) for note in _rows(part, "n")[:16])
        if len(self._upserts) + len(self._removed) + len(self._problems) > MOST_ENTRIES:
            raise wire.Violation(f"more than {MOST_ENTRIES} names")
        if "void" in part:
            self._clear()
        end = part.get("end")
        return self._finish(end) if end is not None else None

    def take_part(self) -> Change | None:
        """Return what of the whole tree has not been given yet; None where that is not enough to be worth it."""
        if len(self._fresh) < self._enough:
            return None
        fresh, self._fresh = self._fresh, []
        self._enough = 2 * len(fresh)
        return Change(NO_IDENTITY, tuple(fresh), clock_ns=self._began_ns, is_part=True)

    def _add_group(self, group: object) -> None:
        if not isinstance(group, list) or len(group) != 2 or not isinstance(group[1], list):
            raise wire.Violation("malformed entries")
        directory = believe_directory(group[0])
        if names.depth(directory) >= names.MAX_DEPTH:
            raise wire.Violation("an entry lies too deep")
        prefix = f"{directory}/" if directory else ""
        entries = [read_entry(prefix, row) for row in group[1]]
        self._upserts |= {entry.path: entry for entry in entries}
        if self._began_ns:
            self._fresh += entries

    def _finish(self, end: object) -> Change:
        if not isinstance(end, dict):
            raise wire.Violation("a malformed end")
        match end:
            case {"root": [int(device), int(inode)], "clock": int(clock), "complete": bool(complete)}:
                pass
            case _:
                raise wire.Violation("a malformed end")
        change = Change(
            root=RootIdentity(device, inode),
            upserts=tuple(self._upserts.values()),
            removed=tuple(path for path in self._removed if path not in self._upserts),
            problems=tuple(self._problems.values()),
            unsure=tuple(self._unsure),
            clock_ns=clock,
            complete=complete,
        )
        self._clear()
        return change

    def _clear(self) -> None:
        self._upserts, self._removed, self._problems, self._unsure = {}, {}, {}, []
        self._began_ns, self._fresh, self._enough = 0, [], 1


def read_entry(prefix: str, row: object) -> Entry:
    """Return the entry of one row; ``prefix`` is its checked directory and a slash, or nothing."""
    if not isinstance(row, list) or not 8 <= len(row) <= 9:
        raise wire.Violation("a malformed entry")
    name, kind, size, mtime, ctime, inode, device, links, target = row if len(row) == 9 else (*row, None)
    if not (
        int is type(kind) is type(size) is type(mtime) is type(ctime) is type(inode) is type(device) is type(links)
    ):
        raise wire.Violation("an entry's number is none")
    if type(name) is not str or not names.is_fine(name) or not 0 <= kind <= 3 or links > MOST_SIGNED:
        raise wire.Violation("an entry that cannot be")
    version = check_version(Version(size, mtime, ctime, inode, device))
    return Entry(prefix + name, KINDS[kind], version, links, None if target is None else clean(target))


def read_version(value: object) -> Version:
    """Return a version told as [size, mtime_ns, ctime_ns, inode, device]."""
    match value:
        case [int(size), int(mtime), int(ctime), int(inode), int(device)]:
            return check_version(Version(size, mtime, ctime, inode, device))
        case _:
            raise wire.Violation("a malformed version")


def check_version(version: Version) -> Version:
    """Return ``version``; raise Violation where no file can have it (nor the index hold it)."""
    size, mtime_ns, ctime_ns, inode, device = version
    if (
        0 <= size <= MOST_SIGNED
        and -MOST_SIGNED <= mtime_ns <= MOST_SIGNED
        and -MOST_SIGNED <= ctime_ns <= MOST_SIGNED
        and 0 <= inode <= MOST_UNSIGNED
        and 0 <= device <= MOST_UNSIGNED
    ):
        return version
    raise wire.Violation("a version that cannot be")


def to_snapshot(change: Change) -> Snapshot:
    """Return a complete change as a snapshot."""
    entries = {entry.path: entry for entry in change.upserts}
    return Snapshot(change.root, entries, change.problems, change.clock_ns)


def merge(first: Change, second: Change) -> Change:
    """Return one change that says what the two say one after the other."""
    if second.complete:
        return second
    upserts = {entry.path: entry for entry in first.upserts}
    removed = dict.fromkeys(first.removed)
    problems = {problem.path: problem for problem in first.problems}
    for path in second.removed:
        upserts.pop(path, None)
        problems.pop(path, None)
        removed[path] = None
    for entry in second.upserts:
        upserts[entry.path] = entry
        problems.pop(entry.path, None)
        removed.pop(entry.path, None)
    problems.update((problem.path, problem) for problem in second.problems)
    return Change(
        root=second.root,
        upserts=tuple(upserts.values()),
        removed=() if first.complete else tuple(removed),
        problems=tuple(problems.values()),
        unsure=tuple(dict.fromkeys((*first.unsure, *second.unsure))),
        clock_ns=first.clock_ns,
        complete=first.complete,
    )


def is_empty(change: Change) -> bool:
    """Say whether a change says nothing."""
    return not (change.complete or change.upserts or change.removed or change.problems or change.unsure)


def _read_clock(value: object) -> int:
    if type(value) is not int or not 0 < value <= MOST_SIGNED:
        raise wire.Violation("a clock that cannot be")
    return value


def _rows(part: Mapping[str, object], key: str) -> Sequence[object]:
    rows = part.get(key, [])
    if not isinstance(rows, list):
        raise wire.Violation("a malformed part")
    return rows
