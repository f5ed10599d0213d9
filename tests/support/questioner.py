"""An in-process SSH server that asks questions to log in, as one with a second factor does."""

from __future__ import annotations

from collections.abc import Sequence
from types import TracebackType

import asyncssh

from tests.support.network import HOST

Round = Sequence[tuple[str, bool, str]]
"""Prompts asked together: text, whether it may be echoed, the right answer."""


Challenge = tuple[str, str, str, Sequence[tuple[str, bool]]]
"""Name, instructions, language, prompts: what asyncssh wants from a server."""


class Questioner:
    """Asks ``rounds`` one after the other through keyboard-interactive; async context manager.

    ``username`` is any; ``answers`` collects what was given, ``logins`` counts successes. Commands echo
    nothing.
    """

    def __init__(self, *rounds: Round, instructions: str = "", has_sftp: bool = False) -> None:
        self.rounds = rounds
        self.has_sftp = has_sftp
        self.instructions = instructions
        self.answers: list[Sequence[str]] = []
        self.logins = 0
        self.connections = 0
        self.port = 0
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._open: set[asyncssh.SSHServerConnection] = set()

    @property
    def open_connections(self) -> int:
        return len(self._open)

    def drop_connections(self) -> None:
        for connection in tuple(self._open):
            connection.abort()

    async def __aenter__(self) -> Questioner:
        self._acceptor = await asyncssh.create_server(
            lambda: _Server(self),
            HOST,
            self.port,
            server_host_keys=[asyncssh.generate_private_key("ssh-ed25519")],
            keepalive_interval=0,
            sftp_factory=self.has_sftp,
        )
        self.port = self._acceptor.get_port()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._acceptor is not None
        self._acceptor.close()
        self.drop_connections()
        await self._acceptor.wait_closed()


class _Server(asyncssh.SSHServer):
    def __init__(self, questioner: Questioner) -> None:
        self._questioner = questioner
        self._round = 0
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._questioner.connections += 1
        self._questioner._open.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._questioner._open.discard(self._connection)

    def kbdint_auth_supported(self) -> bool:
        return True

    def get_kbdint_challenge(self, username: str, lang: str, submethods: str) -> Challenge:
        return self._challenge()

    def validate_kbdint_response(self, username: str, responses: Sequence[str]) -> Challenge | bool:
        self._questioner.answers.append(tuple(responses))
        if list(responses) != [answer for _, _, answer in self._questioner.rounds[self._round]]:
            return False
        self._round += 1
        return True if self._round == len(self._questioner.rounds) else self._challenge()

    def auth_completed(self) -> None:
        self._questioner.logins += 1

    def _challenge(self) -> Challenge:
        prompts = [(text, echo) for text, echo, _ in self._questioner.rounds[self._round]]
        return "", self._questioner.instructions, "en", prompts
