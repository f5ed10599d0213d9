"""What the cache endpoints answer and take."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from runferry.api.answers import Answer, MessageAnswer

LARGEST = 2**53
RunField = Annotated[str, Field(max_length=1000, description="A run's `id`, or its unique `key`.")]
PathsField = Annotated[
    list[Annotated[str, Field(max_length=4096)]],
    Field(max_length=10_000, description="Files or directories, relative to the run's directory. None: the whole run."),
]


class CacheBody(BaseModel):
    """A run, or some paths of it."""

    model_config = ConfigDict(
        json_schema_extra={"example": {"run": "gpu1/20260101_120000_a1b2c3", "paths": ["checkpoints"]}}
    )

    run: RunField
    paths: PathsField = []


class CacheQuery(BaseModel):
    """The query of the cache: how many of its files to list."""

    limit: Annotated[
        int, Field(ge=0, le=100_000, description="The most entries to list, the longest unused first.")
    ] = 0
    offset: Annotated[int, Field(ge=0, le=LARGEST)] = 0


class CachedFileAnswer(Answer):
    server: str
    path: Annotated[str, Field(description="Absolute, on the server.")]
    size: int
    used_at: float
    pinned: Annotated[bool, Field(description="It, or a directory it lies in.")]
    gone: Annotated[bool, Field(description="The server has it no more: this is its last copy, and it stays.")]


class CacheAnswer(Answer):
    """How full the cache of files fetched on demand is. What mirrors hold, and metadata, is no part of it."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "limit_bytes": 10737418240,
                "used_bytes": 204857600,
                "reserve_bytes": 1073741824,
                "free_bytes": 53687091200,
                "files": 12,
                "pinned_bytes": 0,
                "trash_files": 0,
                "trash_bytes": 0,
                "entries": [],
            }
        }
    )

    limit_bytes: int
    used_bytes: Annotated[int, Field(description="With what is under way.")]
    reserve_bytes: Annotated[int, Field(description="What stays free on the disk.")]
    free_bytes: Annotated[int, Field(description="What is free on the disk.")]
    files: int
    pinned_bytes: int
    trash_files: int
    trash_bytes: Annotated[int, Field(description="No part of the cache: what left the local copies for good reasons.")]
    entries: list[CachedFileAnswer]


class EvictedAnswer(MessageAnswer):
    """What left. ``kept_files`` stayed: pinned, in use, or their last copy."""

    evicted_files: int
    freed_bytes: int
    kept_files: int


class EmptiedTrashAnswer(MessageAnswer):
    removed_files: int
    freed_bytes: int
