"""Reading many small files at once: the frames they come in, and which request asks for which of them.

Requests are bounded in files and bytes and several are under way, each issued when an earlier one's files were taken: a
slow reader holds up the server, not the memory.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from runferry.agent import wire
from runferry.model import Content, Problem, Version
from runferry.remote.base import SMALL_FILE
from runferry.remote.parts import check_version
from runferry.remote.paths import believe_problem

FILES = 512
"""Files per request."""

BUDGET = 4 * 1024 * 1024
"""Bytes after which a request ends early; the rest of its files is asked for again."""

UNDER_WAY = 4
"""Requests under way at once per call."""


@dataclass(frozen=True, slots=True)
class Batch:
    """The paths of one request."""

    paths: tuple[str, ...]


class Batches:
    """Hands out batches of ``paths`` and takes back what a request left over."""

    def __init__(self, paths: Sequence[str]) -> None:
        self._todo = deque(Batch(tuple(paths[start : start + FILES])) for start in range(0, len(paths), FILES))

    def next(self) -> Batch | None:
        """Return the paths to ask for next, or None for the moment."""
        return self._todo.popleft() if self._todo else None

    def give_back(self, batch: Batch, done: int) -> None:
        """Take note that only the first ``done`` paths of a batch were answered; raise Violation where none was."""
        if not 0 < done <= len(batch.paths):
            raise wire.Violation("a request for files was not answered")
        if done < len(batch.paths):
            self._todo.appendleft(Batch(batch.paths[done:]))


def read_records(data: bytes, paths: Sequence[str], start: int) -> list[Content | Problem]:
    """Return what a RECORDS frame says of ``paths[start:]``, in order; raise Violation where it says something else."""
    end, head = len(data), wire.RECORD.size
    if end < wire.CLOCK.size:
        raise wire.Violation("malformed records")
    (clock,) = wire.CLOCK.unpack_from(data)
    at, index = wire.CLOCK.size, start
    answers: list[Content | Problem] = []
    while at < end:
        if end - at < head or index >= len(paths):
            raise wire.Violation("malformed records")
        number, state, size, mtime, ctime, inode, device, length = wire.RECORD.unpack_from(data, at)
        at += head
        if number != index or state > wire.PROBLEM or length > end - at or length > SMALL_FILE + 1:
            raise wire.Violation("malformed records")
        content = data[at : at + length]
        at += length
        if state == wire.PROBLEM:
            answers.append(_read_problem(paths[index], content))
        else:
            version = check_version(Version(size, mtime, ctime, inode, device))
            answers.append(Content(paths[index], content, version, state == wire.STABLE and size == length, clock))
        index += 1
    return answers


def _read_problem(path: str, text: bytes) -> Problem:
    code, _, message = text.decode("utf-8", "replace").partition("\0")
    return believe_problem(path, code, message)
