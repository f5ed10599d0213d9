"""The shapes of the recycle bin: what is asked and what is answered. Values only."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from runferry.api.answers import Answer, OkAnswer
from runferry.api.schemas import Body

RunIds = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=1000)]],
    Field(min_length=1, max_length=100, description="Each a run's `id`, or its unique `key`.", examples=[["gpu1/r1"]]),
]


class RunIdsBody(Body):
    run_ids: RunIds


class EmptyBody(Body):
    model_config = ConfigDict(json_schema_extra={"example": {"confirm": True}})

    confirm: Annotated[bool, Field(description="Must be true: what is emptied does not come back.")] = False


class RunOutcome(Answer):
    success: bool
    error: Annotated[str | None, Field(description="Why nothing was done.")] = None


class DeletedAnswer(OkAnswer):
    deleted_count: int
    results: Annotated[dict[str, RunOutcome], Field(description="By what was given in `run_ids`.")]
    message: str


class RestoredAnswer(OkAnswer):
    restored_count: int
    results: dict[str, RunOutcome]
    message: str


class DeletedRun(Answer):
    """A run in the bin. `origin` is `server` where it was deleted there: then `note` says why it is restored there."""

    id: str
    key: str
    server: str
    project: str
    name: str
    created_time: float | None
    deleted_at: float
    original_status: str
    run_dir: str
    remote_dir: str
    origin: Literal["local", "server"]
    can_restore: bool
    note: str | None


class BinAnswer(Answer):
    deleted_runs: Annotated[list[DeletedRun], Field(description="The latest first.")]


class EmptiedAnswer(OkAnswer):
    permanently_deleted: int
    freed_bytes: int
    message: str
