"""An SSH server whose agent lies: it speaks the protocol, and answers what a test tells it to. In the test's loop."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import asyncssh

from runferry.agent import wire
from runferry.agent.hello import marker
from tests.support.lying_server import LyingServer

Row = list[Any]
CLOCK = 1_700_000_100_000_000_000
OLD = 1_700_000_000_000_000_000


def row(name: str, size: int, *, kind: int = 0, inode: int = 7) -> Row:
    """Return a row of a listing, of a file last changed long before the server's clock."""
    return [name, kind, size, OLD, OLD, inode, 1, 1]


class Talk:
    """One agent's channel, seen from the server."""

    def __init__(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        self._process = process

    async def say(self, kind: int, number: int, body: object) -> None:
        await self.say_bytes(wire.pack(kind, number, body))

    async def say_raw(self, kind: int, number: int, payload: bytes) -> None:
        await self.say_bytes(wire.HEADER.pack(kind, number, len(payload)) + payload)

    async def say_bytes(self, data: bytes) -> None:
        self._process.stdout.write(data)
        await self._process.stdout.drain()
        await asyncio.sleep(0)  # whoever is lied to lives in the same loop, and the window is wide


Lie = Callable[[Talk, int, dict[str, Any]], Awaitable[None]]


class Liar(LyingServer):
    """Answers honestly of an empty root, but where ``lies`` has something else for a kind of request.

    ``rows`` are listed, by directory; ``contents`` are what reads give, whatever the listing says.
    """

    def __init__(self) -> None:
        super().__init__(process_factory=self._handle, encoding=None)
        self.rows: dict[str, list[Row]] = {}
        self.contents: dict[str, bytes] = {}
        self.lies: dict[int, Lie] = {}
        self.asked: list[int] = []

    async def list_to(self, talk: Talk, number: int, rows: Mapping[str, list[Row]], *, kind: int = wire.PART) -> None:
        """Tell a whole listing, in parts that fit their frames."""
        for directory, some in rows.items():
            for start in range(0, len(some), 1000):
                await talk.say(kind, number, {"e": [[directory, some[start : start + 1000]]]})
        await talk.say(kind, number, {"end": {"root": [1, 2], "clock": CLOCK, "complete": True}})

    async def _handle(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        talk = Talk(process)
        try:
            await talk.say_bytes(marker(await self._read_nonce(process)))
            await self._serve(process, talk)
        except (asyncio.IncompleteReadError, OSError, asyncssh.Error):
            pass
        process.close()

    async def _read_nonce(self, process: asyncssh.SSHServerProcess[bytes]) -> str:
        size = int(re.search(rb"read\((\d+)\)", (process.command or "").encode())[1])  # type: ignore[index]
        loader = await process.stdin.readexactly(size)
        await process.stdin.readexactly(int(re.search(rb"take\((\d+)\)\)", loader)[1]))  # type: ignore[index]
        self._nonce = re.search(rb"'nonce': '([0-9a-f]+)'", loader)[1].decode()  # type: ignore[index]
        return self._nonce

    async def _serve(self, process: asyncssh.SSHServerProcess[bytes], talk: Talk) -> None:
        hello = {"nonce": self._nonce, "version": wire.VERSION, "python": "3.9", "home": "/h", "hostname": "liar"}
        await talk.say(wire.HELLO, 0, hello)
        while True:
            header = await process.stdin.readexactly(wire.HEADER.size)
            kind, compressed, number, length = wire.unpack_header(header)
            body = wire.unpack(await process.stdin.readexactly(length), compressed)
            self.asked.append(kind)
            if kind in self.lies:
                await self.lies[kind](talk, number, body)
            else:
                await self._answer(talk, kind, number, body)

    async def _answer(self, talk: Talk, kind: int, number: int, body: dict[str, Any]) -> None:
        if kind == wire.FOLLOW:
            await self.list_to(talk, number, self.rows)
        elif kind == wire.SCAN:
            await self.list_to(talk, number, self.rows)
            await talk.say(wire.RESULT, number, {})
        elif kind == wire.RESOLVE:
            await talk.say(wire.RESULT, number, {"path": body["path"]})
        elif kind == wire.READ_MANY:
            await talk.say_raw(wire.RECORDS, number, self._records(body["paths"]))
            await talk.say(wire.RESULT, number, {})
        elif kind == wire.READ:
            await self._read(talk, number, body)
        elif kind == wire.PING:
            await talk.say(wire.RESULT, number, {})
        elif kind != wire.CANCEL:
            await talk.say(wire.ERROR, number, {"code": "io", "message": "no"})

    def _records(self, paths: list[str]) -> bytes:
        parts = [wire.CLOCK.pack(CLOCK)]
        for index, path in enumerate(paths):
            data = self.contents.get(path, b"")
            parts += [wire.RECORD.pack(index, wire.STABLE, len(data), OLD, OLD, 7, 1, len(data)), data]
        return b"".join(parts)

    async def _read(self, talk: Talk, number: int, body: dict[str, Any]) -> None:
        data = self.contents.get(body["path"], b"")
        some = data[body["offset"] : body["offset"] + body["length"]]
        if some:
            await talk.say_raw(wire.DATA, number, some)
        end = {"stable": True, "clock": CLOCK, "v": [len(data), OLD, OLD, 7, 1], "head": "", "tail": ""}
        await talk.say(wire.RESULT, number, end)
