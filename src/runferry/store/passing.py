"""A server that does not outlive the program: all that the index and the disk hold of it goes with it.

The index remembers which one it is, so that the next start can clear what an abrupt end has left.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Row, delete, select

from runferry.store.db import Database, upsert
from runferry.store.removal import remove_local
from runferry.store.servers import ensure_server
from runferry.store.tables import facts, metadata, runs, servers, syncs

FACT = "passing_server"
"""The fact that holds the server's host key, as a fingerprint."""

KEPT = ("mirror", "cache")
"""Where in the data directory a server has a folder of its own."""


class PassingServer:
    """The one server of this data directory that is to vanish. Every call blocks."""

    def __init__(self, db: Database, data_dir: Path) -> None:
        self._db = db
        self._data_dir = data_dir

    def announce(self, host_key: str, label: str, *, at: float) -> str:
        """Say, before anything is copied, that the server with this host key will vanish; return the label it has.

        It begins with ``label``: a server that is known keeps its first one however it is reached.
        """
        with self._db.writing() as connection:
            upsert(connection, facts, [{"name": FACT, "value": host_key}], keys=["name"])
            return ensure_server(connection, host_key, host=label, port=None, now=at).label

    def list_syncs(self) -> Sequence[int]:
        """Return the syncs of the server: none may be at work when it is forgotten."""
        with self._db.reading() as connection:
            server = find_server(connection)
            return () if server is None else list_syncs_of(connection, server.id)

    def forget(self) -> Sequence[str]:
        """Remove its rows and local bytes for good; return the keys of its runs. Raises LocalCopyDamaged.

        Bytes go first: while they are there, so is the row that tells of them.
        """
        with self._db.reading() as connection:
            server = find_server(connection)
        if server is None:
            return ()
        staged = [f"staging/{sync_id}" for sync_id in self.list_syncs()]
        for place in (*staged, *(f"{folder}/{server.directory}" for folder in KEPT)):
            remove_local(self._data_dir, place)
        with self._db.writing() as connection:
            keys = connection.execute(select(runs.c.key).where(runs.c.server_id == server.id)).scalars().all()
            for table in reversed(metadata.sorted_tables):  # what refers to others comes first
                if "server_id" in table.c:
                    connection.execute(delete(table).where(table.c.server_id == server.id))
            connection.execute(delete(servers).where(servers.c.id == server.id))
            connection.execute(delete(facts).where(facts.c.name == FACT))
        return keys


def find_server(connection: Connection) -> Row[Any] | None:
    """Return the row of the server that is to vanish."""
    host_key = select(facts.c.value).where(facts.c.name == FACT).scalar_subquery()
    return connection.execute(select(servers).where(servers.c.host_key == host_key)).first()


def list_syncs_of(connection: Connection, server_id: int) -> Sequence[int]:
    return connection.execute(select(syncs.c.id).where(syncs.c.server_id == server_id)).scalars().all()
