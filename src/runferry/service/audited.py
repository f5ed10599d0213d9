"""A link and a remote that write down what is asked through them. They change nothing of it."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from typing import TypeVar

import asyncssh

from runferry.model import (
    Change,
    Chunk,
    Content,
    Digest,
    Entry,
    Problem,
    ProcessQuestion,
    ProcessState,
    ServerInfo,
    Snapshot,
)
from runferry.remote.base import BrowseEntry, Priority, Remote
from runferry.remote.channel import WINDOW, Carrier
from runferry.service.audit import Audit

S = TypeVar("S", bound=asyncssh.SSHClientSession[bytes])


class AuditedLink:
    """Writes down the commands that are run on a link, and counts their bytes."""

    def __init__(self, link: Carrier, audit: Audit) -> None:
        self._link = link
        self._audit = audit

    @property
    def is_open(self) -> bool:
        return self._link.is_open

    async def open_channel(
        self, command: str, session_factory: Callable[[], S], *, window: int = WINDOW
    ) -> tuple[asyncssh.SSHClientChannel[bytes], S]:
        self._audit.note("command", command)
        traffic = self._audit.traffic

        def create() -> S:
            session = session_factory()
            receive = session.data_received

            def data_received(data: bytes, datatype: asyncssh.DataType) -> None:
                traffic.received += len(data)
                receive(data, datatype)

            session.data_received = data_received  # type: ignore[method-assign]
            return session

        channel, session = await self._link.open_channel(command, create, window=window)
        write = channel.write

        def counted(data: bytes, datatype: asyncssh.DataType = None) -> None:
            traffic.sent += len(data)
            write(data, datatype)

        channel.write = counted  # type: ignore[method-assign]
        return channel, session

    async def start_sftp(self) -> asyncssh.SFTPClient:
        self._audit.note("sftp", "SFTP session")
        return await self._link.start_sftp()


class AuditedRemote:
    """Writes down every request made of a remote. ``is_counting``: no channel counts its bytes (SFTP)."""

    def __init__(self, remote: Remote, audit: Audit, *, is_counting: bool) -> None:
        self._remote = remote
        self._audit = audit
        self._is_counting = is_counting

    @property
    def info(self) -> ServerInfo:
        return self._remote.info

    async def resolve(self, path: str, *, follow_every: float | None = None) -> str:
        self._audit.note("resolve", path if follow_every is None else f"{path}: and begin to list it all")
        return await self._remote.resolve(path, follow_every=follow_every)

    async def list_directory(self, path: str, *, depth: int = 1) -> Sequence[BrowseEntry]:
        self._audit.note("list", path)
        return await self._remote.list_directory(path, depth=depth)

    async def scan(self, root: str) -> Snapshot:
        self._audit.note("scan", root)
        return await self._remote.scan(root)

    async def follow(self, root: str, *, interval: float) -> AsyncGenerator[Change]:
        self._audit.note("follow", f"{root}: list it all, then tell what changes")
        changes = self._remote.follow(root, interval=interval)
        try:
            async for change in changes:
                self._audit.note("change", f"{root}: names, sizes and times of what changed")
                yield change
        finally:
            await changes.aclose()

    async def read(
        self, root: str, path: str, *, offset: int, length: int, priority: Priority, check: bool = False
    ) -> Chunk | Problem:
        answer = await self._remote.read(root, path, offset=offset, length=length, priority=priority, check=check)
        self._note_read(f"{root}/{path}", len(answer.data) if isinstance(answer, Chunk) else 0)
        return answer

    async def read_many(
        self, root: str, paths: Sequence[str], *, priority: Priority
    ) -> AsyncIterator[Sequence[Content | Problem]]:
        batches = self._remote.read_many(root, paths, priority=priority)
        try:
            async for batch in batches:
                for answer in batch:
                    if isinstance(answer, Content):
                        self._note_read(f"{root}/{answer.path}", len(answer.data))
                yield batch
        finally:
            if isinstance(batches, AsyncGenerator):
                await batches.aclose()

    async def digest(self, root: str, path: str, *, length: int) -> Digest | Problem:
        self._audit.note("hash", f"{root}/{path}")
        return await self._remote.digest(root, path, length=length)

    async def stat(self, root: str, paths: Sequence[str]) -> Sequence[Entry | Problem]:
        shown = paths[0] if len(paths) == 1 else f"{len(paths)} files"
        self._audit.note("look", f"{root}/{shown}")
        return await self._remote.stat(root, paths)

    async def processes(self, questions: Sequence[ProcessQuestion]) -> Sequence[ProcessState]:
        if questions:
            self._audit.note("processes", f"are they alive: {', '.join(str(one.pid) for one in questions[:20])}")
        return await self._remote.processes(questions)

    async def ping(self) -> float:
        return await self._remote.ping()

    async def close(self) -> None:
        await self._remote.close()

    def _note_read(self, path: str, size: int) -> None:
        self._audit.note("read", path, size=size)
        if self._is_counting:
            self._audit.traffic.received += size
