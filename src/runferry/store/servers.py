"""The servers ever connected to. A server is its host key: names and addresses only label it. No secrets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Column, Connection, insert, select, update

from runferry.store.tables import servers

SSH_PORT = 22


@dataclass(frozen=True, slots=True)
class ServerRow:
    """``label`` is what users see and run keys begin with; ``directory`` its name below mirror/ or cache/."""

    id: int
    label: str
    directory: str


def ensure_server(connection: Connection, host_key: str, *, host: str, port: int | None, now: float) -> ServerRow:
    """Return the server with this host key (a ``SHA256:...`` fingerprint), remembering it if it is new.

    A known server keeps its first label and directory under whatever name it is reached now.
    """
    row = connection.execute(select(servers).where(servers.c.host_key == host_key)).first()
    if row is not None:
        connection.execute(update(servers).where(servers.c.id == row.id).values(last_seen_at=now))
        return ServerRow(row.id, row.label, row.directory)
    marks = _marks(host_key)
    name = _label(host, port)
    label = _first_free(connection, servers.c.label, _candidates(name, name, "~", marks, 6))
    slug = _slug(name)
    start = f"{slug}-{marks[:8]}"
    directory = _first_free(connection, servers.c.directory, _candidates(start, slug, "-", marks, 8))
    new = insert(servers).values(
        host_key=host_key, label=label, directory=directory, first_seen_at=now, last_seen_at=now
    )
    return ServerRow(connection.execute(new.returning(servers.c.id)).scalar_one(), label, directory)


def _label(host: str, port: int | None) -> str:
    clean = (
        re.sub(r"[\x00-\x20\x7f/\\~\ud800-\udfff]+", "_", host) or "server"
    )  # "/" and "~" mean something in run keys
    if port in (None, SSH_PORT):
        return clean
    return f"[{clean}]:{port}" if ":" in clean else f"{clean}:{port}"


def _slug(name: str) -> str:
    """Return ``name`` as a file name every local filesystem takes: no colons, no leading dot, not long."""
    return re.sub(r"[^a-z0-9._-]+", "-", name.lower()).strip("-.")[:80] or "server"


def _marks(host_key: str) -> str:
    """Return the fingerprint's letters and digits, in lower case: file names may not tell cases apart."""
    return re.sub(r"[^a-z0-9]", "", host_key.removeprefix("SHA256:").lower()).ljust(8, "0")


def _candidates(first: str, base: str, mark: str, marks: str, shortest: int) -> Iterator[str]:
    yield first
    yield from (f"{base}{mark}{marks[:length]}" for length in range(shortest, len(marks) + 1))
    number = 2
    while True:
        yield f"{base}{mark}{marks}{mark}{number}"
        number += 1


def _first_free(connection: Connection, column: Column[str], candidates: Iterator[str]) -> str:
    return next(name for name in candidates if connection.execute(select(column).where(column == name)).first() is None)
