"""What the download endpoints answer and take."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from runferry.api.answers import Answer, OkAnswer

SHOWN_ITEMS = 1000

DownloadState = Literal["queued", "running", "done", "failed", "cancelled"]


class DownloadBody(BaseModel):
    """Files of a run, or those of an artifact's version."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {"run": "gpu1/20260101_120000_a1b2c3", "paths": ["logs.txt", "checkpoints/", "*.pt"]}
        }
    )

    run: Annotated[str | None, Field(max_length=1000, description="A run's `id`, or its unique `key`.")] = None
    paths: Annotated[
        list[Annotated[str, Field(max_length=4096)]],
        Field(
            max_length=10_000,
            description="Files, directories or gitignore patterns, relative to the run's directory. None: all of it.",
        ),
    ] = []
    artifact: Annotated[str | None, Field(max_length=1000, description="An artifact's name.")] = None
    version: Annotated[int | None, Field(ge=0, le=2**31, description="Its version; the latest without it.")] = None
    type: Annotated[str | None, Field(max_length=500)] = None
    server: Annotated[str | None, Field(max_length=500)] = None
    root: Annotated[str | None, Field(max_length=4096)] = None


class DownloadItemAnswer(Answer):
    path: str
    size: int
    state: DownloadState
    error: str | None = None


class DownloadAnswer(Answer):
    """A download as of now."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "id": "9f86d081884c7d65",
                "state": "running",
                "run": "gpu1/20260101_120000_a1b2c3",
                "paths": ["model.pt"],
                "files_done": 0,
                "files_total": 1,
                "files_failed": 0,
                "bytes_done": 104857600,
                "bytes_total": 204857600,
                "bytes_per_second": 52428800.0,
                "eta_seconds": 1.9,
                "current_file": "model.pt",
                "waiting_for": None,
                "error": None,
                "created_at": 1767268800.25,
                "ended_at": None,
                "items": [{"path": "model.pt", "size": 204857600, "state": "running", "error": None}],
            }
        }
    )

    id: str
    state: DownloadState
    run: str | None = None
    paths: list[str]
    artifact: str | None = None
    version: int | None = None
    files_done: int
    files_total: int
    files_failed: int
    bytes_done: int
    bytes_total: int
    bytes_per_second: float
    eta_seconds: float | None
    current_file: str | None
    waiting_for: Annotated[str | None, Field(description="Why nothing comes at this moment, such as a lost link.")]
    error: str | None
    created_at: float
    ended_at: float | None
    items: Annotated[
        list[DownloadItemAnswer],
        Field(description=f"The first {SHOWN_ITEMS} files; none in lists, and none that ended before a restart."),
    ]


class DownloadsAnswer(Answer):
    """All downloads, the newest first."""

    downloads: list[DownloadAnswer]


class CancelAnswer(OkAnswer):
    """``state`` as it is now."""

    id: str
    state: DownloadState
    message: str
