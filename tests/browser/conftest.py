"""Fixtures of the browser's tests: Chromium, a server, a tree of runs, a page that may not complain."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from runferry.demo.stage import open_stage
from tests.integration.api.running import Running, run_server
from tests.integration.api.running import expect as expect_answer
from tests.support.chromium import Watched, run_chromium, watch
from tests.support.ferry import write_run
from tests.support.questioner import Questioner
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now

EVIL = "<img src=x onerror=alert(1)>"
RUN = "20260101_000000_aaaaaa"
CHECKPOINT = 3_000_000


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    # Not for the whole session: its event loop would be in the way of tests that have their own.
    with run_chromium() as running:
        yield running


@pytest.fixture
def server(tmp_path: Path, home: Path, sshd: Sshd) -> Iterator[Running]:
    """A Runferry whose user has the test server as ``gpu1`` in ``~/.ssh/config``."""
    write_ssh_config(home, sshd)
    with run_server(tmp_path / "data", open_demo=open_stage) as running:
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


@pytest.fixture
def run_dir(tree: Path) -> Path:
    """The directory of a run that goes on, on the server, with a checkpoint, a table and hostile pages."""
    run = tree / "vision" / "resnet" / "runs" / RUN
    (run / "status.json").write_text('{"status": "running", "started_at": 1700000000.5}')
    (run / "checkpoint.pt").write_bytes(b"weights!" * (CHECKPOINT // 8))
    (run / "table.csv").write_text('name,value\n"a,b",1\n')
    (run / "page.html").write_text("<script>document.title = 'taken'</script><h1>page</h1>")
    (run / "image.svg").write_text('<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>')
    return run


def begin_sync(server: Running, root: Path, *, mode: str = "mirror") -> None:
    """Connect to ``gpu1``, sync a folder of it, and wait until it is in step."""
    expect_answer(server.post("/api/unified/connect", {"host": "gpu1"}), 200)
    expect_answer(server.post("/api/unified/configure_mode", {"mode": mode, "remote_root": str(root)}), 200)
    server.wait_synced(mode)


@pytest.fixture
def smart(server: Running, tree: Path, run_dir: Path) -> Running:
    """A server with a smart sync of the tree: contents are fetched when they are looked at."""
    begin_sync(server, tree, mode="smart")
    return server


@pytest.fixture
def mirrored(server: Running, tree: Path) -> Running:
    """A server that mirrors the tree of ``gpu1``."""
    begin_sync(server, tree)
    return server


def wait_drawn(page: Page, metric: str = "loss") -> None:
    expect(page.locator(f'[data-metric="{metric}"][data-drawn] canvas').first).to_be_visible()


def read_end(page: Page, metric: str) -> str:
    """Return what the crosshair at the right end of a chart tells."""
    over = page.locator(f'[data-metric="{metric}"] .u-over')
    box = over.bounding_box()
    assert box
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + 40)
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + 40)
    return page.locator(f'[data-metric="{metric}"]').inner_text()


def wait_for_step(page: Page, metric: str, step: int) -> None:
    """Wait until a chart goes up to this step."""
    eventually_now(lambda: f"step {step}" in read_end(page, metric), within=15, every=0.1, what=f"step {step}")


def write_ssh_config(home: Path, *sshds: Sshd) -> None:
    """Name the servers ``gpu1``, ``gpu2``, ... in the user's own file."""
    folder = home / ".ssh"
    folder.mkdir(exist_ok=True)
    entries = (
        f"Host gpu{number}\n  HostName {sshd.host}\n  Port {sshd.port}\n  User {sshd.username}\n"
        f"  IdentityFile {sshd.client_key_path}\n"
        for number, sshd in enumerate(sshds, 1)
    )
    (folder / "config").write_text("".join(entries))
