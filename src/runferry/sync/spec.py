"""What a sync is asked to do, and what it says about itself. Values only, no I/O."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from runferry.model import Entry
from runferry.sync.attention import Attention


class Mode(StrEnum):
    """Smart takes metadata at once and the rest on demand; mirror takes everything."""

    SMART = "smart"
    MIRROR = "mirror"


@dataclass(frozen=True, slots=True)
class SyncSpec:
    """One sync: a root on a server and how to keep it.

    ``interval`` is in seconds: the upper bound on staleness. With ``is_automatic`` False there is one sync at the
    start and then one per ``sync_now``. ``include`` and ``exclude`` are gitignore patterns.
    """

    sync_id: int
    mode: Mode
    remote_root: str
    interval: float
    is_automatic: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_file_size: int | None = None
    delete: bool = False


class SessionState(StrEnum):
    STARTING = "starting"
    SCANNING = "scanning"
    FETCHING = "fetching"
    WATCHING = "watching"  # in step with the server, following changes
    IDLE = "idle"  # not automatic: waits for sync_now
    RECONNECTING = "reconnecting"
    HALTED = "halted"  # in step, but a safety rule stopped deletions; everything else goes on
    FAILED = "failed"  # tried again by itself, unless a person must connect first
    STOPPED = "stopped"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a sync is. Counts are of the present round of work; ``copied_*`` are since the session began."""

    state: SessionState = SessionState.STARTING
    files_done: int = 0
    files_total: int = 0
    bytes_done: int = 0
    bytes_total: int = 0
    bytes_per_second: float = 0.0
    current_file: str | None = None
    problems: int = 0
    copied_files: int = 0
    copied_bytes: int = 0
    appended_bytes: int = 0
    scans: int = 0
    started_at: float | None = None
    last_sync_at: float | None = None
    next_sync_at: float | None = None
    last_error: str | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """What has just become true in the local copy and its index.

    ``changed`` are paths whose local bytes are new, or that are back with those they had; ``gone`` those no longer on
    the server, ``listed`` those newly listed (copied or not). ``listing`` is the whole listing as of now: read it at
    once, it goes on changing.
    """

    changed: frozenset[str]
    gone: frozenset[str]
    listed: frozenset[str]
    listing: Mapping[str, Entry]


class Wants(Protocol):
    """Says whether a listed file should be copied without being asked for."""

    def __call__(self, path: str, size: int) -> bool: ...


class SkipReason(Protocol):
    """Says why a listed file is never worth copying (a short phrase), or None. ``has`` tells of its neighbours."""

    def __call__(self, path: str, has: Callable[[str], bool]) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Hooks:
    """How a session tells its owner. ``on_progress`` is called at most about four times a second and must not block."""

    on_progress: Callable[[Progress], None]
    on_commit: Callable[[Commit], Awaitable[None]]
    attention: Attention = field(default_factory=Attention)
