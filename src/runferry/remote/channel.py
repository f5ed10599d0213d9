"""Starting an agent on a link and carrying its bytes: the one place of the agent's client that knows asyncssh."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol, TypeVar

import asyncssh

from runferry.agent import wire
from runferry.agent.hello import marker
from runferry.blocking import in_thread
from runferry.errors import ConnectionLost, RemoteFailed, RunferryError
from runferry.model import ServerInfo
from runferry.remote.agent import AgentRemote, Following, ask_to_follow
from runferry.remote.bootstrap import explain_exit, prepare
from runferry.remote.dialogue import Dialogue, Exchange
from runferry.remote.paths import clean

WINDOW = 16 * 1024 * 1024
_KEPT_STDERR = 4096
_CLOSE_TIMEOUT = 3.0

S = TypeVar("S", bound=asyncssh.SSHClientSession[bytes])


class Carrier(Protocol):
    """What is needed of a link (``runferry.ssh.link.Link`` has it)."""

    @property
    def is_open(self) -> bool: ...

    async def open_channel(
        self, command: str, session_factory: Callable[[], S], *, window: int = WINDOW
    ) -> tuple[asyncssh.SSHClientChannel[bytes], S]: ...

    async def start_sftp(self) -> asyncssh.SFTPClient: ...


@dataclass(frozen=True, slots=True)
class AgentOptions:
    """Times in seconds. ``idle_timeout``: the agent ends itself after that much silence; ``ping_interval``: how
    often it hears from us; ``hello_timeout``: how long it may take to start. ``watch_budget``: the most directories
    it watches per follow, None for its own choice. ``following``: what is known to be followed as soon as it runs, and
    so is asked for with the first bytes, two round trips early.
    """

    idle_timeout: float = 60.0
    ping_interval: float = 15.0
    hello_timeout: float = 15.0
    watch_budget: int | None = None
    following: tuple[Following, ...] = ()


class AgentLate(RemoteFailed):
    """It did not answer in time; another time it may."""


class AgentSession(asyncssh.SSHClientSession[bytes]):
    """One agent's channel: ``stdin`` goes out at once, stdout to the dialogue; the end of stderr is kept."""

    def __init__(self, nonce: str, stdin: bytes, following: Sequence[Following], on_end: Callable[[], None]) -> None:
        self._stdin = stdin
        self._following = following
        self.begun: dict[Following, Exchange] = {}
        self._channel: asyncssh.SSHClientChannel[bytes] | None = None
        self._status: int | None = None
        self._stderr = b""
        self.dialogue = Dialogue(marker=marker(nonce), write=self._write, on_end=on_end)
        self.ended = asyncio.Event()

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self._channel = chan
        # The request to run the command leaves when this returns; stdin goes right behind it, a round trip early.
        asyncio.get_running_loop().call_soon(self._send_stdin)

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        if datatype is None:
            self.dialogue.feed(data)
        else:
            self._stderr = (self._stderr + data)[-_KEPT_STDERR:]

    def exit_status_received(self, status: int) -> None:
        self._status = status

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.set()
        if exc is not None:
            self.dialogue.fail(ConnectionLost("The connection to the server broke."))
        elif self.dialogue.hello.done():
            self.dialogue.fail(ConnectionLost(f"The agent on the server ended. {self.explain()}"))
        else:
            self.dialogue.fail(RemoteFailed(self.explain()))

    def explain(self) -> str:
        """Return a sentence on why the channel ended, with what the server said last."""
        lines = self._stderr.decode("utf-8", "replace").strip().splitlines()
        said = lines[-1] if lines else self.dialogue.noise.splitlines()[-1] if self.dialogue.noise else ""
        return explain_exit(self._status, clean(said)[:300])

    def end(self) -> None:
        """Close the channel: the agent sees the end of its stdin and ends too."""
        if self._channel is not None and not self._channel.is_closing():
            try:
                self._channel.write_eof()
            except OSError:
                return  # it is closed already
            self._channel.close()

    async def close(self) -> None:
        """End the channel and wait, not for long, until it has ended."""
        self.end()
        try:
            async with asyncio.timeout(_CLOSE_TIMEOUT):
                await self.ended.wait()
        except TimeoutError:
            if self._channel is not None:
                self._channel.abort()

    def _send_stdin(self) -> None:
        with suppress(OSError, ConnectionLost):  # it is closed already; connection_lost says why
            self._write(self._stdin)
            for root, interval in self._following:
                self.begun[root, interval] = ask_to_follow(self.dialogue, root, interval)
        self._stdin = b""  # as much as all else that is kept of a channel

    def _write(self, data: bytes) -> None:
        if self._channel is None or self.ended.is_set():
            raise BrokenPipeError
        self._channel.write(data)


async def open_agent(link: Carrier, options: AgentOptions | None = None) -> AgentRemote:
    """Start an agent over ``link`` and return it once it has introduced itself.

    Raises RemoteFailed with the reason where none comes up, AgentLate where another one may, ConnectionLost where the
    link breaks.
    """
    options = options or AgentOptions()
    nonce = secrets.token_hex(16)
    launch = await in_thread(prepare, nonce, idle_timeout=options.idle_timeout, watch_budget=options.watch_budget)
    holder: list[AgentSession] = []

    def create() -> AgentSession:
        holder.append(AgentSession(nonce, launch.stdin, options.following, on_end=lambda: holder[0].end()))
        return holder[0]

    _, session = await link.open_channel(launch.command, create, window=WINDOW)
    try:
        async with asyncio.timeout(options.hello_timeout):
            hello = await asyncio.shield(session.dialogue.hello)
        info = read_hello(hello, nonce)
    except TimeoutError:
        await session.close()
        said = f" It printed: {clean(session.dialogue.noise[-200:])}" if session.dialogue.noise else ""
        raise AgentLate(f"The agent did not answer within {options.hello_timeout:.0f} s.{said}") from None
    except (RunferryError, wire.Violation, asyncio.CancelledError) as error:
        await session.close()
        if isinstance(error, wire.Violation):
            raise RemoteFailed(f"The agent broke the protocol: {error}.") from error
        raise
    return AgentRemote(session.dialogue, info, session.close, ping_interval=options.ping_interval, begun=session.begun)


def read_hello(hello: object, nonce: str) -> ServerInfo:
    """Return what HELLO says of the server; raise Violation where it is not ours."""
    if not isinstance(hello, dict) or hello.get("nonce") != nonce or hello.get("version") != wire.VERSION:
        raise wire.Violation("it introduces itself wrongly")

    def text(key: str) -> str:
        return clean(hello.get(key, ""))[:300] if isinstance(hello, dict) else ""

    watches = hello.get("inotify_watches")
    python = text("python")
    return ServerInfo(
        transport="agent",
        reason=f"The server has Python {python}, so the agent runs there; nothing is written on the server.",
        hostname=text("hostname"),
        os=text("os"),
        python=python,
        home=text("home"),
        boot_id=text("boot_id"),
        filesystem=text("filesystem"),
        inotify_watches=watches if isinstance(watches, int) else 0,
    )
