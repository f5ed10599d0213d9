"""Connects that cannot work: what the user is told, how soon, and that nothing stays open."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from pathlib import Path

import pytest
from tests.conftest import MakeSshd
from tests.support.connecting import key_of, make_pool, open_to, password, run
from tests.support.network import HOST, Proxy, closed_port, silent_port
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.errors import AuthenticationFailed, ConnectionFailed, ConnectTimeout, InvalidCredentials
from runferry.ssh.connection import open_link
from runferry.ssh.credentials import Credentials, Secret
from runferry.ssh.hostkeys import HostKeys
from runferry.ssh.sshconfig import resolve_route
from runferry.ssh.target import Target


async def fail_to_open(target: Target, folder: Path, *, timeout: float = 10.0) -> None:
    route = resolve_route(target, None)
    credentials = Credentials(password=Secret("x"), use_agent=False)
    link = await open_link(route, credentials, HostKeys(folder / "known_hosts"), timeout=timeout)
    await link.close()


async def test_a_refused_connection_says_so(tmp_path: Path) -> None:
    with closed_port() as port, pytest.raises(ConnectionFailed, match=r"^Connection failed: .*refused") as caught:
        await fail_to_open(Target(HOST, port, "u"), tmp_path)
    assert caught.value.status == 500


async def test_a_name_with_several_addresses_that_all_refuse_says_so(tmp_path: Path) -> None:
    with closed_port() as port, pytest.raises(ConnectionFailed, match="connection refused"):
        await fail_to_open(Target("localhost", port, "u"), tmp_path)


async def test_an_unknown_host_name_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def look_up(*args: object, **options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", look_up)  # no DNS here, and none to be asked
    with pytest.raises(ConnectionFailed, match=r"^Connection failed: .*unknown host name"):
        await fail_to_open(Target("no-such-host.invalid", 22, "u"), tmp_path)


async def test_a_silent_port_times_out_and_nothing_else_waits_for_it(tmp_path: Path) -> None:
    with silent_port() as port:
        started = time.monotonic()
        turns, longest = 0, 0.0
        stop = threading.Event()
        async with asyncio.TaskGroup() as group:
            beside = group.create_task(asyncio.to_thread(find_longest_pause, stop))
            task = group.create_task(expect_timeout(Target(HOST, port, "u"), tmp_path))
            while not task.done():
                before = time.monotonic()
                await asyncio.sleep(0.01)
                longest = max(longest, time.monotonic() - before)
                turns += 1
            stop.set()
        assert 0.5 <= time.monotonic() - started < 3
        assert turns >= 10, "others had their turns all the while"
        assert longest < 0.5 + beside.result(), "nor did they wait for long, but where the machine itself paused"


def find_longest_pause(stop: threading.Event) -> float:
    """Return the longest time (seconds) that a thread with nothing to do was kept from going on."""
    longest, before = 0.0, time.monotonic()
    while True:
        is_over = stop.wait(0.01)
        now = time.monotonic()
        longest, before = max(longest, now - before - 0.01), now
        if is_over:
            return longest


async def expect_timeout(target: Target, folder: Path) -> None:
    with pytest.raises(ConnectTimeout, match=r"did not answer within 0\.5 s"):
        await fail_to_open(target, folder, timeout=0.5)


async def test_a_server_that_stalls_in_mid_login_times_out(sshd: Sshd, tmp_path: Path) -> None:
    async with Proxy(sshd.port) as proxy:
        proxy.delay = 30.0
        with pytest.raises(ConnectTimeout):
            await fail_to_open(Target(HOST, proxy.port, "u"), tmp_path, timeout=0.5)


async def test_something_else_than_ssh_behind_the_port_is_told(tmp_path: Path) -> None:
    async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(speak_http, HOST, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionFailed, match=r"^Connection failed: "):
            await fail_to_open(Target(HOST, port, "u"), tmp_path)


async def test_a_server_that_hangs_up_is_told(tmp_path: Path) -> None:
    async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(hang_up, HOST, 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ConnectionFailed, match="closed the connection"):
            await fail_to_open(Target(HOST, port, "u"), tmp_path)


async def test_too_many_tries_count_as_a_refused_login(make_sshd: MakeSshd, tmp_path: Path) -> None:
    server = make_sshd(passwords=True, extra_config="MaxAuthTries 1")
    with pytest.raises(AuthenticationFailed, match=r"^Authentication failed: "):
        await open_to(server, password("wrong"), tmp_path)


async def test_no_common_algorithm_is_told(make_sshd: MakeSshd, tmp_path: Path) -> None:
    server = make_sshd(extra_config="Ciphers 3des-cbc\nMACs hmac-sha1")
    try:
        link = await open_to(server, key_of(server), tmp_path)
    except ConnectionFailed as error:
        assert str(error).startswith("Connection failed: ")  # noqa: PT017 - either may happen
    else:
        await link.close()


async def test_malformed_and_missing_credentials_never_reach_a_server(sshd: Sshd, tmp_path: Path) -> None:
    target = Target(sshd.host, sshd.port, sshd.username)
    pool = make_pool(tmp_path)
    for credentials, words in (
        (Credentials(use_agent=False), "Give a password"),
        (Credentials(private_key=Secret("not a key")), "private_key: this is not a private key"),
        (Credentials(private_key_path=str(tmp_path / "none")), "No such file"),
        (Credentials(private_key_path=str(tmp_path)), "Is a directory"),
        (Credentials(private_key_path="~no-such-user/x"), "no such home"),
        (Credentials(private_key_path="a\0b"), "not a path"),
    ):
        with pytest.raises(InvalidCredentials, match=words):
            await pool.connect(target, credentials)
    await pool.close()
    assert "Connection from" not in sshd.log()


async def test_a_connect_that_is_given_up_leaves_nothing_open(sshd: Sshd, tmp_path: Path) -> None:
    async with Proxy(sshd.port) as proxy:
        pool = make_pool(tmp_path)
        proxy.delay = 0.5
        target = Target(HOST, proxy.port, sshd.username)
        task = asyncio.create_task(pool.connect(target, key_of(sshd)))
        await eventually(lambda: proxy.links)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await eventually(lambda: not proxy.links)
        assert pool.connections == []
        await pool.close()


async def test_a_working_link_carries_megabytes(sshd: Sshd, tmp_path: Path) -> None:
    link = await open_to(sshd, key_of(sshd), tmp_path)
    assert len(await run(link, "head -c 20000000 /dev/zero | tr '\\0' x")) == 20_000_000
    await link.close()
