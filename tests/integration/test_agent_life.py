"""When the agent ends, and what its client makes of it."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.connecting import key_of, open_to
from tests.support.following import Following
from tests.support.network import Proxy
from tests.support.sshd import Sshd, children_of, is_running
from tests.support.trees import write
from tests.support.waiting import eventually

from runferry.errors import ConnectionLost
from runferry.model import Chunk
from runferry.remote.agent import AgentRemote
from runferry.remote.base import CHUNK, Priority, Remote
from runferry.remote.channel import AgentOptions, open_agent
from runferry.remote.open import open_remote
from runferry.remote.retry import RetryingRemote
from runferry.ssh.link import Link


@pytest.fixture
async def link(sshd: Sshd, tmp_path: Path) -> AsyncIterator[Link]:
    opened = await open_to(sshd, key_of(sshd), tmp_path)
    yield opened
    await opened.close()


def agents_of(sshd: Sshd) -> list[int]:
    """Return the pids of the agents that run below a server's connections."""
    found, waiting = [], sshd.child_pids()
    while waiting:
        pid = waiting.pop()
        if b"FileIO(0" in Path(f"/proc/{pid}/cmdline").read_bytes() and is_running(pid):
            found.append(pid)
        waiting.extend(children_of(pid))
    return found


async def is_gone(pid: int, *, within: float = 10.0) -> None:
    await eventually(lambda: not is_running(pid), within=within, what=f"agent {pid} ends")


async def test_closing_the_remote_ends_the_agent(sshd: Sshd, link: Link) -> None:
    remote = await open_agent(link)
    [pid] = agents_of(sshd)
    await remote.close()
    await is_gone(pid)
    assert link.is_open


async def test_a_tree_asked_for_before_the_agent_runs_is_followed_like_any_other(link: Link, tmp_path: Path) -> None:
    write(tmp_path / "a.txt", b"a")
    remote = await open_agent(link, AgentOptions(following=((str(tmp_path), 1.0),)))
    (begun,) = remote.begun.values()
    await eventually(lambda: begun.has_ready, what="the tree comes before anybody follows it")
    async with Following(remote, tmp_path) as following:
        assert not remote.begun
        assert following.size("a.txt") == 1
        write(tmp_path / "b.txt", b"bb")
        await following.until(lambda: following.size("b.txt") == 2, what="a change")
    async with Following(remote, tmp_path) as again:
        assert again.size("b.txt") == 2
    await remote.close()


async def test_a_tree_asked_for_in_vain_is_given_up(link: Link, tmp_path: Path) -> None:
    following = ((str(tmp_path), 1.0), (str(tmp_path / "absent"), 1.0))
    remote = await open_agent(link, AgentOptions(following=following, ping_interval=0.1))
    await eventually(lambda: not remote.begun, what="it is cancelled")
    assert await remote.ping() < 10.0
    await remote.close()


async def test_the_agent_ends_with_its_connection(sshd: Sshd, link: Link, tmp_path: Path) -> None:
    remote = await open_agent(link)
    async with Following(remote, tmp_path) as following:
        [pid] = agents_of(sshd)
        sshd.drop_connections()
        await is_gone(pid)
        assert isinstance(await following.ended(), ConnectionLost)
    await remote.close()


async def test_an_agent_that_hears_nothing_ends_itself(sshd: Sshd, tmp_path: Path) -> None:
    """The client is there, but the cable is not: nothing on the server's side ever says so."""
    async with Proxy(sshd.port) as proxy:
        port, sshd.port = sshd.port, proxy.port
        link = await open_to(sshd, key_of(sshd), tmp_path)
        sshd.port = port
        remote = await open_agent(link, AgentOptions(idle_timeout=2.0, ping_interval=0.5))
        [pid] = agents_of(sshd)
        began = time.monotonic()
        await eventually(lambda: time.monotonic() - began > 3.0)
        assert is_running(pid), "pings keep it alive"
        proxy.freeze()
        await is_gone(pid)
        proxy.cut()
        await remote.close()
        await link.close()


async def test_an_agent_without_pings_ends_and_the_client_learns_why(sshd: Sshd, link: Link, tmp_path: Path) -> None:
    remote = await open_agent(link, AgentOptions(idle_timeout=1.0, ping_interval=3600.0))
    [pid] = agents_of(sshd)
    async with Following(remote, tmp_path) as following:
        await is_gone(pid)
        error = await following.ended()
        assert isinstance(error, ConnectionLost)
        assert "heard nothing" in str(error)
    await remote.close()


