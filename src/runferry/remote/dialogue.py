"""Requests and answers over one channel, whatever carries it: bytes go in through ``feed``, out through
``write``.

It numbers requests, hands each answer's frames to whoever asked, and ends everything at the first violation.
It never opens a channel and knows no request's meaning.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

import orjson

from runferry.agent import wire
from runferry.errors import ConnectionLost, RemoteFailed, RunferryError
from runferry.remote.frames import Frame, FrameDecoder
from runferry.remote.paths import clean, refusal

ANSWER_TIMEOUT = 300.0
"""Seconds without any part of an answer after which a server's filesystem counts as hanging."""

_FINAL = frozenset((wire.RESULT, wire.ERROR))
_LAST_NUMBER = 2**32 - 1


class Exchange:
    """One request under way; an async context manager that cancels it where it has not ended.

    ``limit`` is how many bytes of answer may wait here to be taken; more is a violation.
    """

    def __init__(self, dialogue: Dialogue, number: int, *, subject: str, limit: int) -> None:
        self._dialogue = dialogue
        self._number = number
        self._subject = subject
        self._limit = limit
        self._frames: deque[Frame] = deque()
        self._waiting = 0
        self._waiter: asyncio.Future[None] | None = None
        self.has_ended = False

    @property
    def has_ready(self) -> bool:
        """Whether ``take`` would return at once."""
        return bool(self._frames)

    async def take(self, *, timeout: float | None = ANSWER_TIMEOUT) -> Frame:
        """Return the next frame; raise what an ERROR says, ConnectionLost, RemoteFailed after ``timeout``."""
        if not self._frames:
            await self._wait(timeout)
        frame = self._frames.popleft()
        self._waiting -= frame.size
        if frame.kind == wire.ERROR:
            with self._dialogue.strictly():
                raise self._dialogue.read_error(frame, self._subject)
        return frame

    def give(self, frame: Frame) -> None:
        """Take in a frame of the answer; raise Violation where more comes than was asked for."""
        self._frames.append(frame)
        self._waiting += frame.size
        if self._waiting > self._limit:
            raise wire.Violation("an answer is longer than what was asked for")
        self.has_ended = frame.kind in _FINAL
        self.wake()

    def wake(self) -> None:
        """Let ``take`` look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def _wait(self, timeout: float | None) -> None:
        while not self._frames:
            if self._dialogue.error is not None:
                raise self._dialogue.error
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                async with asyncio.timeout(timeout):
                    await self._waiter
            except TimeoutError:
                text = f"The server has not answered for {timeout:.0f} s; its filesystem may hang."
                raise RemoteFailed(text) from None
            finally:
                self._waiter = None

    def close(self) -> None:
        """Cancel the request if it has not ended."""
        self._dialogue.forget(self._number, has_ended=self.has_ended)

    async def __aenter__(self) -> Exchange:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Dialogue:
    """The client's side of the protocol. ``on_end`` is called once, when nothing more can be asked."""

    def __init__(self, *, marker: bytes, write: Callable[[bytes], None], on_end: Callable[[], None]) -> None:
        self._decoder = FrameDecoder(marker)
        self._write = write
        self._on_end = on_end
        self._exchanges: dict[int, Exchange] = {}
        self._abandoned: set[int] = set()
        self._last = 0
        self.hello: asyncio.Future[object] = asyncio.get_running_loop().create_future()
        self.error: RunferryError | None = None
        self.heard = time.monotonic()
        self.received = 0

    @property
    def noise(self) -> str:
        """What the server's login scripts printed."""
        return self._decoder.noise

    def feed(self, data: bytes) -> None:
        """Take in what the server sent."""
        if self.error is not None:
            return
        self.heard = time.monotonic()
        self.received += len(data)
        try:
            for frame in self._decoder.feed(data):
                self._deliver(frame)
        except wire.Violation as error:
            self.fail(RemoteFailed(f"The agent broke the protocol: {error}."))

    def ask(self, kind: int, body: dict[str, object], *, subject: str = "", limit: int) -> Exchange:
        """Send a request; ``subject`` is the path that an error is about."""
        if self.error is not None:  # whatever ended it, a new agent may do better
            raise ConnectionLost(str(self.error))
        number = self._next_number()
        exchange = self._exchanges[number] = Exchange(self, number, subject=subject, limit=limit)
        self._send(kind, number, body)
        return exchange

    def forget(self, number: int, *, has_ended: bool) -> None:
        """Stop waiting for an answer; one that has not ended is cancelled and its rest thrown away."""
        self._exchanges.pop(number, None)
        if not has_ended and self.error is None:
            self._abandoned.add(number)
            self._send(wire.CANCEL, number, {})

    @contextmanager
    def strictly(self) -> Iterator[None]:
        """Let a Violation found while reading an answer end everything, as RemoteFailed."""
        try:
            yield
        except wire.Violation as violation:
            error = RemoteFailed(f"The agent broke the protocol: {violation}.")
            self.fail(error)
            raise error from violation

    def fail(self, error: RunferryError) -> None:
        """End everything: calls under way and to come raise ``error``. Only the first call counts."""
        if self.error is not None:
            return
        self.error = error
        if not self.hello.done():
            self.hello.set_exception(error)
            self.hello.exception()  # it may be that nobody waits for it
        for exchange in tuple(self._exchanges.values()):
            exchange.wake()
        self._on_end()

    def read_error(self, frame: Frame, subject: str) -> RunferryError:
        """Return the exception an ERROR frame stands for; raise Violation where it is malformed."""
        body = read_body(frame)
        error = refusal(body.get("code"), subject, body.get("message"))
        about = f" ({clean(subject)})" if subject else ""
        return error or RemoteFailed(f"The server could not do it{about}: {clean(body.get('message'))}.")

    def _deliver(self, frame: Frame) -> None:
        if not self.hello.done():
            if frame.kind != wire.HELLO or frame.request != 0:
                raise wire.Violation("it does not begin with HELLO")
            self.hello.set_result(read_body(frame))
            return
        if frame.kind not in wire.ANSWERS or frame.kind == wire.HELLO:
            raise wire.Violation(f"a frame of the unknown type {frame.kind}")
        exchange = self._exchanges.get(frame.request)
        if exchange is not None and not exchange.has_ended:
            exchange.give(frame)
        elif frame.request not in self._abandoned:
            raise wire.Violation("an answer to nothing that was asked")
        elif frame.kind in _FINAL:
            self._abandoned.discard(frame.request)

    def _send(self, kind: int, number: int, body: dict[str, object]) -> None:
        try:
            self._write(wire.pack(kind, number, body))
        except OSError as error:
            lost = ConnectionLost("The connection to the server broke.")
            self.fail(lost)
            raise lost from error

    def _next_number(self) -> int:
        while True:
            self._last = self._last % _LAST_NUMBER + 1
            if self._last not in self._exchanges and self._last not in self._abandoned:
                return self._last


def read_body(frame: Frame) -> dict[str, object]:
    """Return a frame's JSON object; raise Violation where it holds none."""
    try:
        body = orjson.loads(frame.data())
    except orjson.JSONDecodeError as error:
        raise wire.Violation("a message is not JSON") from error
    if not isinstance(body, dict):
        raise wire.Violation("a message is not an object")
    return body
