"""The contract of a ``Remote``: a directory tree somewhere, read-only. Implementations never write to it.

Every implementation passes ``tests/contracts/test_remote_contract.py``. In prose:

- **Read-only.** No call creates, changes or removes anything on the other side, times of last access excepted where
  the filesystem insists.
- **Roots and paths.** ``root`` is absolute, as ``resolve`` gave it. ``path`` is relative to it (see ``model``).
  A path with an empty, ``.`` or ``..`` part is refused with ``InvalidRequest`` before anything is sent.
- **Links** are reported, never followed: opening a path whose last part is a symbolic link gives a ``Problem``.
- **One file's trouble is a value.** Calls about files answer a ``Problem`` for the file; other files are not affected.
  An exception means that the call as a whole, or the link, is broken: ``ConnectionLost`` (ask again on a new
  link), ``RemoteFailed`` (the other side misbehaved), ``NotFound`` / ``AccessDenied`` / ``NotADirectory`` (of the
  root or of the path browsed).
- **Names.** A name that is not UTF-8, longer than 255 bytes, holds a backslash, a NUL or a drive prefix, or lies deeper
  than 64 levels is a ``Problem`` with an escaped, printable path. It never becomes an ``Entry``.
- **Versions are honest.** A ``Chunk`` or ``Content`` whose ``stable`` is true was read between two equal fstats.
- **Priorities.** Calls run at once; under load lower ``Priority`` values are served first. A bulk read in flight
  delays a more urgent answer by no more than what is already on the wire.
- **Concurrency.** Any number of calls may be under way. Cancelling one frees its resources and disturbs no other.
- **close()** is idempotent; calls under way end with ``ConnectionLost``. The other side's helper process ends too.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from runferry.model import (
    Change,
    Chunk,
    Content,
    Digest,
    Entry,
    Kind,
    Problem,
    ProcessQuestion,
    ProcessState,
    ServerInfo,
    Snapshot,
)

SMALL_FILE = 256 * 1024
"""Files up to this many bytes are read whole, many per request."""

CHUNK = 1024 * 1024
"""The most bytes one ``read`` may ask for."""


class Priority(IntEnum):
    """What goes first on a crowded link."""

    METADATA = 0
    TAIL = 1
    SMALL = 2
    BULK = 3


@dataclass(frozen=True, slots=True)
class BrowseEntry:
    """One item of a listed directory: ``kind`` follows links, ``size`` is 0 for directories, ``mtime`` in seconds."""

    name: str
    path: str
    kind: Kind
    size: int
    mtime: int
    is_link: bool = False
    children: tuple[BrowseEntry, ...] | None = None


class Remote(Protocol):
    """See the module's docstring for what every implementation promises."""

    @property
    def info(self) -> ServerInfo:
        """What the server offers and why this transport was chosen."""
        ...

    async def resolve(self, path: str, *, follow_every: float | None = None) -> str:
        """Return ``path`` absolute and free of links; ``~``, ``""`` and relative paths start at the home directory.

        ``follow_every``: the interval at which the root is followed next. Its tree may then be asked for along with it,
        where it looks resolved: a round trip less. It is told to nobody but who follows that very root.
        Raises NotFound, AccessDenied, NotADirectory (``path`` must be a directory that may be read).
        """
        ...

    async def list_directory(self, path: str, *, depth: int = 1) -> Sequence[BrowseEntry]:
        """List ``path`` (as ``resolve`` takes it) for browsing: unsorted, links followed for their type.

        With ``depth`` 2 each directory carries its own ``children``; one that cannot be read has none.
        Raises NotFound, AccessDenied, NotADirectory.
        """
        ...

    async def scan(self, root: str) -> Snapshot:
        """Walk the whole tree once. A directory that cannot be read is a problem, and so are bad names."""
        ...

    def follow(self, root: str, *, interval: float) -> AsyncGenerator[Change, None]:
        """Yield the whole tree once (``complete``), then every difference, as soon as it is noticed.

        Before the whole tree may come parts of it (``is_part``), so that nobody waits for the end of a long look.
        ``interval`` (seconds) bounds how long a change of a recently active file may stay unnoticed where no
        notification works. Nothing crosses the wire while nothing differs. Ends only by an exception or when closed.
        Raises NotFound, AccessDenied, NotADirectory when ``root`` is not (or no longer) a readable directory.
        """
        ...

    async def read(
        self, root: str, path: str, *, offset: int, length: int, priority: Priority, check: bool = False
    ) -> Chunk | Problem:
        """Read up to ``length`` (<= CHUNK) bytes at ``offset``; fewer, or none, at the end of the file."""
        ...

    def read_many(
        self, root: str, paths: Sequence[str], *, priority: Priority
    ) -> AsyncIterator[Sequence[Content | Problem]]:
        """Read whole small files, yielding batches in any order until each path has had its answer.

        A file that has grown over SMALL_FILE is answered with a ``Problem`` of code CHANGING.
        """
        ...

    async def digest(self, root: str, path: str, *, length: int) -> Digest | Problem:
        """Hash the first ``length`` bytes (fewer if the file is shorter: ``Digest.length`` tells)."""
        ...

    async def stat(self, root: str, paths: Sequence[str]) -> Sequence[Entry | Problem]:
        """Look at single paths, in the given order. A missing one is a Problem of code VANISHED."""
        ...

    async def processes(self, questions: Sequence[ProcessQuestion]) -> Sequence[ProcessState]:
        """Say of each process, in order, whether it is alive on the server; UNKNOWN where it cannot be told."""
        ...

    async def ping(self) -> float:
        """Return the round trip in seconds."""
        ...

    async def close(self) -> None: ...