async def test_a_client_that_hears_nothing_gives_the_link_up(sshd: Sshd, link: Link, tmp_path: Path) -> None:
    remote = await open_agent(link, AgentOptions(ping_interval=0.3))
    [pid] = agents_of(sshd)
    async with Following(remote, tmp_path) as following:
        os.kill(pid, signal.SIGSTOP)
        error = await following.ended()
        assert isinstance(error, ConnectionLost)
        assert "stopped answering" in str(error)
    os.kill(pid, signal.SIGCONT)
    await remote.close()
    await is_gone(pid)


async def test_an_agent_that_is_killed_is_replaced_on_the_same_link(sshd: Sshd, link: Link, tmp_path: Path) -> None:
    write(tmp_path / "root/file", b"x" * 100)
    opened = []

    async def open_one() -> Remote:
        remote = await open_remote(link)
        opened.append(remote)
        return remote

    remote = RetryingRemote(open_one)
    assert remote.info.transport == ""
    await remote.ping()
    assert remote.info.transport == "agent"
    [pid] = agents_of(sshd)
    os.kill(pid, signal.SIGKILL)
    await is_gone(pid)
    root = str(tmp_path / "root")
    async with asyncio.TaskGroup() as group:
        scans = [group.create_task(remote.scan(root)) for _ in range(5)]
        chunk = group.create_task(remote.read(root, "file", offset=0, length=10, priority=Priority.BULK))
    assert all(set(scan.result().entries) == {"file"} for scan in scans)
    assert isinstance(chunk.result(), Chunk)
    assert len(opened) == 2, "only one is opened at a time"
    assert len(agents_of(sshd)) == 1
    await remote.close()
    await eventually(lambda: not agents_of(sshd))


async def test_following_does_not_go_on_by_itself_after_a_loss(sshd: Sshd, link: Link, tmp_path: Path) -> None:
    remote = RetryingRemote(lambda: open_remote(link))
    async with Following(remote, tmp_path) as following:
        [pid] = agents_of(sshd)
        os.kill(pid, signal.SIGKILL)
        assert isinstance(await following.ended(), ConnectionLost)
    async with Following(remote, tmp_path) as following:
        assert following.changes[0].complete
    await remote.close()


async def test_a_log_line_does_not_wait_behind_a_checkpoint(link: Link, tmp_path: Path) -> None:
    root = tmp_path / "root"
    write(root / "checkpoint", os.urandom(64 * CHUNK))
    log = write(root / "run/log", "x")
    remote = await open_agent(link)

    async def fetch(offsets: list[int]) -> None:
        while offsets:
            await read(remote, root, "checkpoint", offsets.pop(), Priority.BULK)

    offsets = [number * CHUNK for number in range(64)] * 4
    async with Following(remote, root) as following, asyncio.TaskGroup() as group:
        for _ in range(8):
            group.create_task(fetch(offsets))
        waits = []
        for number in range(10):
            began = time.monotonic()
            with log.open("a") as file:
                file.write("line\n")
            await following.until(lambda size=2 + 5 * number: following.size("run/log") >= size)  # type: ignore[misc]
            await read(remote, root, "run/log", 0, Priority.TAIL)
            waits.append(time.monotonic() - began)
        assert offsets, "the checkpoint was still under way"
        offsets.clear()
    assert sorted(waits)[5] < 1.0
    await remote.close()


async def read(remote: AgentRemote, root: Path, path: str, offset: int, priority: Priority) -> bytes:
    chunk = await remote.read(str(root), path, offset=offset, length=CHUNK, priority=priority)
    assert isinstance(chunk, Chunk)
    return chunk.data


async def test_a_slow_reader_of_many_files_holds_up_the_server_not_the_memory(link: Link, tmp_path: Path) -> None:
    paths = [f"file-{number}" for number in range(400)]
    for path in paths:
        write(tmp_path / "root" / path, os.urandom(200_000))
    remote = await open_agent(link)
    answered = 0
    batches = remote.read_many(str(tmp_path / "root"), paths, priority=Priority.SMALL)
    async for batch in batches:
        answered += len(batch)
        if answered < 100:
            for _ in range(20):
                await remote.ping()
            received = remote._dialogue.received
            assert received < 40_000_000, "it reads on although nobody takes the files"
    assert answered == 400
    await remote.close()
