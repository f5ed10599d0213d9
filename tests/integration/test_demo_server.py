"""The demo's SSH server, asked by a real SSH client."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import asyncssh
import pytest
from tests.support.waiting import eventually

from runferry.demo import DemoServer


@asynccontextmanager
async def log_in(server: DemoServer, **options: object) -> AsyncIterator[asyncssh.SSHClientConnection]:
    settings: dict[str, object] = {
        "known_hosts": None,  # what is tested is the server; its key is compared below
        "username": server.username,
        "client_keys": [str(server.client_key_path)],
        "agent_path": None,
        "config": None,
    }
    async with asyncssh.connect(server.host, server.port, **(settings | options)) as connection:
        yield connection


def list_open_pipes() -> set[str]:
    found = set()
    for descriptor in Path("/proc/self/fd").iterdir():
        with suppress(FileNotFoundError):  # the one that listed them
            found.add(str(descriptor.readlink()))
    return {target for target in found if target.startswith("pipe:")}


async def test_a_command_runs_in_the_home_and_its_streams_and_code_come_back(tmp_path: Path) -> None:
    async with DemoServer(tmp_path) as server, log_in(server) as connection:
        done = await connection.run("pwd; cat; echo trouble >&2; exit 7", input=b"given\n", encoding=None)
        key = connection.get_server_host_key()
    assert done.stdout == f"{tmp_path}\n".encode() + b"given\n"
    assert done.stderr == b"trouble\n"
    assert done.exit_status == 7
    assert key is not None
    assert key.get_fingerprint() == server.host_key_fingerprint


async def test_binary_data_of_many_windows_passes_both_ways_unharmed(tmp_path: Path) -> None:
    data = bytes(range(256)) * 64 * 1024  # 16 MiB
    async with DemoServer(tmp_path) as server, log_in(server) as connection:
        done = await connection.run("cat", input=data, encoding=None)
    assert isinstance(done.stdout, bytes)
    assert hashlib.sha256(done.stdout).digest() == hashlib.sha256(data).digest()


async def test_a_command_ends_when_its_connection_is_lost(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    async with DemoServer(tmp_path) as server:
        async with log_in(server) as connection:
            await connection.create_process("echo $$ > pid; exec cat", encoding=None)
            pid = await eventually(lambda: pid_file.exists() and pid_file.read_text().strip())
            connection.abort()
        await eventually(lambda: not Path(f"/proc/{pid}").exists(), what="cat ends with its input")


async def test_a_command_that_floods_a_lost_connection_ends_too(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    async with DemoServer(tmp_path) as server:
        async with log_in(server) as connection:
            await connection.create_process("echo $$ > pid; exec yes", encoding=None)
            pid = await eventually(lambda: pid_file.exists() and pid_file.read_text().strip())
            connection.abort()
        await eventually(lambda: not Path(f"/proc/{pid}").exists(), what="yes ends")


async def test_an_output_that_something_else_holds_is_closed_on_our_side(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    holder = "setsid sh -c 'for i in $(seq 300); do sleep 0.1; echo; done' &"  # ends once nobody has the other end
    before = list_open_pipes()
    async with DemoServer(tmp_path) as server:
        async with log_in(server) as connection:
            await connection.create_process(f"{holder} echo $$ > pid; exec yes", encoding=None)
            pid = await eventually(lambda: pid_file.exists() and pid_file.read_text().strip())
            connection.abort()
        await eventually(lambda: not Path(f"/proc/{pid}").exists(), what="yes ends")
    await eventually(lambda: list_open_pipes() <= before, what="our ends are closed")


async def test_closing_the_server_ends_its_commands_and_removes_its_keys(tmp_path: Path) -> None:
    stubborn = "trap '' TERM; echo $$; for i in $(seq 300); do sleep 0.1; done"
    async with DemoServer(tmp_path) as server:
        key = server.client_key_path
        assert key.stat().st_mode & 0o777 == 0o600
        async with log_in(server) as connection:
            process = await connection.create_process(stubborn, encoding=None)
            pid = int(await process.stdout.readline())
            await server.close()
    await server.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert not key.exists()


async def test_files_are_listed_and_read_over_sftp_from_the_home(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("hello")
    async with (
        DemoServer(tmp_path) as server,
        log_in(server) as connection,
        connection.start_sftp_client() as sftp,
    ):
        assert await sftp.realpath(".") == str(tmp_path)
        assert "notes.txt" in await sftp.listdir(".")
        async with sftp.open(str(tmp_path / "notes.txt"), "rb") as file:
            data: object = await file.read()
    assert data == b"hello"


async def test_another_key_is_refused(tmp_path: Path) -> None:
    stranger = asyncssh.generate_private_key("ssh-ed25519")
    async with DemoServer(tmp_path) as server:
        with pytest.raises(asyncssh.PermissionDenied):
            async with log_in(server, client_keys=[stranger]):
                pass


async def test_the_openssh_client_gets_in_as_well(tmp_path: Path) -> None:
    async with DemoServer(tmp_path) as server:
        command = ["-F", "none", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null"]
        target = [
            "-i",
            str(server.client_key_path),
            "-p",
            str(server.port),
            f"{server.username}@{server.host}",
        ]
        client = await asyncio.create_subprocess_exec(
            "ssh",
            *command,
            *target,
            "echo $HOME",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        output, _ = await client.communicate()
    assert client.returncode == 0
    assert output.decode().strip() == str(tmp_path)
