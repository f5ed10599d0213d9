"""Short ways to log in to a test server through ``runferry.ssh``."""

from __future__ import annotations

from pathlib import Path

import asyncssh

from runferry.ssh.connection import open_link
from runferry.ssh.credentials import Credentials, Secret
from runferry.ssh.hostkeys import HostKeys
from runferry.ssh.link import Link
from runferry.ssh.pool import Backoff, Connection, Pool
from runferry.ssh.sshconfig import resolve_route
from runferry.ssh.target import Target
from tests.support.network import HOST
from tests.support.sshd import Sshd

QUICK = Backoff(first=0.05, most=0.2, chance=lambda: 0.5)
"""Pauses fit for tests."""


def target_of(server: Sshd, *, port: int | None = None) -> Target:
    return Target(server.host, port or server.port, server.username)


def key_of(server: Sshd) -> Credentials:
    return Credentials(private_key_path=str(server.client_key_path), use_agent=False)


def password(text: str) -> Credentials:
    return Credentials(password=Secret(text), use_agent=False)


async def open_to(
    server: Sshd, credentials: Credentials, folder: Path, *, timeout: float = 10.0, config: Path | None = None
) -> Link:
    """Open a link to the server, with known_hosts in ``folder``."""
    route = resolve_route(target_of(server), config)
    return await open_link(route, credentials, HostKeys(folder / "known_hosts"), timeout=timeout)


class Output(asyncssh.SSHClientSession[bytes]):
    """Collects what a command says."""

    def __init__(self) -> None:
        self.data = bytearray()

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self.data += data


async def run(link: Link, command: str) -> str:
    """Run a command on the link and return what it wrote."""
    channel, session = await link.open_channel(command, Output)
    channel.write_eof()
    await channel.wait_closed()
    return session.data.decode()


async def run_on(connection: Connection, command: str) -> str:
    return await run(await connection.link(), command)


def make_pool(folder: Path, *, config: Path | None = None, timeout: float = 10.0, patience: float = 60.0) -> Pool:
    keys = HostKeys(folder / "known_hosts")
    return Pool(keys, ssh_config=config, connect_timeout=timeout, backoff=QUICK, patience=patience)


__all__ = ["HOST", "QUICK", "key_of", "make_pool", "open_to", "password", "run", "run_on", "target_of"]
