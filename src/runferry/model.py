"""The frozen values every layer speaks. No behaviour beyond what a value can say about itself, no I/O.

Remote paths are ``str``, relative to a sync's root, ``/``-separated, without leading or trailing slash; the root
itself is ``""``. Times are what the *remote* clock said, in nanoseconds since the epoch, unless a name ends in
``_at``: those are seconds since the epoch by the clock of this machine.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple


class Kind(StrEnum):
    """What a directory entry is, without following links."""

    FILE = "file"
    DIR = "dir"
    LINK = "link"
    OTHER = "other"  # FIFO, socket, device: never opened


class Version(NamedTuple):
    """What identifies one version of a file's content on the server.

    Two equal versions are taken for the same bytes, unless the file was modified within two seconds of the remote
    clock when it was looked at (see ``sync.plan``). Where a transport cannot know a field (SFTP: ctime, inode,
    device, links) it is 0, and mtime has whole seconds.
    """

    # Tuples, this and Entry: of a large tree hundreds of thousands are made, and compared several times.

    size: int
    mtime_ns: int
    ctime_ns: int = 0
    inode: int = 0
    device: int = 0


class Entry(NamedTuple):
    """One name in a remote tree, as lstat saw it."""

    path: str
    kind: Kind
    version: Version
    links: int = 1
    target: str | None = None  # of a symbolic link, for display only

    @property
    def size(self) -> int:
        return self.version.size

    @property
    def inode_key(self) -> tuple[int, int] | None:
        """Return what two hard links to one file share, or None when it has one name only."""
        if self.links < 2 or not self.version.inode:
            return None
        return self.version.device, self.version.inode


class ProblemCode(StrEnum):
    """Why one file is not (or not freshly) in the local copy, or not shown."""

    DENIED = "denied"
    LINK = "link"  # symbolic links are recorded, never followed or created
    DANGLING = "dangling"  # a symbolic link that leads nowhere or in a circle
    NAME = "name"  # not UTF-8, or a name that cannot be held safely
    CHANGING = "changing"  # kept changing while it was read
    SPECIAL = "special"  # FIFO, socket, device
    TOO_LARGE = "too-large"
    SKIPPED = "skipped"  # never worth copying: locks, temporary files, live databases
    EXCLUDED = "excluded"  # by the user's patterns
    VANISHED = "vanished"
    IO = "io"
    LOCAL = "local"  # this machine could not store it
    HALTED = "halted"  # a safety rule stopped deletions
    DAMAGED = "damaged"  # it is here, and could not be understood, or not all of it


@dataclass(frozen=True, slots=True)
class Problem:
    """One file's trouble. The sync goes on; the user sees the list."""

    path: str
    code: ProblemCode
    message: str


@dataclass(frozen=True, slots=True)
class RootIdentity:
    """What tells that a root is still the same directory (an unmounted disk shows another one)."""

    device: int
    inode: int


NO_IDENTITY = RootIdentity(0, 0)
"""What SFTP tells of a root, and a change in which it is not looked at: nothing."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A whole remote tree at one time.

    ``clock_ns`` is the remote clock when the scan began, here and elsewhere: or the least it can have said then, where
    the server does not tell it; 0 where nothing is known.
    """

    root: RootIdentity
    entries: Mapping[str, Entry]
    problems: tuple[Problem, ...] = ()
    clock_ns: int = 0


@dataclass(frozen=True, slots=True)
class Change:
    """What differs from the snapshot (or change) before it.

    ``complete`` is True for the first of a ``follow``: it then holds the whole tree and replaces what was known.
    Changes before it have ``is_part``: what has been seen of the tree, each entry of which comes again with the whole.
    ``unsure`` lists directories (by path) that could not be read this time: their content counts as unchanged,
    never as deleted.
    """

    root: RootIdentity
    upserts: tuple[Entry, ...] = ()
    removed: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()
    unsure: tuple[str, ...] = ()
    clock_ns: int = 0
    complete: bool = False
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class Chunk:
    """A range of a file. ``version`` is fstat after the read; ``stable`` says that it equalled fstat before.

    With ``check``, ``head`` and ``tail`` are blake2b-128 digests of the file's first min(4096, offset) bytes and of
    the min(4096, offset) bytes before ``offset``; up to 256 KiB, ``head`` covers all bytes before ``offset``
    (see ``agent.read.head_length``). They are empty when the file is shorter than ``offset``.
    """

    data: bytes
    version: Version
    stable: bool
    clock_ns: int = 0
    head: bytes = b""
    tail: bytes = b""


