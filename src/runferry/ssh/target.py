"""Whom a user means: ``user@host:port`` and ``user@host:/path``, checked before anything acts on them.

Host and user names end up in known_hosts, in ids and in the user's own ProxyCommand, so nothing but plain
names passes.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from runferry.errors import InvalidRequest

HOST = re.compile(r"[A-Za-z0-9_.:][A-Za-z0-9_.:%-]{0,254}")
USER = re.compile(r"[A-Za-z0-9_.$@\\+=][A-Za-z0-9_.$@\\+=-]{0,127}")


@dataclass(frozen=True, slots=True)
class Target:
    """A host (name, address or alias of ``~/.ssh/config``); port and user are looked up where they are None.

    Raises InvalidRequest when made with something that cannot be a host, a port or a user.
    """

    host: str
    port: int | None = None
    username: str | None = None

    def __post_init__(self) -> None:
        if not HOST.fullmatch(self.host) or (":" in self.host and not is_ipv6(self.host)):
            raise InvalidRequest(f"host: {shorten(self.host)} is not a host name or address.")
        if self.port is not None and not 1 <= self.port <= 65535:
            raise InvalidRequest(f"port: {self.port} is not between 1 and 65535.")
        if self.username is not None and not USER.fullmatch(self.username):
            raise InvalidRequest(f"username: {shorten(self.username)} is not a user name.")

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = f":{self.port}" if self.port is not None else ""
        return f"{self.username}@{host}{port}" if self.username else f"{host}{port}"


def is_ipv6(text: str) -> bool:
    """Say whether a text is an IPv6 address, with or without a zone (``fe80::1%eth0``)."""
    try:
        return ipaddress.ip_address(text).version == 6
    except ValueError:
        return False


def parse_target(text: str) -> Target:
    """Read ``[user@]host[:port]``, ``[user@][ipv6]:port``, a bare IPv6 address or ``ssh://...``."""
    if text.startswith("ssh://"):
        target, path = parse_url(text)
        if path.strip("/"):
            raise InvalidRequest(f"{shorten(text)}: a path makes no sense here.")
        return target
    username, host = split_user(text.strip())
    if host.startswith("["):
        host, rest = split_bracket(host)
        if rest and not rest.startswith(":"):
            raise InvalidRequest(f"{shorten(text)} is not user@host:port.")
        return Target(host, parse_port(rest[1:]) if rest else None, username)
    if host.count(":") == 1:
        host, _, port = host.partition(":")
        return Target(host, parse_port(port), username)
    return Target(host, None, username)


def parse_location(text: str) -> tuple[Target, str]:
    """Read ``[user@]host:[path]``, ``[user@]host:port:path``, or ``ssh://[user@]host[:port]/path``.

    The path comes back as written (``""``: the home directory). An ``ssh://`` path is absolute, ``/~/x`` is
    below the home.
    """
    if text.startswith("ssh://"):
        target, path = parse_url(text)
        return target, path.removeprefix("/") if path.startswith("/~") else path
    username, rest = split_user(text.strip())
    if rest.startswith("["):
        host, rest = split_bracket(rest)
    else:
        host, colon, path = rest.partition(":")
        rest = colon + path
    if rest and not rest.startswith(":"):
        raise InvalidRequest(f"{shorten(text)} is not user@host:/path.")
    if found := re.fullmatch(r":(\d+):(.*)", rest, re.DOTALL):
        return Target(host, parse_port(found[1]), username), found[2]
    return Target(host, None, username), rest[1:]


def parse_url(text: str) -> tuple[Target, str]:
    try:
        url = urlsplit(text)
        host, port, username = url.hostname, url.port, url.username
    except ValueError:
        raise InvalidRequest(f"{shorten(text)} is not ssh://user@host:port/path.") from None
    if url.password is not None:
        raise InvalidRequest("A password never belongs in an address; leave it out, it is asked for.")
    if not host:
        raise InvalidRequest(f"{shorten(text)} names no host.")
    return Target(host, port, unquote(username) if username else None), unquote(url.path)


def split_user(text: str) -> tuple[str | None, str]:
    """Split at the last ``@`` before the path: user names may hold one, hosts may not."""
    head, colon, tail = text.partition(":")
    username, at, host = head.rpartition("@")
    if at and not username:
        raise InvalidRequest(f"{shorten(text)} names no user before the @.")
    return username or None, host + colon + tail


def split_bracket(text: str) -> tuple[str, str]:
    host, bracket, rest = text[1:].partition("]")
    if not bracket:
        raise InvalidRequest(f"{shorten(text)}: a ] is missing.")
    return host, rest


def parse_port(text: str) -> int:
    if not re.fullmatch(r"[0-9]{1,5}", text):
        raise InvalidRequest(f"port: {shorten(text)} is not a number.")
    return int(text)


def shorten(text: str) -> str:
    """Quote what a user typed for a message: printable and short."""
    return ascii(text if len(text) <= 80 else text[:77] + "...")
