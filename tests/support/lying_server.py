"""An SSH server of the test's own loop that lets everybody in. What it serves, and how it lies, is its subclass's."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import asyncssh

from runferry.service.connections import ConnectRequest
from runferry.ssh.credentials import Credentials, Secret
from runferry.ssh.target import Target
from tests.support.network import HOST


class LyingServer:
    """An asynchronous context manager; ``services`` is what ``asyncssh.listen`` is given beside the usual."""

    def __init__(self, **services: Any) -> None:
        self._services = services
        self._server: asyncssh.SSHAcceptor | None = None

    @property
    def request(self) -> ConnectRequest:
        assert self._server is not None
        credentials = Credentials(password=Secret("x"), use_agent=False)
        return ConnectRequest(Target(HOST, self._server.get_port(), "u"), credentials)

    async def __aenter__(self) -> Self:
        keys = [asyncssh.generate_private_key("ssh-ed25519")]
        self._server = await asyncssh.listen(HOST, 0, server_factory=_Open, server_host_keys=keys, **self._services)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()


class _Open(asyncssh.SSHServer):
    def begin_auth(self, username: str) -> bool:
        return False
