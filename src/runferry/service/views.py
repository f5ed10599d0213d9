"""What the service answers: frozen values without behaviour, which the doors (API, CLI) turn into their own shapes.

Times named ``*_at`` are seconds since the epoch by the clock of this machine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from runferry.model import Problem, ServerInfo
from runferry.remote.base import BrowseEntry
from runferry.service.records import SyncRecord
from runferry.sync.spec import Mode, Progress


@dataclass(frozen=True, slots=True)
class SyncView:
    """One active sync. ``problems`` holds the first 200 of ``problem_count``."""

    record: SyncRecord
    local_root: str
    progress: Progress
    problems: Sequence[Problem] = ()
    problem_count: int = 0
    is_alive: bool = True

    @property
    def mode(self) -> Mode:
        return self.record.mode

    @property
    def is_automatic(self) -> bool:
        return self.record.is_automatic

    @property
    def interval(self) -> float:
        return self.record.interval


@dataclass(frozen=True, slots=True)
class ConnectionView:
    """One connection: connected, reconnecting, failed (connect again), or waiting for the user since a restart."""

    id: str
    host: str
    port: int
    username: str
    state: str
    server: str
    uptime_seconds: int | None = None
    last_error: str | None = None
    next_try_in_seconds: float | None = None
    fingerprint: str | None = None
    host_key: str | None = None
    info: ServerInfo | None = None
    syncs: tuple[SyncView, ...] = ()
    cached_experiments: int = 0
    cached_artifacts: int = 0
    sent_bytes: int = 0
    received_bytes: int = 0

    @property
    def is_connected(self) -> bool:
        return self.state == "connected"

    def find_sync(self, mode: Mode) -> SyncView | None:
        """Return the sync of this mode that was configured last."""
        return next((sync for sync in reversed(self.syncs) if sync.mode is mode), None)


@dataclass(frozen=True, slots=True)
class StatusView:
    """Everything the status endpoint tells. ``current`` is None when nothing was ever connected or all is closed."""

    current: ConnectionView | None
    connections: tuple[ConnectionView, ...] = ()
    cached_experiments: int = 0
    cached_artifacts: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """A browsed directory: ``items`` sorted, directories first."""

    path: str
    items: Sequence[BrowseEntry]


@dataclass(frozen=True, slots=True)
class Freshness:
    """How fresh a run's local copy is: live (followed), synced, stale (behind, or in trouble) or offline."""

    state: str
    as_of: float | None


@dataclass(frozen=True, slots=True)
class RunView:
    """One run as listed. ``status`` is judged with what is known of its process; ``run_dir`` is the local directory."""

    id: str
    key: str
    run_dir: str
    remote_dir: str
    path: str
    server: str
    mode: str
    format: str
    project: str
    name: str
    status: str
    status_evidence: str | None
    created_time: float | None
    started_at: float | None
    ended_at: float | None
    duration_seconds: float | None
    exit_reason: str | None
    pid: int | None
    hostname: str
    best_metric_value: float | None
    best_metric_name: str | None
    artifacts_created_count: int
    artifacts_used_count: int
    gone_at: float | None
    deleted_at: float | None
    freshness: Freshness


@dataclass(frozen=True, slots=True)
class RunDetail:
    """One run with the documents its tool wrote. ``params`` is ``config`` with nested names joined by dots.

    ``format_title`` is what people call what wrote it, ``format_notes`` says what of that is not as one might think.
    """

    run: RunView
    format_title: str = ""
    format_notes: Sequence[str] = ()
    summary: Mapping[str, object] = field(default_factory=dict)
    meta: Mapping[str, object] = field(default_factory=dict)
    environment: Mapping[str, object] = field(default_factory=dict)
    assets: Mapping[str, object] = field(default_factory=dict)
    config: Mapping[str, object] = field(default_factory=dict)
    params: Mapping[str, object] = field(default_factory=dict)
    tags: Sequence[str] = ()
    files: Mapping[str, int] = field(default_factory=dict)
    logs: str | None = None
    metrics: str | None = None
    metrics_step: str | None = None