class Content(NamedTuple):
    """One whole small file. ``version`` and ``stable`` as in ``Chunk``."""

    path: str
    data: bytes
    version: Version
    stable: bool
    clock_ns: int = 0


@dataclass(frozen=True, slots=True)
class Digest:
    """The blake2b-128 of a file's first ``length`` bytes and the version that was read."""

    length: int
    digest: bytes
    version: Version


@dataclass(frozen=True, slots=True)
class ProcessQuestion:
    """Is the process that wrote a run still there? ``started_before`` is seconds since the epoch (remote clock)."""

    pid: int
    hostname: str
    started_before: float


class Liveness(StrEnum):
    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"  # another host, no /proc, no permission to look


@dataclass(frozen=True, slots=True)
class ProcessState:
    """The answer to a ``ProcessQuestion``; ``evidence`` is a phrase such as "pid 4242 is alive on gpu1"."""

    pid: int
    liveness: Liveness
    evidence: str


@dataclass(frozen=True, slots=True)
class ServerInfo:
    """What a server offers and how it is reached; everything ``doctor`` shows. Empty string or 0: unknown."""

    transport: str  # "agent" | "sftp" | "local"
    reason: str = ""  # why this transport, in one sentence
    hostname: str = ""
    os: str = ""
    python: str = ""
    home: str = ""
    boot_id: str = ""
    filesystem: str = ""
    inotify_watches: int = 0
    precise_times: bool = True  # False: whole seconds only (SFTP)
    is_stopgap: bool = False  # a better transport was only slow to answer
    tried: tuple[str, ...] = ()  # what the bootstrap tried, in order, a sentence each


class RunStatus(StrEnum):
    """The statuses Runferry itself gives; a tool may write any other string, which is kept."""

    RUNNING = "running"
    FINISHED = "finished"
    FAILED = "failed"
    INTERRUPTED = "interrupted"
    UNVERIFIED = "unverified"


@dataclass(frozen=True, slots=True)
class Run:
    """One training run as its files tell it. ``path`` is the run's directory relative to the sync's root."""

    id: str
    path: str
    format: str
    project: str
    name: str
    created_at: float | None = None
    status: str = ""
    started_at: float | None = None
    ended_at: float | None = None
    exit_reason: str | None = None
    pid: int | None = None
    hostname: str = ""
    best_metric_value: float | None = None
    best_metric_name: str | None = None
    artifacts_created: int = 0
    artifacts_used: int = 0
    deleted_at: float | None = None  # soft-deleted on the server
    summary: Mapping[str, object] = field(default_factory=dict)
    meta: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, object] = field(default_factory=dict)
    assets: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ArtifactVersion:
    """One version of an artifact, as ``versions.json`` or a version's ``metadata.json`` tells it."""

    name: str
    type: str
    version: int
    path: str
    created_at: float | None = None
    size_bytes: int = 0
    num_files: int = 0
    created_by_run: str | None = None
    aliases: tuple[str, ...] = ()


class SeriesKind(StrEnum):
    """What the points of a series are; one metric may have one series of each kind."""

    NUMBER = "number"
    BOOLEAN = "boolean"  # 0.0 or 1.0
    TEXT = "text"


@dataclass(slots=True)
class SeriesColumn:
    """Points of one series in the order they were written: three columns of one length, filled by one reader.

    ``times`` are seconds since the epoch by the clock of the run's machine, NaN where it wrote none. ``values`` are
    numbers (NaN and the infinities are values), or strings for a text series.
    """

    steps: array[float]
    times: array[float]
    values: array[float] | list[str]

    def __len__(self) -> int:
        return len(self.steps)


SeriesColumns = Mapping[tuple[str, SeriesKind], SeriesColumn]
"""Columns by the metric's key, as its tool wrote it, and their kind."""


@dataclass(frozen=True, slots=True)
class MediaItem:
    """An image a run logged. ``path`` is as its tool wrote it: relative to the run's directory, and not trusted."""

    kind: str
    key: str
    path: str
    step: float | None = None
    time: float | None = None
    caption: str | None = None
