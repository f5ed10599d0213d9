"""The bodies of single answers -> ``model`` values, everything in them checked. It asks nothing.

``wire.Violation`` is raised for anything that cannot be true; a file's trouble is a ``Problem``.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence

from runferry.agent import names, wire
from runferry.agent.scan import BAD, UNSURE
from runferry.model import (
    Chunk,
    Digest,
    Entry,
    Kind,
    Liveness,
    Problem,
    ProblemCode,
    ProcessQuestion,
    ProcessState,
)
from runferry.remote.base import BrowseEntry
from runferry.remote.parts import KINDS, read_entry, read_version
from runferry.remote.paths import believe_problem, clean

Body = Mapping[str, object]
_DIGEST = 16
_MOST_ROWS = 2_000_000


def read_root(body: Body) -> str:
    """Return the absolute path of a directory."""
    path = body.get("path")
    if not isinstance(path, str) or not path.startswith("/") or "\0" in path or ".." in path.split("/"):
        raise wire.Violation("a directory that cannot be")
    return path


class Listing:
    """Gathers the rows of a browsed directory and, a level down, of its directories."""

    def __init__(self) -> None:
        self._rows: dict[str | None, list[list[object]]] = {}
        self._count = 0

    def add(self, part: Body) -> None:
        """Take in rows ``[name, kind, size, mtime, is_link]`` of the directory ``in`` (None: the one asked for)."""
        rows, directory = part.get("rows"), part.get("in")
        if not isinstance(rows, list) or not (directory is None or isinstance(directory, str)):
            raise wire.Violation("malformed rows")
        self._rows.setdefault(directory, []).extend(rows)
        self._count += len(rows)
        if self._count > _MOST_ROWS:
            raise wire.Violation("a directory without end")

    def finish(self, body: Body) -> list[BrowseEntry]:
        """Return the entries; ``read`` names the directories whose children were read."""
        root, read = read_root(body), body.get("read")
        if not isinstance(read, list):
            raise wire.Violation("malformed listing")
        known = {name for name in read if isinstance(name, str)}
        return [self._entry(root, row, known) for row in self._rows.get(None, [])]

    def _entry(self, directory: str, row: object, read: set[str]) -> BrowseEntry:
        match row:
            case [str(name), int(kind), int(size), int(mtime), bool(is_link)] if 0 <= kind <= 3 and size >= 0:
                pass
            case _:
                raise wire.Violation("a malformed row")
        if not name or "/" in name or "\0" in name or name in (".", "..") or len(name) > 4 * names.MAX_BYTES:
            raise wire.Violation("a row that cannot be")
        path = posixpath.join(directory, name)
        children = None
        if KINDS[kind] is Kind.DIR and name in read:
            children = tuple(self._entry(path, below, set()) for below in self._rows.get(name, []))
        return BrowseEntry(name, path, KINDS[kind], size, mtime, is_link, children)


def read_chunk(path: str, data: bytes, body: Body) -> Chunk | Problem:
    """Return the range read, or the file's problem."""
    if "problem" in body:
        return _read_problem(path, body["problem"])
    stable, clock = body.get("stable"), body.get("clock")
    if not isinstance(stable, bool) or not isinstance(clock, int):
        raise wire.Violation("a malformed chunk")
    head, tail = _read_hash(body.get("head")), _read_hash(body.get("tail"))
    return Chunk(data, read_version(body.get("v")), stable, clock, head, tail)


def read_digest(path: str, body: Body) -> Digest | Problem:
    """Return the digest, or the file's problem."""
    if "problem" in body:
        return _read_problem(path, body["problem"])
    length, digest = body.get("length"), _read_hash(body.get("digest"))
    if not isinstance(length, int) or length < 0 or not digest:
        raise wire.Violation("a malformed digest")
    return Digest(length, digest, read_version(body.get("v")))


def read_stats(paths: Sequence[str], body: Body) -> list[Entry | Problem]:
    """Return what each path is, in order."""
    rows = body.get("rows")
    if not isinstance(rows, list) or len(rows) != len(paths):
        raise wire.Violation("an answer to other paths")
    return [read_stat(path, row) for path, row in zip(paths, rows, strict=True)]


def read_processes(questions: Sequence[ProcessQuestion], body: Body) -> list[ProcessState]:
    """Return the state of each process, in order."""
    rows = body.get("answers")
    if not isinstance(rows, list) or len(rows) != len(questions):
        raise wire.Violation("an answer to other questions")
    states = []
    for question, row in zip(questions, rows, strict=True):
        match row:
            case [int(pid), "alive" | "gone" | "unknown" as liveness, str(evidence)] if pid == question.pid:
                states.append(ProcessState(pid, Liveness(liveness), clean(evidence)))
            case _:
                raise wire.Violation("a malformed process")
    return states


def read_stat(path: str, row: object) -> Entry | Problem:
    """Return what one path is, told as a record of ``agent.scan`` or None."""
    if row is None:
        return Problem(path, ProblemCode.VANISHED, "It is no longer there.")
    if not isinstance(row, list) or len(row) != 9:
        raise wire.Violation("a malformed entry")
    if row[0] in (BAD, UNSURE):
        return _read_problem(path, row[8])
    directory, name = names.parent(path), path.rpartition("/")[2]
    return read_entry(f"{directory}/" if directory else "", [name, *row[:8]])


def _read_problem(path: str, problem: object) -> Problem:
    match problem:
        case [code, message]:
            return believe_problem(path, code, message)
        case _:
            raise wire.Violation("a malformed problem")


def _read_hash(text: object) -> bytes:
    try:
        digest = bytes.fromhex(text) if isinstance(text, str) else None
    except ValueError:
        digest = None
    if digest is None or len(digest) not in (0, _DIGEST):
        raise wire.Violation("a malformed hash")
    return digest
