"""What ``~/.ssh/config`` says about a target: the hops to it, how to log in on each. It never connects.

Read through asyncssh's parser: Host, Match, Include, HostName, Port, User, IdentityFile, IdentitiesOnly,
IdentityAgent, HostKeyAlias, UserKnownHostsFile, ProxyJump and ProxyCommand. RemoteCommand, RequestTTY,
forwardings and the rest are ignored on purpose: this program runs its own command and asks for nothing
else.
"""

from __future__ import annotations

import getpass
import os
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from asyncssh.config import SSHClientConfig

from runferry.errors import InvalidRequest
from runferry.ssh.target import Target, parse_target
from runferry.ssh.translate import explain_config_error

DEFAULT_PORT = 22
MOST_HOPS = 8
MOST_INCLUDES = 16
SHELL_SAFE = re.compile(r"[A-Za-z0-9_.@:%+=][A-Za-z0-9_.@:%+=-]*")


@dataclass(frozen=True, slots=True)
class Hop:
    """One machine on the way, with everything that is needed to log in there.

    ``alias`` is what the user calls it, ``host`` where it is. ``agent_path`` is None where no agent may be
    used. ``proxy_command`` is a shell command whose input and output replace the network connection;
    ``""``: none.
    """

    alias: str
    host: str
    port: int
    username: str
    identity_files: tuple[Path, ...] = ()
    is_only_identities: bool = False
    agent_path: str | None = None
    host_key_name: str = ""
    known_hosts_files: tuple[Path, ...] = ()
    proxy_command: str = ""

    @property
    def label(self) -> str:
        """``user@alias:port``, for ids and messages."""
        alias = f"[{self.alias}]" if ":" in self.alias else self.alias
        return f"{self.username}@{alias}:{self.port}"


@dataclass(frozen=True, slots=True)
class Route:
    """The hops to pass, in order; the last one is what ``target``, as the user wrote it, means."""

    target: Target
    hops: tuple[Hop, ...]

    @property
    def end(self) -> Hop:
        return self.hops[-1]

    @property
    def id(self) -> str:
        return self.end.label


def resolve_route(target: Target, config_path: Path | None) -> Route:
    """Find the way to ``target``. It blocks: it reads files, and ``Match exec`` lines run what they say.

    Raises InvalidRequest for a config that cannot be read and for jumps that lead in a circle.
    """
    return Route(target, tuple(resolve_hops(target, config_path, via=())))


def resolve_hops(target: Target, config_path: Path | None, *, via: tuple[str, ...]) -> list[Hop]:
    if target.host in via or len(via) >= MOST_HOPS:
        raise InvalidRequest(f"ProxyJump in {config_path} leads in a circle: {' -> '.join([*via, target.host])}.")
    config = load_config(target, config_path)
    hop = make_hop(target, config)
    jump = cast(str | None, config.get("ProxyJump"))
    if not jump:
        return [hop]
    first, *others = [parse_target(part.strip()) for part in jump.split(",")]
    hops = resolve_hops(first, config_path, via=(*via, target.host))
    # As ssh does it: from the second name on, the list itself says how to get there.
    hops += [make_hop(other, load_config(other, config_path), is_first=False) for other in others]
    return [*hops, make_hop(target, config, is_first=False)]


def load_config(target: Target, path: Path | None) -> SSHClientConfig:
    paths = [path] if path is not None and os.access(path, os.R_OK) and path.is_file() else []
    user, port = target.username or (), target.port or ()

    def load(*, is_final: bool) -> SSHClientConfig:
        config = SSHClientConfig.load(None, paths, False, False, is_final, local_user(), user, target.host, port)
        return cast(SSHClientConfig, config)

    try:
        config = load(is_final=False)
        return load(is_final=True) if config.has_match_final() else config
    except (ValueError, OSError, RuntimeError, RecursionError) as error:
        raise explain_config_error(error, path) from error


def make_hop(target: Target, config: SSHClientConfig, *, is_first: bool = True) -> Hop:
    host = cast(str, config.get("Hostname") or target.host)
    username = cast(str, config.get("User") or local_user())
    port = cast(int, config.get("Port") or DEFAULT_PORT)
    Target(host, port, username)  # what the config says is held to the same rules
    proxy_command = cast(str | None, config.get("ProxyCommand")) if is_first else None
    if proxy_command:
        refuse_shell_characters(target.host, host, username)
    return Hop(
        alias=target.host,
        host=host,
        port=port,
        username=username,
        identity_files=to_paths(config.get("IdentityFile")),
        is_only_identities=bool(config.get("IdentitiesOnly")),
        agent_path=find_agent(config.get("IdentityAgent", ())),
        host_key_name=cast(str | None, config.get("HostKeyAlias")) or host,
        known_hosts_files=to_paths(config.get("UserKnownHostsFile")),
        proxy_command=proxy_command or "",
    )


def refuse_shell_characters(*names: str) -> None:
    """A ProxyCommand is run by a shell with these names in it (%h, %n, %r)."""
    for name in names:
        if not SHELL_SAFE.fullmatch(name):
            raise InvalidRequest(f"{name!a} cannot be used with a ProxyCommand.")


def find_agent(value: object) -> str | None:
    """Return the agent's socket: the config's, else the environment's; None where there is none."""
    if value == () or value == "SSH_AUTH_SOCK":
        return os.environ.get("SSH_AUTH_SOCK") or None
    if not isinstance(value, str):
        return None
    if value.startswith("$"):
        return os.environ.get(value.strip("${}")) or None
    return str(Path(value).expanduser())


def to_paths(value: object) -> tuple[Path, ...]:
    return tuple(Path(item).expanduser() for item in value) if isinstance(value, list) else ()


def local_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        raise InvalidRequest("username: the local user has no name; give one.") from None


def list_aliases(config_path: Path | None) -> list[str]:
    """Return the host names the config mentions without wildcards, in its order; none if it is unreadable."""
    if config_path is None:
        return []
    return list(dict.fromkeys(find_aliases(config_path, depth=0)))


def find_aliases(path: Path, *, depth: int) -> Iterator[str]:
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return
    for line in lines:
        keyword, _, rest = line.strip().replace("=", " ", 1).partition(" ")
        try:
            words = shlex.split(rest, comments=True)
        except ValueError:
            continue
        if keyword.lower() == "host":
            yield from (word for word in words if not set(word) & set("*?!"))
        elif keyword.lower() == "include" and depth < MOST_INCLUDES:
            for word in words:
                pattern = Path("~/.ssh").expanduser() / Path(word).expanduser()
                for included in sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))):
                    yield from find_aliases(included, depth=depth + 1)
