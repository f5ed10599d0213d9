"""Opens links: an SSH connection to a target, through every hop its route names. It never reconnects.

Each hop is a connection of its own, tunnelled through the one before, with its own host key check and its own
credentials: the target's password is for the target alone.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import asyncssh

from runferry.blocking import in_thread
from runferry.errors import AuthenticationFailed, ConnectionFailed, ConnectTimeout, RunferryError
from runferry.ssh.credentials import Credentials
from runferry.ssh.given_keys import load_given_keys
from runferry.ssh.hostkeys import HostKeys
from runferry.ssh.identities import Identities
from runferry.ssh.link import WINDOW, Link, Passed, close_hops, close_proxy
from runferry.ssh.login import Ask, Login, Prompts
from runferry.ssh.network import Network
from runferry.ssh.proxycommand import ProxyProcess
from runferry.ssh.sshconfig import Hop, Route
from runferry.ssh.target import Target, parse_location, parse_target
from runferry.ssh.translate import translate_connect_error

__all__ = ["Link", "Target", "open_link", "parse_location", "parse_target"]

KEEPALIVE_SECONDS = 5.0
KEEPALIVE_MISSES = 2
CIPHERS = "^aes128-gcm@openssh.com,aes256-gcm@openssh.com"
"""Put first, before asyncssh's own choice: half as fast again as its first one (chacha20)."""

LOGINS_PER_COLLECTION = 32
"""Logins after which what ended connections left is thrown away. It is rings of objects, 50 KiB and more for each, and
Python looks at what was there for long so rarely, as ``app`` has it, that a link lost now and then filled the memory.
"""

_logins = itertools.count(1)


class Tunnel:
    """Makes asyncssh open the next hop's channel with a window wide enough for a whole link."""

    def __init__(self, connection: asyncssh.SSHClientConnection) -> None:
        self._connection = connection

    async def create_connection(
        self, factory: Callable[[], asyncssh.SSHTCPSession[bytes]], host: str, port: int
    ) -> tuple[asyncssh.SSHTCPChannel[bytes], asyncssh.SSHTCPSession[bytes]]:
        return await self._connection.create_connection(factory, host, port, window=WINDOW)


async def open_link(
    route: Route,
    credentials: Credentials,
    host_keys: HostKeys,
    *,
    timeout: float,
    ask: Ask | None = None,
) -> Link:
    """Log in on every hop of the route within ``timeout`` seconds altogether, a person's answers not counted.

    Raises InvalidCredentials (before anything is sent), ConnectTimeout, ConnectionFailed, HostKeyChanged,
    HostKeyUnconfirmed, AuthenticationFailed; then nothing stays open.
    """
    if next(_logins) % LOGINS_PER_COLLECTION == 0:
        gc.collect()
    await in_thread(load_given_keys, credentials)
    passed: list[Passed] = []
    where = route.hops[0]
    try:
        async with asyncio.timeout(timeout) as deadline:
            unhurried = pause_while_asking(ask, deadline) if ask is not None else None
            for where in route.hops:
                opening = Opening(route, where, credentials, host_keys, unhurried)
                passed.append(await opening.open(passed[-1] if passed else None))
                await opening.remember(passed[-1].login)
    except TimeoutError:
        await close_hops(passed)
        message = f"{where.label} did not answer within {timeout:g} s; check address, port and network."
        raise ConnectTimeout(message) from None
    except BaseException:
        await close_hops(passed)
        raise
    return Link(route, passed)


