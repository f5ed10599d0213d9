"""The connections a user saved: where to log in and how, never with what. Every call blocks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Row, delete, select

from runferry.errors import NotFound
from runferry.store.db import Database, upsert
from runferry.store.tables import saved_connections


@dataclass(frozen=True, slots=True)
class SavedConnection:
    """``secrets`` names what the keyring holds for it (password, passphrase, private_key); the values are not here."""

    key: str
    host: str
    port: int
    username: str
    name: str
    auth_method: str
    private_key_path: str | None
    secrets: tuple[str, ...]
    saved_at: float


class SavedStore:
    """The ``saved_connections`` table."""

    def __init__(self, db: Database) -> None:
        self._db = db

    def all(self) -> Sequence[SavedConnection]:
        """Return them by name and key."""
        query = select(saved_connections).order_by(saved_connections.c.name, saved_connections.c.key)
        with self._db.reading() as connection:
            return [_read(row) for row in connection.execute(query)]

    def find(self, key: str) -> SavedConnection:
        """Raises NotFound."""
        with self._db.reading() as connection:
            row = connection.execute(select(saved_connections).where(saved_connections.c.key == key)).first()
        if row is None:
            raise NotFound(f"There is no saved connection {key}; see GET /api/config/ssh_connections.")
        return _read(row)

    def put(self, saved: SavedConnection) -> None:
        row = asdict(saved) | {"secrets": " ".join(saved.secrets)}
        with self._db.writing() as connection:
            upsert(connection, saved_connections, [row], keys=["key"])

    def drop(self, key: str) -> None:
        with self._db.writing() as connection:
            connection.execute(delete(saved_connections).where(saved_connections.c.key == key))


def _read(row: Row[Any]) -> SavedConnection:
    values = dict(row._mapping)
    return SavedConnection(**values | {"secrets": tuple(row.secrets.split())})
