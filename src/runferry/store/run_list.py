"""Which runs a list shows, in which order: filters turned into SQL over a few indexes. Reads only.

No list touches the wide rows of ``runs``: each statement names the index that holds all it asks for, since the database
would rather fetch rows. See also ``run_walk``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import (
    CTE,
    ColumnElement,
    Connection,
    Select,
    Subquery,
    and_,
    exists,
    func,
    not_,
    null,
    or_,
    select,
    union_all,
)

from runferry.errors import InvalidRequest
from runferry.store.query import Comparison, Term, parse_query
from runferry.store.query_terms import (
    DURATION,
    has_any,
    is_of_ids,
    is_of_texts,
    is_of_values,
    select_runs_with,
    to_condition,
)
from runferry.store.tables import runs, servers, syncs

PAGE, SHORT, TEXTS = "ix_runs_page", "ix_runs_short", "ix_runs_texts"
"""All that lists ask of runs, by id; most of it, but of runs that are listed; texts of those."""

FEW = 5_000
"""Runs that are looked up by their ids: less work than to go through a hundred thousand."""

SORTS: dict[str, ColumnElement[Any]] = {
    "created_time": runs.c.created_at,
    "started_at": runs.c.started_at,
    "ended_at": runs.c.ended_at,
    "duration_seconds": DURATION,
    "status": runs.c.state,
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
    """The runs that a list may show. ``index`` holds all that is asked of them, but for what they are sorted by.

    ``few``: a comparison that holds for few of them, see ``find_few``.
    """

    condition: ColumnElement[bool]
    index: str
    few: Comparison | None = None


_OTHER, _GONE = runs.alias("other"), runs.alias("gone")
_IS_SAME = and_(_OTHER.c.run_id == _GONE.c.run_id, _OTHER.c.server_id == _GONE.c.server_id, _OTHER.c.gone_at.is_(None))

MOVED = select(_GONE.c.id).join(_OTHER, _IS_SAME).where(_GONE.c.gone_at.is_not(None))
"""The query for the ids of runs that are gone from where they were, and are elsewhere on their server."""


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


def select_page(chosen: RunFilter, listed: Listed) -> Subquery:
    """Return one page: each row's ``id`` and ``rank``, and ``total``: how many match, or None.

    Where anything is filtered by, what matches is found once and counted on the way; where all match, the database is
    quicker to find the first rows alone. Raises InvalidRequest for a query that makes no sense.
    """
    ranked = _select_ranked(chosen, listed)
    if chosen.limit is not None and is_filtered(chosen):
        found = ranked.cte("matching").prefix_with("MATERIALIZED")
        total = select(func.count()).select_from(found).scalar_subquery()
        page = select(found.c.id, found.c.rank, total.label("total")).order_by(*order_by(chosen, found))
    else:
        # By the column's name: a duration written twice would be reckoned twice for every run.
        page = ranked.add_columns(null().label("total")).order_by(*order_by(chosen, ranked))
    return page.limit(chosen.limit).offset(chosen.offset or None).subquery("page")


def _select_ranked(chosen: RunFilter, listed: Listed) -> Select[Any]:
    columns = (runs.c.id, SORTS[chosen.sort].label("rank"))
    if listed.index == TEXTS:
        # Texts are found in their own index, and what matches is looked up: words leave little, as a rule.
        found = select_matching(chosen, listed, runs.c.id).correlate(None)
        query = use_index(select(*columns), PAGE).where(runs.c.id.in_(found))
    else:
        query = select_matching(chosen, listed, *columns, has_ids=chosen.sort in ("id", "key"))
    return query.join(servers, servers.c.id == runs.c.server_id) if chosen.sort == "server" else query


def select_matching(
    chosen: RunFilter,
    listed: Listed,
    *columns: ColumnElement[Any],
    has_ids: bool = False,
    besides: Collection[Comparison] = (),
) -> Select[Any]:
    """Return the query for these columns of the runs that match, ``besides`` some comparisons.

    ``has_ids``: a run's id or key is one of the columns.
    """
    index = PAGE if listed.few or (has_ids and listed.index == SHORT) else listed.index
    found = [runs.c.id.in_(union_all(*select_runs_with(listed.few)))] if listed.few else []
    # The database asks in this order, and what is filtered by leaves less than what is hidden.
    return use_index(select(*columns).select_from(runs), index).where(
        *found, *make_conditions(chosen, besides={*besides, listed.few}), listed.condition
    )


def use_index(query: Select[Any], index: str) -> Select[Any]:
    """Have the query read ``runs`` by this index and no other."""
    return query.with_hint(runs, f"INDEXED BY {index}", "sqlite")


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
    return select_matching(chosen, listed, func.count())


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
    """Return the same condition for a whole list: what is gone is found once, not asked after for every row."""
    is_here = or_(runs.c.gone_at.is_(None), runs.c.id.not_in(MOVED))
    best_seen = _select_best_seen(connection)
    condition = and_(runs.c.recycled_at.is_(None), is_here, *best_seen)
    index = _find_index(chosen) if chosen.deleted is False and not best_seen else PAGE
    return Listed(condition, index)


def _find_index(chosen: RunFilter) -> str:
    """Return the shortest index that holds all that runs are filtered by, where none is recycled or deleted."""
    terms = parse_query(chosen.q or "")
    if not any(is_of_texts(term) or is_of_ids(term) for term in terms):
        return SHORT
    has_others = any((chosen.server, chosen.project, chosen.name, chosen.status))
    return PAGE if has_others or not all(is_of_texts(term) for term in terms) else TEXTS


def find_few(connection: Connection, chosen: RunFilter, listed: Listed) -> Listed:
    """Return it with a comparison that few runs meet, where the list has one."""
    for term in parse_query(chosen.q or ""):
        if is_of_values(term) and not term.is_negated:
            first = union_all(*select_runs_with(term)).limit(FEW + 1).subquery("first")
            if connection.execute(select(func.count()).select_from(first)).scalar_one() <= FEW:
                return replace(listed, few=term)
    return listed


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


def make_conditions(
    chosen: RunFilter, *, besides: Collection[Term | None] = (), is_probed: bool = False
) -> Iterable[ColumnElement[bool]]:
    """Yield what a run must be, ``besides`` some terms. ``is_probed`` as in ``query_terms.to_condition``."""
    if chosen.server:
        yield has_any(servers.c.label, chosen.server)
    if chosen.project:
        yield runs.c.project.in_(chosen.project)
    if chosen.name:
        yield runs.c.name.in_(chosen.name)
    if chosen.status:
        yield runs.c.state.in_(chosen.status)
    if chosen.deleted is not None:
        yield runs.c.deleted_at.is_not(None) if chosen.deleted else runs.c.deleted_at.is_(None)
    # What a run's own fields tell comes first: looking up its values takes longer.
    terms = sorted(parse_query(chosen.q or ""), key=is_of_values)
    yield from (to_condition(term, is_probed=is_probed) for term in terms if term not in besides)
