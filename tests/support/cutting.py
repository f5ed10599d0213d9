"""Agents in processes of this machine, without SSH in between, whose output ends after as many bytes as a test says."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeVar, cast

import asyncssh

from runferry.agent import wire
from runferry.remote.base import Remote
from runferry.remote.channel import open_agent
from runferry.remote.frames import Frame, FrameDecoder

S = TypeVar("S", bound=asyncssh.SSHClientSession[bytes])


@dataclass(frozen=True, slots=True)
class Framing:
    """What crossed one channel: its frames, and after how many bytes the marker before them and each of them ended."""

    frames: list[Frame]
    ends: list[int]

    @property
    def content(self) -> int:
        """How many bytes of files, with their headers, came in whole frames."""
        return sum(frame.size for frame in self.frames if frame.kind in (wire.DATA, wire.RECORDS))


class Channel:
    """As much of an SSH channel as a session uses; what the agent says is kept in ``heard``."""

    def __init__(self, process: Process, session: asyncssh.SSHClientSession[bytes], cut_at: int | None) -> None:
        self._process = process
        self._session = session
        self._cut_at = cut_at
        self._is_closing = False
        self.heard = bytearray()
        self.task = asyncio.create_task(self._carry())

    def write(self, data: bytes) -> None:
        assert self._process.stdin is not None
        if not self._is_closing:
            self._process.stdin.write(data)

    def write_eof(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()

    def is_closing(self) -> bool:
        return self._is_closing

    def close(self) -> None:
        self._is_closing = True

    abort = close

    def framing(self) -> Framing:
        """Take apart what was heard."""
        whole = bytes(self.heard)
        mark = re.search(rb"\n--runferry-agent \w+--\n", whole)
        if mark is None:
            return Framing([], [])
        frames = list(FrameDecoder(mark[0]).feed(whole))
        sizes = [wire.HEADER.size + frame.size for frame in frames]
        return Framing(frames, list(itertools.accumulate(sizes, initial=mark.end())))

    async def _carry(self) -> None:
        assert self._process.stdout is not None
        error: Exception | None = None
        while data := await self._process.stdout.read(1 << 18):
            if self._cut_at is not None and len(self.heard) + len(data) >= self._cut_at:
                data, error = data[: self._cut_at - len(self.heard)], ConnectionResetError("cut")
            self.heard += data
            self._session.data_received(data, None)
            if error is not None:
                break
        self._is_closing = True
        if error is None:
            self._session.exit_status_received(await self._process.wait())
            self._session.connection_lost(None)
            return
        self._session.connection_lost(error)
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        while await self._process.stdout.read(1 << 18):
            pass  # a process counts as ended only when its output has been read
        await self._process.wait()


class CuttingCarrier:
    """Opens an agent per channel; the first one's output is cut after ``cut_at`` bytes (None: never)."""

    is_open = True

    def __init__(self, cut_at: int | None = None) -> None:
        self.cut_at = cut_at
        self.channels: list[Channel] = []

    async def open_channel(
        self, command: str, session_factory: Callable[[], S], *, window: int = 0
    ) -> tuple[asyncssh.SSHClientChannel[bytes], S]:
        process = await asyncio.create_subprocess_exec("/bin/sh", "-c", command, stdin=PIPE, stdout=PIPE)
        session = session_factory()
        channel = Channel(process, session, None if self.channels else self.cut_at)
        self.channels.append(channel)
        made = cast("asyncssh.SSHClientChannel[bytes]", channel)
        session.connection_made(made)
        return made, session

    async def start_sftp(self) -> asyncssh.SFTPClient:
        raise NotImplementedError

    async def open(self) -> Remote:
        """Return a remote over a channel of its own."""
        return await open_agent(self)

    async def close(self) -> None:
        """Wait until every agent has ended."""
        for channel in self.channels:
            channel.close()
        await asyncio.wait([channel.task for channel in self.channels], timeout=10)

    def framings(self) -> Iterator[Framing]:
        return (channel.framing() for channel in self.channels)
