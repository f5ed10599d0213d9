"""The shapes of answers about artifacts. Values only."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from runferry.api.answers import Answer, MessageAnswer


class ArtifactAnswer(Answer):
    """One artifact. Names may repeat: `server`, `type` and `root` (its storage root there) tell them apart."""

    name: str
    type: str
    server: str
    root: str
    num_versions: int
    latest_version: int
    size_bytes: Annotated[int, Field(description="Of the latest version.")]
    total_size_bytes: Annotated[int, Field(description="Of all versions, as if nothing were shared.")]
    created_at: float | None
    updated_at: float | None
    aliases: Annotated[
        dict[str, int],
        Field(description="Alias to version, as versions.json says; empty where that may not be read on the server."),
    ]


class VersionAnswer(Answer):
    version: int
    created_at: float | None
    created_by_run: str | None
    size_bytes: int
    num_files: int
    aliases: list[str]
    remote_dir: str


class VersionsAnswer(Answer):
    name: str
    type: str
    server: str
    root: str
    versions: Annotated[list[VersionAnswer], Field(description="The newest first.")]
    aliases: dict[str, int]


class VersionDetailsAnswer(VersionAnswer):
    """`metadata_is_here` false: metadata.json could not be read, and what only it tells is missing."""

    name: str
    type: str
    server: str
    root: str
    created_by_user: str | None
    updated_at: float | None
    num_references: int
    status: str | None
    metadata: dict[str, Any]
    description: str | None
    tags: list[str]
    parent_artifacts: list[Any]
    manifest_digest: str | None
    metadata_is_here: bool
    local_dir: Annotated[str | None, Field(description="On this machine; null where nothing of it is here.")]


class ArtifactFileAnswer(Answer):
    path: str
    size: int
    digest: Annotated[str | None, Field(examples=["sha256:2816597888e4a0d3a36b82b83316ab32680eb8f00f8cd3b904d681246d"])]
    modified_at: float | None
    absolute_path: Annotated[str | None, Field(description="On this machine; null where it is not here.")]
    is_remote: bool


class ReferenceAnswer(Answer):
    uri: str
    checksum: str | None
    size: int | None
    metadata: dict[str, Any]


class FilesAnswer(Answer):
    artifact: str
    version: int
    server: str
    files: list[ArtifactFileAnswer]
    references: list[ReferenceAnswer]
    total_size: int
    total_files: int
    total_references: int
    is_remote: Annotated[bool, Field(description="Not all of it is on this machine.")]
    is_complete: Annotated[bool, Field(description="False: the manifest is not at hand; this is the server's listing.")]


class NodeAnswer(Answer):
    node_type: Literal["artifact", "run"]
    node_id: str
    label: str
    metadata: dict[str, Any]


class EdgeAnswer(Answer):
    """`produces` leads from a run to an artifact; `uses` from an artifact to the run or artifact made with it."""

    source: str
    target: str
    edge_type: Literal["uses", "produces"]


class LineageAnswer(Answer):
    root_artifact: str
    nodes: list[NodeAnswer]
    edges: list[EdgeAnswer]
    is_whole: Annotated[bool, Field(description="False: it goes on beyond 2000 nodes.")]


class Counts(Answer):
    artifacts: int
    versions: int
    size_bytes: int


class StatsAnswer(Answer):
    total_artifacts: int
    total_versions: int
    total_size_bytes: int
    by_type: dict[str, Counts]
    by_server: dict[str, Counts]


class RunArtifactAnswer(Answer):
    """An artifact in a run's lists. `is_known` false: it was never stored, or is not in the index; then no version."""

    name: str
    type: str
    version: int | None
    server: str | None
    root: str | None
    is_known: bool
    size_bytes: int | None
    num_files: int | None
    created_at: float | None
    used_at: float | None
    uri: str | None
    item: Annotated[dict[str, Any], Field(description="As the tool wrote it.")]


class RunArtifactsAnswer(Answer):
    created: list[RunArtifactAnswer]
    used: list[RunArtifactAnswer]


class DeletedVersionAnswer(MessageAnswer):
    freed_bytes: int
