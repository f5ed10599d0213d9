"""The test servers themselves: what other tests build upon must hold."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import asyncssh
import pytest
from tests.conftest import MakeSshd
from tests.support.network import Proxy, closed_port, silent_port
from tests.support.sshd import Sshd
from tests.support.waiting import eventually


async def log_in(server: Sshd, *, port: int | None = None, password: str | None = None) -> asyncssh.SSHClientConnection:
    return await asyncssh.connect(
        server.host,
        port or server.port,
        username=server.username,
        password=password,
        client_keys=[] if password else [server.client_key],
        agent_path=None,
        known_hosts=None,
        config=None,
    )


async def run(server: Sshd, command: str) -> str:
    connection = await log_in(server)
    try:
        return str((await connection.run(command, stdin=asyncssh.DEVNULL, timeout=10)).stdout)
    finally:
        connection.close()
        await connection.wait_closed()


async def test_the_plain_server_runs_commands_for_the_current_user(sshd: Sshd) -> None:
    assert await run(sshd, "echo $USER") == sshd.username + "\n"
    await eventually(lambda: "Accepted publickey" in sshd.log())


async def test_the_server_comes_back_on_its_port_with_its_key(sshd: Sshd) -> None:
    port, fingerprint = sshd.port, sshd.host_key_fingerprint
    connection = await log_in(sshd)
    sshd.stop()
    await asyncio.wait_for(connection.wait_closed(), 5)
    sshd.start()
    async with await log_in(sshd) as again:
        assert (sshd.port, again.get_server_host_key().get_fingerprint()) == (port, fingerprint)  # type: ignore[union-attr]


async def test_a_rotated_host_key_is_another_one(sshd: Sshd) -> None:
    before = sshd.host_key_fingerprint
    sshd.rotate_host_key()
    assert sshd.host_key_fingerprint != before
    async with await log_in(sshd) as connection:
        key = connection.get_server_host_key()
        assert key is not None
        assert key.get_fingerprint() == sshd.host_key_fingerprint


async def test_dropping_connections_breaks_links_and_leaves_the_server_up(make_sshd: MakeSshd) -> None:
    server = make_sshd(passwords=True)
    connection = await log_in(server)
    assert len(server.child_pids()) == 1
    server.drop_connections()
    await asyncio.wait_for(connection.wait_closed(), 5)
    await eventually(lambda: not server.child_pids())
    assert await run(server, "echo up") == "up\n"


async def test_a_password_and_its_change_are_asked_of_pam(make_sshd: MakeSshd) -> None:
    server = make_sshd(passwords=True)
    old = server.password
    (await log_in(server, password=old)).close()
    assert server.account is not None
    server.account.set_password("another-one")
    with pytest.raises(asyncssh.PermissionDenied):
        await log_in(server, password=old)
    (await log_in(server, password="another-one")).close()


@pytest.mark.parametrize("shell", ["/usr/bin/fish", "/usr/bin/tcsh", "/bin/bash", "/bin/dash"])
async def test_login_shells_run_commands(make_sshd: MakeSshd, shell: str) -> None:
    server = make_sshd(shell=shell)
    assert await run(server, "exec /bin/sh -c 'echo $SHELL'") == shell + "\n"


async def test_a_noisy_bashrc_speaks_first(make_sshd: MakeSshd) -> None:
    server = make_sshd(dotfiles={".bashrc": "echo WELCOME\n"})
    assert await run(server, "echo hello") == "WELCOME\nhello\n"


async def test_an_sftp_only_account_runs_no_command(make_sshd: MakeSshd, tmp_path: Path) -> None:
    server = make_sshd(sftp_only=True)
    (tmp_path / "a").write_text("x")
    async with await log_in(server) as connection, connection.start_sftp_client() as sftp:
        assert "a" in await sftp.listdir(str(tmp_path))
    assert "hello" not in await run(server, "echo hello")


async def test_a_chroot_has_a_shell_and_sftp_but_no_python(make_sshd: MakeSshd) -> None:
    server = make_sshd(chroot_without_python=True)
    (server.root / "data/a").write_text("x")
    assert await run(server, "cat /data/a; command -v python3 || echo none") == "xnone\n"
    async with await log_in(server) as connection, connection.start_sftp_client() as sftp:
        assert "a" in await sftp.listdir("/data")


async def test_the_given_directory_goes_first_on_the_path(make_sshd: MakeSshd, tmp_path: Path) -> None:
    (tmp_path / "python3").write_text("#!/bin/sh\necho chosen\n")
    (tmp_path / "python3").chmod(0o755)
    server = make_sshd(path=str(tmp_path))
    assert await run(server, "python3") == "chosen\n"


async def test_silent_and_closed_ports_do_as_they_say() -> None:
    with silent_port() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(reader.read(1), 0.05)
        writer.close()
        await writer.wait_closed()
    with closed_port() as port, pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_the_proxy_delays_each_way_and_cuts(sshd: Sshd) -> None:
    async with Proxy(sshd.port) as proxy:
        connection = await log_in(sshd, port=proxy.port)
        proxy.delay = 0.05
        started = time.monotonic()
        await connection.run("true")
        assert time.monotonic() - started >= 0.2  # open the channel, run the command: two round trips
        assert (proxy.links, proxy.accepted) == (1, 1)
        assert proxy.bytes_up
        assert proxy.bytes_down
        proxy.cut()
        await asyncio.wait_for(connection.wait_closed(), 5)
        await eventually(lambda: not proxy.links)
