"""The shapes of the legacy API's answers. Values only."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from runferry.api.answers import Answer, DirectoryItem, OkAnswer


class SessionAnswer(OkAnswer):
    session_id: str


class LegacySession(Answer):
    id: str
    host: str
    port: int
    username: str
    connected: bool


class SessionsAnswer(Answer):
    sessions: list[LegacySession]


class LegacyListingAnswer(Answer):
    items: list[DirectoryItem]


class MirrorStats(Answer):
    copied_files: int
    appended_bytes: int
    scans: int
    started_at: float | None
    last_error: str | None


class MirrorTask(Answer):
    id: str
    session_id: str
    remote_root: str
    local_root: str
    interval: float
    stats: MirrorStats


class MirrorStartAnswer(OkAnswer):
    task: MirrorTask


class ListedMirrorTask(MirrorTask):
    host: str
    alive: bool


class MirrorsAnswer(Answer):
    mirrors: list[ListedMirrorTask]
    storage: Annotated[str, Field(description="The data directory on this machine.")]
