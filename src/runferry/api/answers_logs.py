"""What the log endpoints answer and take."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

LARGEST = 2**53


class LogsQuery(BaseModel):
    """The query of a page of a log."""

    offset: Annotated[
        int, Field(ge=0, le=LARGEST, description="The first line to show, or to search; lines count from 0.")
    ] = 0
    limit: Annotated[int, Field(ge=1, le=10_000, description="The most lines to show.")] = 1000
    tail: Annotated[int | None, Field(ge=0, le=10_000, description="Show the last lines instead, so many of them.")] = (
        None
    )
    search: Annotated[
        str | None, Field(max_length=1000, description="Show only lines with this text in them. It is no pattern.")
    ] = None
    case: Annotated[bool, Field(description="Tell upper case from lower case in `search`.")] = False
    path: Annotated[
        str | None, Field(max_length=4096, description="Which log, where a run has several: one of `paths`.")
    ] = None


class LogLineAnswer(BaseModel):
    """One line. `number` is null where it is not known yet: the end of a large log, just opened."""

    number: int | None
    text: str


class LogPageAnswer(BaseModel):
    """Part of a log."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "run": "gpu1/20260101_120000_abc123",
                "path": "logs.txt",
                "paths": ["logs.txt"],
                "lines": [{"number": 0, "text": "12:00:00 | step 0 loss 0.69"}],
                "offset": 0,
                "next_offset": None,
                "total_lines": 1,
                "size_bytes": 28,
                "held_bytes": 28,
                "local": "full",
                "is_live": True,
                "cursor": "28-1f2e3d4c5b6a7988",
                "matches": None,
                "is_searched": False,
            }
        }
    )

    run: str
    path: str
    paths: list[str]
    lines: list[LogLineAnswer]
    offset: Annotated[int | None, Field(description="The number of the first line; null where it is not known yet.")]
    next_offset: Annotated[int | None, Field(description="The `offset` of the next page; null at the end.")]
    total_lines: Annotated[int | None, Field(description="Null until they are counted.")]
    size_bytes: Annotated[int, Field(description="On the server, as last listed.")]
    held_bytes: Annotated[int, Field(description="Here.")]
    local: Literal["full", "partial", "none"]
    is_live: Annotated[bool, Field(description="The run goes on and its server is connected: more lines may come.")]
    cursor: Annotated[str, Field(description="The place behind the last line, for `after` of the WebSocket.")]
    matches: Annotated[
        int | None, Field(description="How many lines from `offset` on have the text, as far as it was searched.")
    ]
    is_searched: Annotated[
        bool, Field(description="The search went on to the log's end, so `matches` counts them all.")
    ]
