"""Fixtures of the browser's tests: Chromium, a server, a tree of runs, a page that may not complain."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.integration.api.running import Running, run_server
from tests.support.chromium import Watched, run_chromium, watch
from tests.support.ferry import write_run
from tests.support.questioner import Questioner
from tests.support.sshd import Sshd

EVIL = "<img src=x onerror=alert(1)>"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the whole session: its event loop would be in the way of tests that have their own.
    with run_chromium() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path, home: Path, sshd: Sshd) -> Iterator[Running]:
    """A Runferry whose user has the test server as ``gpu1`` in ``~/.ssh/config``."""
    write_ssh_config(home, sshd)
    with run_server(tmp_path / "data") as running:
        yield running


@pytest.fixture
def web(browser: Browser, server: Running) -> Iterator[Watched]:
    with watch(browser, server.url) as watched:
        yield watched


@pytest.fixture
def asking() -> Iterator[Questioner]:
    """A server that asks for a password and a code and then offers SFTP, in a loop and a thread of its own."""
    questioner = Questioner([("Password: ", False, "pass-phrase-1"), ("Code <b>: ", True, "424242")], has_sftp=True)
    is_ready, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        async with questioner:
            loops.append(asyncio.get_running_loop())
            is_ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert is_ready.wait(10)
    yield questioner
    loops[0].call_soon_threadsafe(stop.set)
    thread.join(10)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Three runs below a folder, one with a hostile name."""
    root = tmp_path / "experiments"
    write_run(root, "vision", "resnet", "20260101_000000_aaaaaa")
    write_run(root, "nlp", "bert", "20260102_000000_bbbbbb")
    write_run(root, "nlp", EVIL, "20260103_000000_cccccc")
    return root


def write_ssh_config(home: Path, sshd: Sshd) -> None:
    folder = home / ".ssh"
    folder.mkdir(exist_ok=True)
    (folder / "config").write_text(
        f"Host gpu1\n  HostName {sshd.host}\n  Port {sshd.port}\n  User {sshd.username}\n"
        f"  IdentityFile {sshd.client_key_path}\n"
    )
