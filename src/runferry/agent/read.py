"""The bytes of regular files: ranges, whole small files, hashes. It opens read-only, follows no link, keeps
nothing open.

Errors are OSError; ``scan.explain`` turns them into a file's problem. ``Refused`` is a problem that is no
error.
"""

import os
import stat
from typing import Callable, Tuple

from .hashing import hash_bytes, start_hash
from .scan import Problem, hold_time

SMALL_FILE = 256 * 1024
TAIL = 4096
_FLAGS = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
BLOCK = 1024 * 1024

Version = Tuple[int, int, int, int, int]


class Refused(Exception):
    """A file that is not read, with the problem that says why."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem[1])
        self.problem = problem


def head_length(offset: int) -> int:
    """Return how many bytes from the start of a file are hashed to check its content before ``offset``."""
    return offset if offset <= SMALL_FILE else TAIL


def version(status: os.stat_result) -> Version:
    """Return (size, mtime_ns, ctime_ns, inode, device)."""
    return status.st_size, hold_time(status.st_mtime_ns), hold_time(status.st_ctime_ns), status.st_ino, status.st_dev


def open_file(path: bytes) -> Tuple[int, os.stat_result]:
    """Open a regular file and return (descriptor, fstat); raise Refused for anything else, OSError."""
    descriptor = os.open(path, _FLAGS)
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        os.close(descriptor)
        raise Refused(("special", "It is not a regular file: it is never opened."))
    return descriptor, status


def read_exactly(descriptor: int, length: int, offset: int) -> bytes:
    """Read ``length`` bytes, fewer only at the end of the file."""
    data = os.pread(descriptor, length, offset)
    if len(data) == length or not data:
        return data
    parts = [data]
    got = len(data)
    while got < length:
        data = os.pread(descriptor, length - got, offset + got)
        if not data:
            break
        parts.append(data)
        got += len(data)
    return b"".join(parts)


def read_range(path: bytes, offset: int, length: int, check: bool) -> Tuple[bytes, Version, bool, bytes, bytes]:
    """Return (data, version after, stable, head hash, tail hash); the hashes are empty unless ``check`` asks
    for them.
    """
    descriptor, before = open_file(path)
    try:
        head = tail = b""
        if check and before.st_size >= offset:
            size = head_length(offset)
            first = read_exactly(descriptor, size, 0)
            reach = min(TAIL, offset)
            last = first[offset - reach :] if size == offset else read_exactly(descriptor, reach, offset - reach)
            if len(first) == size and len(last) == reach:
                head, tail = hash_bytes(first), hash_bytes(last)
        data = read_exactly(descriptor, length, offset)
        after = version(os.fstat(descriptor))
    finally:
        os.close(descriptor)
    return data, after, after == version(before), head, tail


def read_small(path: bytes) -> Tuple[bytes, Version, bool]:
    """Return (data, version after, stable) of a whole small file; raise Refused when it grew too large."""
    descriptor, before = open_file(path)
    try:
        size = before.st_size
        if size > SMALL_FILE:
            raise Refused(("changing", "It has grown while it was read."))
        data = os.read(descriptor, size + 1)
        if len(data) < size:
            data = read_exactly(descriptor, size + 1, 0)
        after = os.fstat(descriptor)
    finally:
        os.close(descriptor)
    seen = version(after)
    return data, seen, len(data) == after.st_size and seen == version(before)


def digest_start(path: bytes, length: int, go_on: Callable[[], bool]) -> Tuple[int, bytes, Version]:
    """Hash the first ``length`` bytes and return (bytes hashed, blake2b-128, version after).

    ``go_on`` is asked between blocks; when it says no, Refused is raised.
    """
    descriptor, _ = open_file(path)
    try:
        state = start_hash()
        done = 0
        while done < length:
            data = os.pread(descriptor, min(BLOCK, length - done), done)
            if not data:
                break
            state.update(data)
            done += len(data)
            if not go_on():
                raise Refused(("changing", "Nobody waits for its hash any more."))
        after = version(os.fstat(descriptor))
    finally:
        os.close(descriptor)
    return done, state.digest(), after
