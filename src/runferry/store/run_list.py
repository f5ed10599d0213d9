"""Which runs a list shows, in which order: filters turned into SQL over a few indexes. Reads only.

``ix_runs_page`` holds all that lists are filtered and sorted by, ``ix_runs_short`` and ``ix_runs_best`` what most lists
are: a hundred thousand runs are looked through without touching their wide rows. See also ``run_walk``.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import CTE, ColumnElement, Connection, Select, Subquery, and_, exists, func, not_, null, or_, select

from runferry.errors import InvalidRequest
from runferry.store.query import parse_query
from runferry.store.query_terms import DURATION, has_any, is_in_short_index, is_of_values, to_condition
from runferry.store.tables import runs, servers, syncs
from runferry.store.verdict import effective_status

SORTS: dict[str, ColumnElement[Any]] = {
    "created_time": runs.c.created_at,
    "started_at": runs.c.started_at,
    "ended_at": runs.c.ended_at,
    "duration_seconds": DURATION,
    "status": effective_status(),
    "project": runs.c.project,
    "name": runs.c.name,
    "id": runs.c.run_id,
    "key": runs.c.key,
    "server": servers.c.label,
    "best_metric_value": runs.c.best_metric_value,
    "best": runs.c.best_score,
}
"""What lists can be sorted by. Where a run has no value it comes last, in either order."""


@dataclass(frozen=True, slots=True)
class RunFilter:
    """What to list. Of several servers, projects, names or statuses any may match, exactly; none: all do.

    ``q`` is the filter language of ``store.query``. ``sort="best"`` knows which metrics are better when less, where
    the run's summary says so. ``deleted`` False shows no run that was soft-deleted on the server, True only those,
    None both. Without ``limit`` all are listed.
    """

    server: Sequence[str] = ()
    project: Sequence[str] = ()
    name: Sequence[str] = ()
    status: Sequence[str] = ()
    q: str | None = None
    sort: str = "created_time"
    order: str = "desc"
    limit: int | None = None
    offset: int = 0
    deleted: bool | None = False


@dataclass(frozen=True, slots=True)
class Listed:
    """The runs that a list may show. ``is_short``: the short indexes hold all it is filtered and sorted by."""

    condition: ColumnElement[bool]
    is_short: bool


_OTHER, _GONE = runs.alias("other"), runs.alias("gone")


def check_page(chosen: RunFilter) -> None:
    """Raise InvalidRequest for a sort, an order or a range that there is not."""
    if chosen.sort not in SORTS:
        raise InvalidRequest(f"sort must be one of {', '.join(SORTS)}; not {chosen.sort!r}")
    if chosen.order not in ("asc", "desc"):
        raise InvalidRequest(f"order must be asc or desc; not {chosen.order!r}")
    if chosen.offset < 0 or (chosen.limit is not None and chosen.limit < 0):
        raise InvalidRequest("limit and offset must not be negative")


def is_filtered(chosen: RunFilter) -> bool:
    """Say whether the list leaves out runs that are neither deleted nor hidden."""
    return any((chosen.server, chosen.project, chosen.name, chosen.status, chosen.q))


def select_matching(chosen: RunFilter, visible: ColumnElement[bool]) -> CTE:
    """Return what matches, found once for use within one statement: ``id`` and ``rank`` (what it is sorted by).

    Raises InvalidRequest for a query that makes no sense.
    """
    return _select_ranked(chosen, visible).cte("matching").prefix_with("MATERIALIZED")


def select_page(chosen: RunFilter, listed: Listed) -> Subquery:
    """Return one page: each row's ``id`` and ``rank``, and ``total``: how many match, or None.

    Where anything is filtered by, what matches is found once and counted on the way; where all match, the database is
    quicker to find the first rows alone, and ``select_count`` the total. Raises as ``select_matching``.
    """
    if chosen.limit is not None and is_filtered(chosen):
        found = select_matching(chosen, listed.condition)
        total = select(func.count()).select_from(found).scalar_subquery()
        page = select(found.c.id, found.c.rank, total.label("total")).order_by(*order_by(chosen, found))
    else:
        ranked = _select_ranked(chosen, listed.condition)
        # By the column's name: a duration written twice would be reckoned twice for every run.
        page = ranked.add_columns(null().label("total")).order_by(*order_by(chosen, ranked))
    return page.limit(chosen.limit).offset(chosen.offset or None).subquery("page")


def _select_ranked(chosen: RunFilter, visible: ColumnElement[bool]) -> Select[Any]:
    # The database asks in this order, and what is filtered by leaves less than what is hidden.
    query = select(runs.c.id, SORTS[chosen.sort].label("rank")).where(*_conditions(chosen), visible)
    return query.join(servers, servers.c.id == runs.c.server_id) if chosen.sort == "server" else query


def order_by(chosen: RunFilter, ranked: CTE | Subquery | Select[Any]) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    """Return what to sort by; runs that are equal in it keep an order too."""
    columns = ranked.selected_columns if isinstance(ranked, Select) else ranked.c
    return order_columns(chosen, columns.rank, columns.id)


def order_columns(
    chosen: RunFilter, rank: ColumnElement[Any], row_id: ColumnElement[Any]
) -> tuple[ColumnElement[Any], ColumnElement[Any]]:
    if chosen.order == "desc":
        return rank.desc().nulls_last(), row_id.desc()
    return rank.asc().nulls_last(), row_id.asc()


def select_count(chosen: RunFilter, listed: Listed) -> Select[Any]:
    """Return the query for how many runs there are on all pages."""
    return select(func.count()).select_from(runs).where(listed.condition, *_conditions(chosen))


def select_visible(connection: Connection, *, is_recycled: bool = False) -> ColumnElement[bool]:
    """Return the condition that leaves one row of each run that the user has not deleted (or: of those deleted).

    A directory seen by two syncs is shown as the better one has it (see ``_find_better``). A run that is gone is not
    shown where the same id is still there on the same server: its directory was renamed.
    """
    is_elsewhere = exists().where(
        _OTHER.c.run_id == runs.c.run_id, _OTHER.c.server_id == runs.c.server_id, _OTHER.c.gone_at.is_(None)
    )
    in_bin = runs.c.recycled_at.is_not(None) if is_recycled else _hide_from_short_index(runs.c.recycled_at)
    return and_(in_bin, or_(runs.c.gone_at.is_(None), not_(is_elsewhere)), *_select_best_seen(connection))


def select_listed(connection: Connection, chosen: RunFilter) -> Listed:
    """Return the same condition for a whole list: what is gone is found once, not asked after for every row.

    A shorter index of lists is used where it holds all that is asked for.
    """
    is_here = or_(runs.c.gone_at.is_(None), runs.c.id.not_in(select_moved()))
    best_seen = _select_best_seen(connection)
    is_short = _is_short(chosen) and not best_seen
    recycled = runs.c.recycled_at
    in_bin = recycled.is_(None) if is_short else _hide_from_short_index(recycled)
    return Listed(and_(in_bin, is_here, *best_seen), is_short)


def select_moved() -> Select[Any]:
    """Return the query for the ids of runs that are gone from where they were, and are elsewhere on their server."""
    is_same = and_(
        _OTHER.c.run_id == _GONE.c.run_id, _OTHER.c.server_id == _GONE.c.server_id, _OTHER.c.gone_at.is_(None)
    )
    return select(_GONE.c.id).join(_OTHER, is_same).where(_GONE.c.gone_at.is_not(None))


def _is_short(chosen: RunFilter) -> bool:
    terms = parse_query(chosen.q or "")
    return chosen.deleted is False and chosen.sort in _SHORT_SORTS and all(is_in_short_index(term) for term in terms)


_SHORT_SORTS = frozenset(SORTS) - {"id", "key"}


def _hide_from_short_index(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Ask whether the column is null such that no short index is taken: it would fetch every wide row."""
    return (column + 0).is_(None)


def _select_best_seen(connection: Connection) -> list[ColumnElement[bool]]:
    """Return what leaves one row of each directory that several syncs see."""
    conditions: list[ColumnElement[bool]] = []
    for sync_id, better in _find_better(connection).items():
        has_better = exists().where(
            _OTHER.c.key == runs.c.key,
            _OTHER.c.sync_id.in_(better),
            or_(_OTHER.c.gone_at.is_(None), runs.c.gone_at.is_not(None)),
        )
        conditions.append(not_(and_(runs.c.sync_id == sync_id, has_better)))
    return conditions


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
    if chosen.server:
        yield has_any(servers.c.label, chosen.server)
    if chosen.project:
        yield runs.c.project.in_(chosen.project)
    if chosen.name:
        yield runs.c.name.in_(chosen.name)
    if chosen.status:
        yield effective_status().in_(chosen.status)
    if chosen.deleted is not None:
        yield runs.c.deleted_at.is_not(None) if chosen.deleted else runs.c.deleted_at.is_(None)
    # What a run's own fields tell comes first: looking up its values takes longer.
    yield from (to_condition(term) for term in sorted(parse_query(chosen.q or ""), key=is_of_values))
