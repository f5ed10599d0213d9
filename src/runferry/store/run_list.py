"""Which runs a list shows, in which order: filters turned into SQL over the narrow page index. Reads only."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, exists, func, not_, or_, select

from runferry.errors import InvalidRequest
from runferry.store.tables import runs, servers, syncs
from runferry.store.verdict import effective_status

SORTS: dict[str, ColumnElement[Any]] = {
    "created_time": runs.c.created_at,
    "started_at": runs.c.started_at,
    "ended_at": runs.c.ended_at,
    "duration_seconds": runs.c.ended_at - runs.c.started_at,
    "status": effective_status(),
    "project": runs.c.project,
    "name": runs.c.name,
    "id": runs.c.run_id,
    "key": runs.c.key,
    "server": servers.c.label,
    "best_metric_value": runs.c.best_metric_value,
}
"""What lists can be sorted by. Where a run has no value it comes last, in either order."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What to list. Names match exactly, ``q`` is looked for in key (server, id), project and name, any case.

    ``deleted`` False shows no run that was soft-deleted on the server, True only those, None both. Without ``limit``
    all are listed.
    """

    server: str | None = None
    project: str | None = None
    name: str | None = None
    status: str | None = None
    q: str | None = None
    sort: str = "created_time"
    order: str = "desc"
    limit: int | None = None
    offset: int = 0
    deleted: bool | None = False


def order_by(chosen: RunFilter) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return what to sort by; runs that are equal in it keep an order too. Raises InvalidRequest."""
    if chosen.sort not in SORTS:
        raise InvalidRequest(f"sort must be one of {', '.join(SORTS)}; not {chosen.sort!r}")
    if chosen.order not in ("asc", "desc"):
        raise InvalidRequest(f"order must be asc or desc; not {chosen.order!r}")
    column = SORTS[chosen.sort]
    if chosen.order == "desc":
        return column.desc().nulls_last(), runs.c.id.desc()
    return column.asc().nulls_last(), runs.c.id.asc()


def select_page(chosen: RunFilter, visible: ColumnElement[bool]) -> Select[Any]:
    """Return the query for the row ids of one page, for use as a subquery. Raises InvalidRequest."""
    if chosen.offset < 0 or (chosen.limit is not None and chosen.limit < 0):
        raise InvalidRequest("limit and offset must not be negative")
    query = select(runs.c.id).where(visible, *_conditions(chosen)).order_by(*order_by(chosen))
    if chosen.sort == "server":
        query = query.join(servers, servers.c.id == runs.c.server_id)
    return query.limit(chosen.limit).offset(chosen.offset or None)


def select_count(chosen: RunFilter, visible: ColumnElement[bool]) -> Select[Any]:
    """Return the query for how many runs there are on all pages."""
    return select(func.count()).select_from(runs).where(visible, *_conditions(chosen))


def select_visible(connection: Connection) -> ColumnElement[bool]:
    """Return the condition that leaves one row of each run.

    A directory seen by two syncs is shown as the better one has it (see ``_find_better``). A run that is gone is not
    shown where the same id is still there on the same server: its directory was renamed.
    """
    other = runs.alias("other")
    is_elsewhere = exists().where(
        other.c.run_id == runs.c.run_id, other.c.server_id == runs.c.server_id, other.c.gone_at.is_(None)
    )
    conditions: list[ColumnElement[bool]] = [or_(runs.c.gone_at.is_(None), not_(is_elsewhere))]
    for sync_id, better in _find_better(connection).items():
        has_better = exists().where(
            other.c.key == runs.c.key,
            other.c.sync_id.in_(better),
            or_(other.c.gone_at.is_(None), runs.c.gone_at.is_not(None)),
        )
        conditions.append(not_(and_(runs.c.sync_id == sync_id, has_better)))
    return and_(*conditions)


def _find_better(connection: Connection) -> dict[int, list[int]]:
    """Return, for each sync whose root overlaps others', those that show a run they share rather than it.

    An active sync goes before one that was stopped, then a mirror (it has all bytes) before smart, then the older.
    """
    rows = connection.execute(select(syncs)).all()
    ranked = sorted(rows, key=lambda row: (not row.is_active, row.mode != "mirror", row.id))
    better: dict[int, list[int]] = {}
    for position, row in enumerate(ranked):
        before = [
            other.id
            for other in ranked[:position]
            if other.server_id == row.server_id and _overlap(other.remote_root, row.remote_root)
        ]
        if before:
            better[row.id] = before
    return better


def _overlap(one: str, two: str) -> bool:
    shorter, longer = sorted((one.rstrip("/") + "/", two.rstrip("/") + "/"), key=len)
    return longer.startswith(shorter)


def _conditions(chosen: RunFilter) -> Iterable[ColumnElement[bool]]:
    if chosen.server is not None:
        yield runs.c.server_id.in_(select(servers.c.id).where(servers.c.label == chosen.server))
    if chosen.project is not None:
        yield runs.c.project == chosen.project
    if chosen.name is not None:
        yield runs.c.name == chosen.name
    if chosen.status is not None:
        yield effective_status() == chosen.status
    if chosen.deleted is not None:
        yield runs.c.deleted_at.is_not(None) if chosen.deleted else runs.c.deleted_at.is_(None)
    if chosen.q:
        yield or_(*(column.icontains(chosen.q, autoescape=True) for column in _SEARCHED))


_SEARCHED = (runs.c.key, runs.c.project, runs.c.name)