@dataclass(frozen=True, slots=True)
class Opening:
    """One hop about to be opened."""

    route: Route
    hop: Hop
    credentials: Credentials
    host_keys: HostKeys
    ask: Ask | None

    @property
    def is_end(self) -> bool:
        return self.hop is self.route.end

    async def open(self, before: Passed | None) -> Passed:
        hop = self.hop
        known = await in_thread(self.host_keys.look_up, hop.host_key_name, hop.port, also=hop.known_hosts_files)
        given = await in_thread(load_given_keys, self.credentials)
        identities = Identities(hop, self.credentials, given, is_end=self.is_end)
        password = self.credentials.password if self.is_end else None
        login = Login(known, identities, password=password, ask=self._ask_for_hop())
        options: dict[str, object] = {
            # plain keys are judged by the login, which knows more than yes and no; certificates by asyncssh
            "known_hosts": ([], known.ca_keys, known.revoked if known.ca_keys else []),
            "server_host_key_algs": known.algorithms(),
        }
        try:
            connection, proxy = await self._connect(login, before, options)
        finally:
            identities.close()
        return Passed(hop, login, connection, proxy)

    async def _connect(
        self, login: Login, before: Passed | None, options: dict[str, object]
    ) -> tuple[asyncssh.SSHClientConnection, ProxyProcess | None]:
        """Connect over the way the hop needs: its proxy command, the hop before, or the network."""
        proxy: ProxyProcess | None = None
        try:
            if self.hop.proxy_command:
                proxy = await ProxyProcess.start(self.hop.proxy_command)
                options["sock"] = proxy.socket
            else:
                options["tunnel"] = Tunnel(before.connection) if before is not None else Network()
            return await connect(self.hop, login, options), proxy
        except (asyncssh.Error, OSError, ValueError) as error:
            complaint = await proxy.complaint() if proxy is not None else ""
            await close_proxy(proxy)
            await self.remember(login)
            raise self._explain(error, login, complaint) from None
        except BaseException:
            await close_proxy(proxy)
            raise

    def _explain(self, error: Exception, login: Login, complaint: str) -> RunferryError:
        if login.refusal is not None:
            return login.refusal
        translated = translate_connect_error(error, self.hop.label)
        if isinstance(translated, AuthenticationFailed):
            tried = ", ".join(login.tried) or "nothing the server accepts"
            more = " It asks questions only a person can answer." if login.needs_person else ""
            return AuthenticationFailed(
                f"Authentication failed: {self.hop.label} rejected the login (tried: {tried}).{more}"
            )
        if complaint and isinstance(translated, ConnectionFailed):
            return ConnectionFailed(f"Connection failed: the ProxyCommand ended: {complaint}.")
        return translated

    async def remember(self, login: Login) -> None:
        """Learn a new host key, also of a login that failed: the next one must meet the same machine."""
        if login.is_new_key and login.host_key is not None:
            await in_thread(self.host_keys.add, self.hop.host_key_name, self.hop.port, login.host_key)

    def _ask_for_hop(self) -> Ask | None:
        """Questions of a machine on the way say so: an answer must not go to the wrong one."""
        ask = self.ask
        if ask is None or self.is_end:
            return ask

        async def ask_with_name(prompts: Prompts) -> Sequence[str]:
            return await ask([(f"{self.hop.label}: {text}", echo) for text, echo in prompts])

        return ask_with_name


async def connect(hop: Hop, login: Login, options: dict[str, object]) -> asyncssh.SSHClientConnection:
    """Let asyncssh log in, with everything it would otherwise look up by itself switched off."""
    methods = ["publickey", "keyboard-interactive", "password"]
    return await asyncssh.connect(
        hop.host,
        hop.port,
        username=hop.username,
        config=None,
        client_factory=lambda: login,
        client_keys=None,  # Identities offers them, in our order
        agent_path=None,
        agent_forwarding=False,
        pkcs11_provider=None,
        gss_host=None,
        x509_trusted_certs=None,
        host_key_alias=hop.host_key_name,
        preferred_auth=[*methods[1:], methods[0]] if login.has_password else methods,
        encryption_algs=CIPHERS,
        compression_algs="none",
        keepalive_interval=KEEPALIVE_SECONDS,
        keepalive_count_max=KEEPALIVE_MISSES,
        login_timeout=0,  # open_link's own deadline counts, which stands still while a person answers
        **options,
    )


def pause_while_asking(ask: Ask, deadline: asyncio.Timeout) -> Ask:
    """Stop the deadline's clock while a person thinks."""

    async def ask_unhurried(prompts: Prompts) -> Sequence[str]:
        loop = asyncio.get_running_loop()
        left = (deadline.when() or loop.time()) - loop.time()
        with contextlib.suppress(RuntimeError):  # the login is over already
            deadline.reschedule(None)
        try:
            return await ask(prompts)
        finally:
            with contextlib.suppress(RuntimeError):
                deadline.reschedule(loop.time() + left)

    return ask_unhurried
