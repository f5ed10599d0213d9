"""Which indexed paths lie at or below paths that are gone. Reads one sync's rows; marks nothing."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import Connection, Table, or_, select

_FEW = 100
"""Up to this many gone places the index is asked for each; beyond it, all rows are looked at once."""


def find_below(connection: Connection, table: Table, sync_id: int, gone: Collection[str]) -> set[str]:
    """Return the paths of ``table`` (which has sync_id, path, gone_at) at or below ``gone``, unless gone already."""
    places = find_topmost(gone)
    query = select(table.c.path).where(table.c.sync_id == sync_id, table.c.gone_at.is_(None))
    if len(places) > _FEW or "" in places:
        rows = connection.execute(query).scalars()
        return {path for path in rows if is_within(path, places)}
    found: set[str] = set()
    for place in places:
        # "0" follows "/": a range the index can answer, unlike LIKE
        is_below = (table.c.path > f"{place}/") & (table.c.path < f"{place}0")
        found.update(connection.execute(query.where(or_(table.c.path == place, is_below))).scalars())
    return found


def find_topmost(paths: Collection[str]) -> set[str]:
    """Leave out what lies below another of ``paths``."""
    everything = set(paths)
    return {path for path in everything if not is_within(path.rpartition("/")[0] if path else None, everything)}


def is_within(path: str | None, places: Collection[str]) -> bool:
    """Say whether ``path`` or a directory above it is among ``places``."""
    while path:
        if path in places:
            return True
        path = path.rpartition("/")[0]
    return path == "" and "" in places
