"""What the file endpoints answer and take."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from runferry.api.answers import Answer

LARGEST = 2**53

Local = Annotated[
    Literal["full", "partial", "none"],
    Field(description="How much of what the server has is here; of a directory, of the files below it."),
]


class FilesQuery(BaseModel):
    """The query of a listing."""

    prefix: Annotated[str, Field(max_length=4096, description="A directory, relative to the run's.")] = ""
    depth: Annotated[
        int,
        Field(ge=0, le=1, description="0: all files below, as a flat list. 1: one level, directories with totals."),
    ] = 0
    limit: Annotated[int, Field(ge=1, le=200_000, description="The most entries to answer.")] = 10_000
    offset: Annotated[int, Field(ge=0, le=LARGEST)] = 0


class FileProblem(Answer):
    code: str
    message: str


class FileAnswer(Answer):
    """One path, relative to the run's directory. Of a directory the counts are of all that lies below."""

    path: str
    size: int
    mtime: Annotated[float, Field(description="Seconds since the epoch, by the server's clock.")]
    kind: Literal["file", "dir", "link", "other"]
    local: Local
    is_link: bool = False
    gone_at: Annotated[float | None, Field(description="Since when it is gone from the server; kept here.")] = None
    problem: FileProblem | None = None
    files: int | None = None
    bytes: int | None = None
    held_bytes: int | None = None


class FilesAnswer(Answer):
    """A page of a run's files, sorted by path."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "run": "gpu1/20260101_120000_a1b2c3",
                "root": "/data/runicorn/cv/yolo/runs/20260101_120000_a1b2c3",
                "total_files": 7,
                "total_bytes": 204_857_600,
                "held_bytes": 5_120,
                "count": 1,
                "files": [
                    {
                        "path": "model.pt",
                        "size": 204_800_000,
                        "mtime": 1767268800.25,
                        "kind": "file",
                        "local": "none",
                        "is_link": False,
                    }
                ],
            }
        }
    )

    run: str
    root: Annotated[str, Field(description="The run's directory on the server.")]
    total_files: Annotated[int, Field(description="Of the whole run, whatever was asked for.")]
    total_bytes: int
    held_bytes: int
    count: Annotated[int, Field(description="Entries on all pages of this listing.")]
    files: list[FileAnswer]
