"""The local copy of one remote root on disk: where files land, whole or not at all.

Every path from a server goes through ``LocalTree.locate``, the one containment check. Files land by staging on the
same volume and ``os.replace``; only appending writes in place, and only behind what is already there. Symbolic links
are never created, and never followed inside the tree. Everything here blocks.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from hashlib import blake2b
from itertools import count
from pathlib import Path
from typing import NamedTuple, Protocol

from xxhash import xxh3_128, xxh3_128_digest

from runferry.agent.read import head_length
from runferry.errors import DiskFailed, DiskFull, InvalidRequest, LocalCopyDamaged
from runferry.model import Problem, ProblemCode
from runferry.store.names import folds_names, is_folding, name_locally, name_remotely
from runferry.store.room import Room

DIGEST_SIZE = 16
TAIL = 4096
_PIECE = 1024 * 1024
_DEPTH = 64
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
_NO_PARTS = frozenset(("", ".", ".."))


class Landing(NamedTuple):
    """A whole file to land: its bytes, and the remote mtime it should show."""

    path: str
    data: bytes
    mtime_ns: int


class FilledUp(DiskFull):
    """No more than the first ``count`` of several files could land, but for those with ``problems``."""

    def __init__(self, message: str, count: int, problems: Sequence[Problem]) -> None:
        super().__init__(message)
        self.count = count
        self.problems = problems


class Disk(Protocol):
    """The calls by which files land, as ``os`` has them: what a failing disk fails in."""

    def open(self, path: str | Path, flags: int, mode: int = 0o777, /) -> int: ...
    def close(self, fd: int, /) -> None: ...
    def pwrite(self, fd: int, data: bytes | memoryview, offset: int, /) -> int: ...
    def ftruncate(self, fd: int, length: int, /) -> None: ...
    def utime(self, path: int | str, *, ns: tuple[int, int]) -> None: ...
    def mkdir(self, path: str, mode: int = 0o777, /) -> None: ...
    def scandir(self, path: str, /) -> AbstractContextManager[Iterator[os.DirEntry[str]]]: ...
    def replace(self, src: str, dst: str | Path, /) -> None: ...


def content_hash(data: bytes) -> bytes:
    """Return the xxh3-128 that the index keeps for landed bytes (fast; guards against torn disks, not people)."""
    return xxh3_128_digest(data)


def check_path(path: str) -> list[str]:
    """Split a remote path into parts; raise InvalidRequest for empty, ``.``, ``..``, NUL, backslash and drive parts."""
    parts = path.split("/")
    if len(parts) > _DEPTH:
        raise InvalidRequest(f"The path is deeper than {_DEPTH} levels: {path[:80]!r}")
    is_unsafe = "\\" in path or "\0" in path or not _NO_PARTS.isdisjoint(parts)
    if is_unsafe or (os.name == "nt" and any(part[1:2] == ":" for part in parts)):
        raise InvalidRequest(f"The path {path[:200]!r} cannot be held safely")
    return parts


def local_parts(root: Path, path: str) -> list[str]:
    """Return the parts of a remote path as they are called below the local ``root``. Raises as ``check_path`` does."""
    parts = check_path(path)
    return [name_locally(part) for part in parts] if is_folding(root) else parts


def probe_volume(staging: Path) -> bool:
    """Say whether the volume of ``staging`` folds names (see ``names``). Raises DiskFull, DiskFailed."""
    with _translating(os.fspath(staging)):
        return folds_names(staging)


class LocalTree:
    """One local copy below ``root``, with its ``staging`` directory on the same volume, of which ``reserve`` bytes
    stay free: what would reach into them is not written, and DiskFull says so.
    """

    def __init__(self, root: Path, staging: Path, disk: Disk = os, *, reserve: int = 0) -> None:
        self.root = root
        self.staging = staging
        self._disk = disk
        self._root = os.fspath(root)
        self._room = Room(staging, reserve)
        self._is_folding = is_folding(root)
        self._known_directories: set[str] = set()
        self._staged_prefix = f"{staging}/s{os.getpid()}-"
        self._numbers = count()
        self.displaced: list[str] = []  # what went to the trash to make way, until somebody takes it from here

    def open(self) -> None:
        """Create the directories; what was staged before stays (see ``sweep``)."""
        with _translating(self._root):
            self.root.mkdir(parents=True, exist_ok=True)
            self.staging.mkdir(parents=True, exist_ok=True)

    def sweep(self, wanted: frozenset[str]) -> None:
        """Remove staged files that nothing will continue."""
        with _translating(os.fspath(self.staging)):
            for leftover in self.staging.iterdir():
                if leftover.name not in wanted and leftover.name != "trash":
                    leftover.unlink(missing_ok=True)

    def locate(self, path: str) -> str:
        """Return the absolute local path for a remote one; the containment check of the whole program."""
        if self._is_folding:
            path = "/".join(local_parts(self.root, path))
        else:
            check_path(path)
        return f"{self._root}/{path}"

    def list_files(self) -> dict[str, tuple[int, int]]:
        """Return size and mtime (nanoseconds) of every regular file here, by its remote path.

        Raises DiskFailed where a directory cannot be listed: what is in it must not count as missing.
        """
        found: dict[str, tuple[int, int]] = {}
        waiting = [("", "")]
        while waiting:
            folder, remote = waiting.pop()
            gone = suppress(FileNotFoundError, NotADirectoryError)
            with _translating(folder or self._root), gone, self._disk.scandir(f"{self._root}/{folder}") as entries:
                for entry in entries:
                    name = name_remotely(entry.name) if self._is_folding else entry.name
                    if name is None:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append((f"{folder}{entry.name}/", f"{remote}{name}/"))
                    elif entry.is_file(follow_symlinks=False):
                        status = entry.stat(follow_symlinks=False)
                        found[remote + name] = status.st_size, status.st_mtime_ns
        return found

    def make_directory(self, path: str) -> None:
        """Make sure that ``path`` is a real directory; a file in its way goes to the trash."""
        with _translating(path):
            self._ensure_directory(self.locate(path))

    def land_many(self, landings: Sequence[Landing]) -> list[Problem]:
        """Land whole files, each atomically; return a problem for each that this machine cannot hold.

        Raises DiskFull: FilledUp where some of them are in place.
        """
        problems: list[Problem] = []
        with _translating(self._root):
            self._room.take(sum(len(landing.data) for landing in landings))
        for number, landing in enumerate(landings):
            try:
                self._land(landing)
            except (OSError, InvalidRequest) as error:
                if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
                    raise FilledUp(str(_disk_full(self._root)), number, problems) from error
                reason = error.strerror if isinstance(error, OSError) else str(error)
                message = f"cannot be stored on this machine: {reason}"
                problems.append(Problem(landing.path, ProblemCode.LOCAL, message))
        return problems

    def append(self, path: str, data: bytes, *, offset: int, mtime_ns: int) -> None:
        """Write ``data`` at ``offset``, which must be where the committed bytes end; later ones are cut off first.

        Raises LocalCopyDamaged when the local file is shorter than ``offset``, or gone; DiskFull and DiskFailed.
        """
        disk = self._disk
        with _translating(path):
            self._room.take(len(data))
            descriptor = disk.open(self.locate(path), os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
            try:
                size = os.fstat(descriptor).st_size
                if size < offset:
                    raise LocalCopyDamaged(f"The local copy of {path} is shorter than it was.")
                if size > offset:
                    disk.ftruncate(descriptor, offset)
                _write_all(disk, descriptor, data, offset)
                disk.utime(descriptor, ns=(mtime_ns, mtime_ns))
            finally:
                disk.close(descriptor)

    def truncate(self, path: str, length: int) -> None:
        """Cut what lies behind ``length``: bytes that were written but never committed."""
        with _translating(path):
            os.truncate(self.locate(path), length)

    def set_time(self, path: str, mtime_ns: int) -> None:
        """Let a file show another time, if that can be."""
        with suppress(OSError):
            os.utime(self.locate(path), ns=(mtime_ns, mtime_ns), follow_symlinks=False)

    def link(self, source: str, path: str, *, is_copy: bool, is_meant: Callable[[], bool] = lambda: True) -> bool:
        """Land the bytes of ``source`` as ``path`` too: as a second name of one file, or as a copy of its own.

        ``is_meant`` says whether those are the right bytes still, once they are taken; if not, nothing lands.
        """
        with _translating(path):
            origin, staged = self.locate(source), self._staged_name()
            try:
                if is_copy:
                    self._room.take(os.path.getsize(origin))
                    shutil.copy2(origin, staged, follow_symlinks=False)
                else:
                    os.link(origin, staged, follow_symlinks=False)
            except OSError:
                with _removing(staged):
                    shutil.copy2(origin, staged, follow_symlinks=False)
            if is_meant():
                self._replace(staged, self.locate(path))
                return True
            os.unlink(staged)
            return False

    def stage(self, name: str) -> StagedFile:
        """Open the staging file ``name``, keeping what it already holds; one that cannot be read is thrown away."""
        with _translating(name), _removing(f"{self.staging}/{name}"):
            return StagedFile(self.staging / name, self._room, self._disk)

    def land_staged(self, name: str, path: str, *, mtime_ns: int) -> None:
        """Swap a finished staging file in."""
        with _translating(path):
            staged = os.fspath(self.staging / name)
            self._disk.utime(staged, ns=(mtime_ns, mtime_ns))
            self._replace(staged, self.locate(path))

    def discard_many(self, paths: Sequence[str]) -> list[Problem]:
        """Move files to the trash, out of the tree; return a problem for each that cannot be moved."""
        problems = []
        for path in paths:
            try:
                self._displace(self.locate(path))
            except OSError as error:
                message = f"cannot be moved to the trash: {error.strerror}"
                problems.append(Problem(path, ProblemCode.LOCAL, message))
        return problems

    def find_absent(self, paths: Sequence[str]) -> list[str]:
        """Return those of ``paths`` that are not on the disk."""
        return [path for path in paths if not os.path.lexists(self.locate(path))]

    def remove_empty(self, directories: Sequence[str]) -> None:
        """Remove those of ``directories`` that are empty, in this order."""
        for directory in directories:
            with suppress(OSError):
                os.rmdir(self.locate(directory))
        self._known_directories.clear()

    def hash_file(self, path: str) -> bytes:
        """Return the xxh3-128 of a landed file's bytes; empty when it cannot be read."""
        digest = xxh3_128()
        try:
            for piece in self._pieces(path, None):
                digest.update(piece)
        except OSError:
            return b""
        return digest.digest()

    def prefix_digest(self, path: str, length: int) -> bytes:
        """Return the blake2b-128 of the first ``length`` local bytes, as ``Remote.digest`` does of remote ones."""
        digest = blake2b(digest_size=DIGEST_SIZE)
        with _reading(path):
            for piece in self._pieces(path, length):
                digest.update(piece)
        return digest.digest()

    def window_digests(self, path: str | None, offset: int, pending: bytes = b"") -> tuple[bytes, bytes]:
        """Return head and tail digests for ``offset``, as ``Remote.read(check=True)`` has them.

        The bytes before ``offset`` are those of the local file (``path`` None: none) followed by ``pending``.
        """
        landed = offset - len(pending)
        head_size, tail_size = head_length(offset), min(TAIL, offset)
        with _reading(path or "staging"):
            head = self._range(path, 0, min(head_size, landed)) + pending[: max(0, head_size - landed)]
            tail_start = offset - tail_size
            tail = self._range(path, tail_start, landed) + pending[max(0, tail_start - landed) :]
        return _blake(head), _blake(tail)

    def _range(self, path: str | None, start: int, end: int) -> bytes:
        if path is None or end <= start:
            return b""
        descriptor = os.open(self.locate(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            return os.pread(descriptor, end - start, start)
        finally:
            os.close(descriptor)

    def _pieces(self, path: str, length: int | None) -> Iterator[bytes]:
        descriptor = os.open(self.locate(path), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            left = length
            while left is None or left > 0:
                piece = os.read(descriptor, _PIECE if left is None else min(_PIECE, left))
                if not piece:
                    return
                yield piece
                left = None if left is None else left - len(piece)
        finally:
            os.close(descriptor)

    def _land(self, landing: Landing) -> None:
        path, data, mtime_ns = landing
        target, staged, disk = self.locate(path), self._staged_name(), self._disk
        try:
            descriptor = disk.open(staged, _NEW, 0o644)
            try:
                _write_all(disk, descriptor, data, 0)
                disk.utime(descriptor, ns=(mtime_ns, mtime_ns))
            finally:
                disk.close(descriptor)
        except OSError:
            with suppress(OSError):
                os.unlink(staged)
            raise
        self._replace(staged, target)

    def _replace(self, staged: str, target: str) -> None:
        try:
            self._ensure_directory(target.rpartition("/")[0])
            try:
                self._disk.replace(staged, target)
            except (IsADirectoryError, NotADirectoryError, FileNotFoundError):
                self._known_directories.clear()
                self._ensure_directory(target.rpartition("/")[0])
                if os.path.isdir(target) and not os.path.islink(target):
                    self._displace(target)
                self._disk.replace(staged, target)
        except OSError:
            with suppress(OSError):
                os.unlink(staged)
            raise

    def _ensure_directory(self, directory: str) -> None:
        if directory in self._known_directories or directory == self._root:
            return
        self._ensure_directory(directory.rpartition("/")[0])
        try:
            self._disk.mkdir(directory, 0o755)
        except FileExistsError:
            if not stat.S_ISDIR(os.lstat(directory).st_mode):
                self._displace(directory)
                self._disk.mkdir(directory, 0o755)
        self._known_directories.add(directory)

    def _displace(self, target: str) -> None:
        """Move what is there to the trash."""
        place = self._find_place(target[len(self._root) + 1 :])
        with suppress(FileNotFoundError):
            os.replace(target, place)
            self.displaced.append(target[len(self._root) + 1 :])
        self._known_directories.clear()

    def _find_place(self, path: str) -> Path:
        """Return where in the trash ``path`` goes: below today, under the path it had, replacing nothing."""
        trash, today = self.staging / "trash", time.strftime("%Y-%m-%d")
        trash.mkdir(exist_ok=True)
        for number in count():
            place = trash / (f"{today}.{number}" if number else today) / path
            with suppress(FileExistsError, NotADirectoryError):  # what went before is where a directory must be
                place.parent.mkdir(parents=True, exist_ok=True)
                if not os.path.lexists(place):
                    return place
        raise AssertionError  # numbers do not end

    def _staged_name(self) -> str:
        return f"{self._staged_prefix}{next(self._numbers)}"


class StagedFile:
    """A big file under way, written from front to back; it hashes as it goes."""

    def __init__(self, path: Path, room: Room, disk: Disk = os) -> None:
        self._room = room
        self._disk = disk
        self._descriptor = disk.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        self._hash = xxh3_128()
        self.length = 0
        try:
            while piece := os.read(self._descriptor, _PIECE):
                self._hash.update(piece)
                self.length += len(piece)
        except OSError:
            self.close()
            raise

    @property
    def content_hash(self) -> bytes:
        return self._hash.digest()

    def add(self, pieces: Iterable[bytes]) -> None:
        """Write ``pieces`` behind what is there. Raises DiskFull, DiskFailed; ``length`` says how far it came."""
        for data in pieces:
            with _translating("staging"):
                self._room.take(len(data))
                _write_all(self._disk, self._descriptor, data, self.length)
            self._hash.update(data)
            self.length += len(data)

    def reset(self) -> None:
        """Throw the bytes away and begin again."""
        with _translating("staging"):
            self._disk.ftruncate(self._descriptor, 0)
        self._hash = xxh3_128()
        self.length = 0

    def prefix_digest(self, length: int) -> bytes:
        """Return the blake2b-128 of the first ``length`` staged bytes."""
        digest = blake2b(digest_size=DIGEST_SIZE)
        offset = 0
        while offset < length:
            with _reading("staging"):
                piece = os.pread(self._descriptor, min(_PIECE, length - offset), offset)
            if not piece:
                break
            digest.update(piece)
            offset += len(piece)
        return digest.digest()

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _blake(data: bytes) -> bytes:
    return blake2b(data, digest_size=DIGEST_SIZE).digest()


def _write_all(disk: Disk, descriptor: int, data: bytes, offset: int) -> None:
    left: bytes | memoryview = data
    while (written := disk.pwrite(descriptor, left, offset)) < len(left):
        left, offset = memoryview(left)[written:], offset + written


def _disk_full(where: str) -> DiskFull:
    return DiskFull(f"The local disk is full ({where}); free some space, and the sync goes on by itself.")


_MISSING = frozenset({errno.ENOENT, errno.ENOTDIR, errno.EISDIR, errno.ELOOP})
"""What the disk says where somebody else has changed the tree."""


@contextmanager
def _translating(what: str) -> Iterator[None]:
    """Tell a full disk, a changed tree, and a disk that does not do what it is asked to."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise _disk_full(what) from error
        if error.errno in _MISSING:
            raise _damaged(what, error) from error
        raise DiskFailed(f"{what} cannot be stored on this machine: {error.strerror}.") from error


@contextmanager
def _reading(what: str) -> Iterator[None]:
    """Of a local file that cannot be read nothing is known: it is fetched again."""
    try:
        yield
    except OSError as error:
        raise _damaged(what, error) from error


def _damaged(what: str, error: OSError) -> LocalCopyDamaged:
    return LocalCopyDamaged(f"The local copy of {what} cannot be used: {error.strerror}.")


@contextmanager
def _removing(staged: str) -> Iterator[None]:
    """Leave nothing half-made behind."""
    try:
        yield
    except OSError:
        with suppress(OSError):
            os.unlink(staged)
        raise
