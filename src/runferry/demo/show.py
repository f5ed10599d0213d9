"""Runs the whole demo: the simulated server, a Runferry connected to it, and a line that says how far it is.

Everything lives in one temporary directory and ends with the demo.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
from rich.console import Console
from rich.text import Text

from runferry.blocking import in_thread
from runferry.config import Settings
from runferry.demo.hosting import hosting
from runferry.demo.jobs import CRASH_AFTER, Jobs
from runferry.demo.server import DemoServer
from runferry.demo.status_line import StatusLine, ask
from runferry.demo.tree import TREE, build_tree
from runferry.errors import Conflict, InvalidRequest

PORT = 23300
PORTS_TRIED = 20
ANSWER_SECONDS = 60.0
SERVER = "demo"
"""What the simulated server is called."""


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """``port``: this one, or else the first free one from 23300 on. ``seconds``: how long, or else until Ctrl-C."""

    port: int | None = None
    seconds: float | None = None
    crash_after: float = CRASH_AFTER


async def run_demo(options: DemoOptions, console: Console) -> None:
    """Run until the time is over, Ctrl-C or SIGTERM. Raises RunferryError when it cannot begin."""
    if sys.platform == "win32":
        raise InvalidRequest("The demo needs a POSIX system: its simulated server runs commands in /bin/sh.")
    with (
        tempfile.TemporaryDirectory(prefix="runferry-demo-", ignore_cleanup_errors=True) as directory,
        catch_signals() as stop,
    ):
        home = Path(directory) / "server"
        root = home / TREE
        count = await in_thread(build_tree, root, now=time.time())
        async with (
            DemoServer(home) as server,
            Jobs(root, crash_after=options.crash_after),
            host_somewhere(Path(directory) / "runferry", options.port, name_server(Path(directory), server)) as url,
            httpx.AsyncClient(base_url=url, timeout=ANSWER_SECONDS, trust_env=False) as http,
        ):
            local_root = await begin_mirror(http, server, root)
            introduce(console, Scene(url, server, root, local_root, count))
            await StatusLine(http, console).show_until(stop, options.seconds)
        console.print(Text("Ending the demo; everything it made is removed."))


@dataclass(frozen=True, slots=True)
class Scene:
    """What the person is told about: where Runferry is, the simulated server, its tree and the local copy of it."""

    url: str
    server: DemoServer
    root: Path
    local_root: str
    past_runs: int


@contextlib.contextmanager
def catch_signals() -> Iterator[asyncio.Event]:
    """Turn Ctrl-C and SIGTERM into an event, so that the demo ends in order."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    try:
        yield stop
    finally:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)


def name_server(directory: Path, server: DemoServer) -> Path:
    """Write an SSH configuration that calls the server ``demo``, as people have theirs, and return its path."""
    path = directory / "ssh_config"
    path.write_text(
        f"Host {SERVER}\n  HostName {server.host}\n  Port {server.port}\n  User {server.username}\n"
        f"  IdentityFile {server.client_key_path}\n"
    )
    return path


@contextlib.asynccontextmanager
async def host_somewhere(data_dir: Path, port: int | None, ssh_config: Path) -> AsyncIterator[str]:
    """Host Runferry at ``port``, or at the first free port from the usual one on. Raises Conflict."""
    candidates = [port] if port is not None else [*range(PORT, PORT + PORTS_TRIED), 0]
    # The person's own keys and settings stay out of it.
    settings = Settings(data_dir, ssh_config=ssh_config, user_known_hosts=data_dir / "nothing")
    async with contextlib.AsyncExitStack() as stack:
        url = ""
        for candidate in candidates:
            try:
                url = await stack.enter_async_context(hosting(replace(settings, port=candidate)))
                break
            except Conflict:
                if candidate == candidates[-1]:
                    raise
        yield url


async def begin_mirror(http: httpx.AsyncClient, server: DemoServer, root: Path) -> str:
    """Connect Runferry to the server, as a user would through the API, and mirror ``root``; return the local root."""
    login = {"host": SERVER, "private_key_path": str(server.client_key_path), "use_agent": False}
    await ask(http, "POST", "/api/unified/connect", login)
    await ask(http, "POST", "/api/unified/configure_mode", {"mode": "mirror", "remote_root": str(root)})
    status = await ask(http, "GET", "/api/unified/status")
    return str(status["connections"][-1]["syncs"][-1]["local_root"])


def introduce(console: Console, scene: Scene) -> None:
    """Say what runs where and what to try."""
    command = sys.argv[0] if sys.argv[0].endswith("runferry") else "runferry"
    lines = (
        "",
        f"Runferry is at {scene.url}   (API documentation: {scene.url}/docs)",
        "",
        f"A simulated GPU server listens on {scene.server.host} port {scene.server.port}. It holds",
        f"{scene.past_runs} runs of the past days, a training that goes on, and one that crashes within half a minute.",
        "Runferry mirrors all of it.",
        "",
        "Try, in another terminal:",
        f"  export RUNFERRY_URL={scene.url}",
        f"  {command} runs",
        f"  {command} status",
        f"  {command} ls {SERVER}:~/{TREE}",
        f"  curl -s {scene.url}/api/runs | python3 -m json.tool",
        f"  ls {scene.local_root}",
        "",
        "Ctrl-C ends everything and removes it.",
        "",
    )
    for line in lines:
        console.print(Text(line), soft_wrap=True)
