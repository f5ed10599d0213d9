"""Which documents of runs are here and say nothing, being damaged or half-written. Everything here blocks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sqlalchemy import Connection, bindparam, delete, select

from runferry.store.db import split, upsert
from runferry.store.tables import damaged_documents

_DAMAGED = select(damaged_documents.c.path, damaged_documents.c.message).where(
    damaged_documents.c.sync_id == bindparam("sync_id")
)


def list_damaged(connection: Connection, sync_id: int) -> dict[str, str]:
    """Return what is wrong with a sync's documents, by their paths."""
    return {path: why for path, why in connection.execute(_DAMAGED, {"sync_id": sync_id})}


def note_damaged(connection: Connection, sync_id: int, whole: Iterable[str], damaged: Mapping[str, str]) -> None:
    """Record that some documents are damaged, and that others are not, or are no more."""
    table = damaged_documents
    for part in split(whole):
        connection.execute(delete(table).where(table.c.sync_id == sync_id, table.c.path.in_(part)))
    rows = [{"sync_id": sync_id, "path": path, "message": why} for path, why in damaged.items()]
    upsert(connection, table, rows, keys=["sync_id", "path"])
