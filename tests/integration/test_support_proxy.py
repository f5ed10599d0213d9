"""The proxy that other tests trust does what it says: late, slow, in pieces, swallowed, reset, cut at a byte."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import pairwise

import pytest
import uvloop
from tests.support.network import HOST, Proxy
from tests.support.relay import Way
from tests.support.waiting import eventually

WORDS = bytes(range(256)) * 400


@dataclass
class Ends:
    """Both ends of one relayed link: what the client has, and what the server got, as it came."""

    proxy: Proxy
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    answer: bytes = b""
    pieces: list[bytes] = field(default_factory=list)

    @property
    def got(self) -> bytes:
        return b"".join(self.pieces)


@asynccontextmanager
async def linked(*, first_words: bytes = b"") -> AsyncIterator[Ends]:
    """Open a link through a proxy to a server that keeps what it gets and says ``answer`` to every piece."""
    ends: list[Ends] = []
    served: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        served.append(writer)
        with suppress(ConnectionError):
            while data := await reader.read(65536):
                ends[0].pieces.append(data)
                writer.write(ends[0].answer)
        await end(writer)

    server = await asyncio.start_server(serve, HOST, 0)
    async with server, Proxy(server.sockets[0].getsockname()[1]) as proxy:
        reader, writer = await asyncio.open_connection(HOST, proxy.port)
        ends.append(Ends(proxy, reader, writer))
        writer.write(first_words)
        try:
            yield ends[0]
        finally:
            await end(writer)
            await eventually(lambda: all(one.is_closing() for one in served))


async def end(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


@pytest.mark.parametrize("factory", [asyncio.new_event_loop, uvloop.new_event_loop])
async def test_a_client_that_speaks_first_loses_nothing(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    async def speak() -> None:
        for _ in range(20):
            async with linked(first_words=b"SSH-2.0-me\r\n") as ends:
                await eventually(lambda got=ends: got.got == b"SSH-2.0-me\r\n", within=5)  # type: ignore[misc]

    def run() -> None:
        with asyncio.Runner(loop_factory=factory) as runner:
            runner.run(speak())

    await asyncio.to_thread(run)


async def test_delay_jitter_and_slices_change_when_bytes_come_and_not_which() -> None:
    async with linked() as ends:
        ends.proxy.up.delay, ends.proxy.up.jitter, ends.proxy.up.slice_size = 0.02, 0.03, 1000
        began = time.monotonic()
        for start in range(0, 20_000, 500):
            ends.writer.write(WORDS[start : start + 500])
        await eventually(lambda: ends.got == WORDS[:20_000], every=0.005)
        assert time.monotonic() - began > 0.02
        assert max(map(len, ends.pieces)) < 20_000, "it came in pieces"


async def test_a_slow_way_carries_as_much_a_second_as_it_says() -> None:
    async with linked() as ends:
        ends.proxy.up.bandwidth = 400_000
        began = time.monotonic()
        ends.writer.write(WORDS)
        await eventually(lambda: ends.got == WORDS, every=0.005)
        assert time.monotonic() - began > 0.8 * (len(WORDS) - 65536) / 400_000


async def test_a_black_hole_swallows_one_direction_and_leaves_the_link_open() -> None:
    async with linked() as ends:
        ends.answer = b"yes"
        ends.proxy.down.is_blackhole = True
        ends.writer.write(b"there?")
        await eventually(lambda: ends.got == b"there?")
        await eventually(lambda: ends.proxy.bytes_down == 3)
        ends.proxy.down.is_blackhole = False
        ends.writer.write(b"and now?")
        assert await ends.reader.readexactly(3) == b"yes"
        assert ends.proxy.down.carried == 3
        assert ends.proxy.links == 1


@pytest.mark.parametrize("cut_at", [0, 1, 1000, 65_536, 65_537])
async def test_a_link_ends_after_exactly_so_many_bytes(cut_at: int) -> None:
    async with linked() as ends:
        ends.proxy.up.cut_at = cut_at
        ends.writer.write(WORDS)
        await eventually(lambda: ends.proxy.links == 0)
        await eventually(lambda: len(ends.got) == cut_at, within=2)
        assert ends.got == WORDS[:cut_at]
        assert ends.proxy.up.cut_at is None, "only one link is cut"


async def test_what_is_sent_down_is_cut_at_its_byte_too() -> None:
    async with linked() as ends:
        ends.answer = WORDS
        ends.proxy.down.cut_at = 70_000
        ends.writer.write(b"?")
        assert await ends.reader.read(-1) == WORDS[:70_000]


async def test_a_reset_loses_what_was_under_way() -> None:
    async with linked() as ends:
        ends.proxy.up.delay = 5.0
        ends.writer.write(WORDS)
        await eventually(lambda: ends.proxy.bytes_up == len(WORDS))
        ends.proxy.cut()
        await eventually(lambda: ends.proxy.links == 0)
        assert ends.got == b""


def test_slices_are_the_whole() -> None:
    way = Way(slice_size=7)
    pieces = way.split(WORDS[:1000])
    assert b"".join(pieces) == WORDS[:1000]
    assert all(len(one) == 7 for one, _ in pairwise(pieces))
