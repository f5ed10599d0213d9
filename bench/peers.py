"""The programs Runferry is compared with, each as a user would start it."""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from collections.abc import Sequence
from pathlib import Path
from typing import cast

import asyncssh

from bench.lab import Lab

SFTP_AT_ONCE = 64
AES = ("-c", "aes128-gcm@openssh.com")
_TIMEOUT = 1800.0


async def rsync(lab: Lab, port: int, source: Path | str, target: Path) -> float:
    """Run ``rsync -a`` over OpenSSH on one file, or on a directory's content (its path then ends in a slash)."""
    command = ("rsync", "-a", "-e", shlex.join(lab.ssh(port)), f"{lab.login}:{source}", str(target))
    return await run(command)


async def ssh_cat(lab: Lab, port: int, source: Path, target: Path, *extra: str) -> float:
    """Run ``ssh host cat source > target``."""
    with target.open("wb") as file:
        return await run((*lab.ssh(port, *extra), lab.login, f"cat {shlex.quote(str(source))}"), stdout=file.fileno())


async def run(command: Sequence[str], stdout: int | None = None) -> float:
    """Run a program to its end and return the seconds; fail where it does."""
    began = time.perf_counter()
    process = await asyncio.create_subprocess_exec(*command, stdin=asyncio.subprocess.DEVNULL, stdout=stdout)
    async with asyncio.timeout(_TIMEOUT):
        code = await process.wait()
    seconds = time.perf_counter() - began
    assert code == 0, f"{command[0]} ended with {code}"
    return seconds


async def sftp_walk(lab: Lab, port: int, source: Path, target: Path | None) -> float:
    """Walk a tree with asyncssh's SFTP client and copy its files (``target`` None: only list them).

    A plain one, but 64 directories or files at once: one after the other would take minutes with a delay.
    """
    began = time.perf_counter()
    async with connect(lab, port) as connection, connection.start_sftp_client() as sftp:
        files = await list_files(sftp, source)
        if target is not None:
            await copy_files(sftp, source, files, target)
    return time.perf_counter() - began


async def sftp_get(lab: Lab, port: int, source: Path, target: Path) -> float:
    """Copy one file with asyncssh's own ``get``."""
    began = time.perf_counter()
    async with connect(lab, port) as connection, connection.start_sftp_client() as sftp:
        await sftp.get(str(source), str(target))
    return time.perf_counter() - began


def connect(lab: Lab, port: int) -> asyncssh.misc._ACMWrapper[asyncssh.SSHClientConnection]:
    return asyncssh.connect(
        lab.sshd.host,
        port,
        username=lab.sshd.username,
        config=None,
        client_keys=[str(lab.sshd.client_key_path)],
        agent_path=None,
        known_hosts=([asyncssh.import_public_key(lab.sshd.host_public_key)], [], []),
        connect_timeout=15,
    )


async def list_files(sftp: asyncssh.SFTPClient, root: Path) -> list[str]:
    """Return the paths of all files below ``root``, relative to it."""
    found: list[str] = []
    room = asyncio.Semaphore(SFTP_AT_ONCE)

    async def look(directory: str) -> None:
        async with room:
            names = await sftp.readdir(f"{root}/{directory}")
        for name in names:
            path = f"{directory}{os.fsdecode(name.filename)}"
            if name.attrs.type == asyncssh.FILEXFER_TYPE_DIRECTORY and name.filename not in (".", ".."):
                group.create_task(look(f"{path}/"))
            elif name.attrs.type == asyncssh.FILEXFER_TYPE_REGULAR:
                found.append(path)

    async with asyncio.TaskGroup() as group:
        group.create_task(look(""))
    return found


async def copy_files(sftp: asyncssh.SFTPClient, root: Path, files: Sequence[str], target: Path) -> None:
    room = asyncio.Semaphore(SFTP_AT_ONCE)

    async def copy(path: str) -> None:
        async with room, sftp.open(f"{root}/{path}", "rb") as file:
            data = cast(bytes, await file.read())
        place = target / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(data)

    async with asyncio.TaskGroup() as group:
        for path in files:
            group.create_task(copy(path))
