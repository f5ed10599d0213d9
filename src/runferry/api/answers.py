"""The shapes of answers, as the API's description shows them. Values only; ``shapes.py`` fills them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Answer(BaseModel):
    """Fields that are absent where they say nothing are the ones with a default of null."""

    model_config = ConfigDict(frozen=True)


class ErrorAnswer(Answer):
    """Every error: one sentence a person can act on, and for some errors the fields they need."""

    model_config = ConfigDict(extra="allow", json_schema_extra={"example": {"detail": "Run not found"}})

    detail: str


class RateLimitAnswer(ErrorAnswer):
    model_config = ConfigDict(json_schema_extra={"example": {"detail": "Rate limit exceeded", "retry_after": 45}})

    retry_after: Annotated[int, Field(description="Seconds; also in the Retry-After header.")]


class OkAnswer(Answer):
    ok: bool


class MessageAnswer(OkAnswer):
    message: str


class ServerAnswer(Answer):
    os: str
    python: str
    hostname: str


class ConnectAnswer(MessageAnswer):
    status: Literal["connected"]
    host: str
    port: int
    username: str
    connection_id: str
    fingerprint: Annotated[str, Field(examples=["SHA256:2gqtV1mMO0ClCNbYv9zFz6sbGmYIqPzFUmXqOXM9vVk"])]
    host_key: Annotated[str, Field(description="known, or added: seen for the first time", examples=["known"])]
    transport: Annotated[str, Field(description="agent or sftp", examples=["agent"])]
    server: ServerAnswer


class ConnectionStatus(Answer):
    """`connected` is the truth as of the last keepalive; a lost link says `reconnecting` and why."""

    connected: bool
    host: str | None = None
    port: int | None = None
    username: str | None = None
    uptime_seconds: int | None = None
    reconnecting: bool | None = None
    last_error: str | None = None
    next_try_in_seconds: float | None = None


class ModeStatus(Answer):
    active: bool
    remote_root: str | None = None
    last_sync_at: float | None = None
    next_sync_at: float | None = None


class SmartModeStatus(ModeStatus):
    auto_sync: bool | None = None
    sync_interval_minutes: int | float | None = None


class MirrorModeStatus(ModeStatus):
    mirror_interval: float | None = None


class ProblemAnswer(Answer):
    path: str
    code: str
    message: str


class ProgressAnswer(Answer):
    state: str
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    bytes_per_second: float
    eta_seconds: float | None = None
    current_file: str | None = None
    problem_count: int
    problems: Annotated[list[ProblemAnswer], Field(description="The first 200.")]
    last_error: str | None = None


class SyncAnswer(ProgressAnswer):
    sync_id: int
    mode: Literal["smart", "mirror"]
    remote_root: str
    local_root: str
    auto_sync: bool
    interval_seconds: float
    copied_files: int
    copied_bytes: int
    appended_bytes: int
    scans: int
    started_at: float | None = None
    last_sync_at: float | None = None
    next_sync_at: float | None = None
    is_paused: Annotated[bool, Field(description="Rests until it is resumed.")] = False


class ConnectionAnswer(Answer):
    """The documented blocks for one connection, and what else is known of it."""

    connection_id: str
    state: Annotated[str, Field(description="connected, reconnecting, failed or waiting (for a login)")]
    server: str
    connection: ConnectionStatus
    smart_mode: SmartModeStatus
    mirror_mode: MirrorModeStatus
    cached_experiments: int
    cached_artifacts: int
    last_error: str | None = None
    fingerprint: str | None = None
    host_key: str | None = None
    transport: str | None = None
    transport_reason: str | None = None
    sent_bytes: Annotated[int, Field(description="Inside the SSH channels, before encryption.")] = 0
    received_bytes: int = 0
    syncs: list[SyncAnswer]


class StatusAnswer(Answer):
    connection: ConnectionStatus
    smart_mode: SmartModeStatus
    mirror_mode: MirrorModeStatus
    cached_experiments: int | None = None
    cached_artifacts: int | None = None
    sync_progress: Annotated[ProgressAnswer | None, Field(description="Of smart mode.")] = None
    mirror_progress: Annotated[ProgressAnswer | None, Field(description="Of mirror mode.")] = None
    connections: list[ConnectionAnswer] | None = None


class DemoAnswer(Answer):
    is_offered: bool
    server: Annotated[str | None, Field(description="The label of the simulated server, while the demo runs.")]


class DirectoryItem(Answer):
    name: str
    path: str
    type: Literal["dir", "file", "unknown"]
    size: int
    mtime: int
    is_link: bool
    children: list[DirectoryItem] | None = None


class ListingAnswer(OkAnswer):
    current_path: str
    items: list[DirectoryItem]
    total: int


class SmartConfig(Answer):
    remote_root: str
    auto_sync: bool
    sync_interval_minutes: int | float
    include: list[str] | None = None
    exclude: list[str] | None = None
    max_file_size: int | None = None
    delete: bool | None = None
    formats: list[str] | None = None


class MirrorConfig(Answer):
    remote_root: str
    mirror_interval: float
    include: list[str] | None = None
    exclude: list[str] | None = None
    max_file_size: int | None = None
    delete: bool | None = None
    formats: list[str] | None = None


class ConfigureAnswer(MessageAnswer):
    mode: Literal["smart", "mirror"]
    config: SmartConfig | MirrorConfig


class DeactivateAnswer(MessageAnswer):
    mode: Literal["smart", "mirror"]


class SyncNowAnswer(MessageAnswer):
    syncs: list[SyncAnswer]


class SyncProblems(Answer):
    sync_id: int
    connection_id: str
    mode: Literal["smart", "mirror"]
    remote_root: str
    problem_count: int
    problems: list[ProblemAnswer]


class ProblemsAnswer(Answer):
    syncs: list[SyncProblems]


class FreshnessAnswer(Answer):
    state: Literal["live", "synced", "stale", "offline"]
    as_of: float | None


class RunAnswer(Answer):
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
    freshness: FreshnessAnswer


class FileCounts(Answer):
    listed: int
    held: int
    bytes: int
    held_bytes: int


class RunDetailAnswer(RunAnswer):
    format_title: Annotated[str, Field(description="What people call what wrote the run.")]
    format_notes: Annotated[list[str], Field(description="What of it is not as one might think, in sentences.")]
    logs: Annotated[str | None, Field(description="Its path on this machine, if it is listed.")]
    metrics: str | None
    metrics_step: str | None
    summary: dict[str, Any]
    config: dict[str, Any]
    params: Annotated[dict[str, Any], Field(description="config, with nested names joined by dots.")]
    environment: dict[str, Any]
    tags: list[str]
    meta: dict[str, Any]
    assets: dict[str, Any]
    files: FileCounts


class HealthAnswer(Answer):
    status: Literal["ok"]
    version: str
    uptime_seconds: float


class DoctorStep(Answer):
    name: str
    ok: bool
    message: str


class DoctorAnswer(Answer):
    ok: bool
    target: str
    steps: list[DoctorStep]
    facts: dict[str, Any]
