"""The first page of a list, found at the beginning of its order, and how many runs there are on all pages.

Where a filter leaves much, the first page is near the beginning: there each run is asked. Where it leaves little,
``run_list`` is quicker. The total of the commonest lists is known without going through the runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
from sqlalchemy import (
    CompoundSelect,
    Connection,
    Select,
    Subquery,
    func,
    literal_column,
    null,
    or_,
    select,
    union,
    union_all,
)

from runferry.model import RunStatus
from runferry.store.query import Comparison, parse_query
from runferry.store.query_terms import UNENDED, is_of_values, select_runs_with
from runferry.store.run_list import (
    MOVED,
    PAGE,
    SHORT,
    SORTS,
    Listed,
    RunFilter,
    is_filtered,
    make_conditions,
    order_by,
    order_columns,
    select_count,
    select_matching,
    use_index,
)
from runferry.store.tables import run_values, runs, series, servers

WALKED = 1_000
"""Runs that are asked one by one: less work than to look through a hundred thousand, and enough where 5 % match."""

FURTHEST = 1_000
"""The last row of a page that is looked for among them."""

_ORDERS = {
    "created_time": "ix_runs_created_at",
    "started_at": "ix_runs_started_at",
    "ended_at": "ix_runs_ended_at",
    "status": "ix_runs_state",
    "project": "ix_runs_project",
    "name": "ix_runs_name",
    "id": "ix_runs_run_id",
    "key": "ix_runs_key",
    "best_metric_value": "ix_runs_best_metric_value",
    "best": "ix_runs_best",
}
"""The indexes that have runs in the order they are sorted by."""


def select_first(chosen: RunFilter, listed: Listed) -> Iterator[Subquery]:
    """Yield the page, like ``run_list.select_page``, as far as it is among the first runs of the list; more each time.

    Fewer rows than ``chosen.limit`` mean nothing: the next one tells, in the end ``select_page``.
    """
    last = chosen.offset + (chosen.limit or 0)
    if not chosen.limit or last > FURTHEST:
        return
    for walked in _choose_counts(chosen, listed, last):
        near = _select_near(chosen, walked).cte("near").prefix_with("MATERIALIZED")
        asked = select(near.c.id, near.c.rank, null().label("total")).join(runs, runs.c.id == near.c.id)
        page = use_index(asked, PAGE).where(listed.condition, *make_conditions(chosen, is_probed=True))
        yield page.order_by(*order_by(chosen, near)).limit(chosen.limit).offset(chosen.offset).subquery("page")


def _choose_counts(chosen: RunFilter, listed: Listed, last: int) -> list[int]:
    """Return how many runs to look through for a page that ends at row ``last``, and then again.

    The less it costs to find a page otherwise, the sooner that is done.
    """
    if not is_filtered(chosen):
        return [2 * last]
    if listed.few or (listed.index == SHORT and not any(map(is_of_values, parse_query(chosen.q or "")))):
        return [8 * last]
    return [4 * last, WALKED] if 4 * last < WALKED else [4 * last]


def _select_near(chosen: RunFilter, count: int) -> Select[Any]:
    """Return the query for the first runs of all there are, hidden ones included: ``id`` and ``rank``."""
    rank = SORTS[chosen.sort]
    if chosen.sort == "duration_seconds":
        return _select_near_by_duration(chosen, count)
    if chosen.sort == "server":
        # The addition keeps the database from looking up the server of each run: it takes one after the other.
        near = use_index(select(runs.c.id, rank.label("rank")), "ix_runs_server_id_remote_dir")
        near = near.join(servers, servers.c.id + 0 == runs.c.server_id)
    else:
        near = use_index(select(runs.c.id, rank.label("rank")), _ORDERS[chosen.sort])
    return near.order_by(*order_columns(chosen, rank, runs.c.id)).limit(count)


def _select_near_by_duration(chosen: RunFilter, count: int) -> Select[Any]:
    """Merge those that have ended with those that have not, which grow; those without a duration come last anyway."""
    ended = use_index(select(runs.c.id, runs.c.length.label("rank")), "ix_runs_length")
    ended = ended.where(runs.c.length.is_not(None)).order_by(*order_columns(chosen, runs.c.length, runs.c.id))
    running = use_index(select(runs.c.id, UNENDED.label("rank")), "ix_runs_unended").where(
        runs.c.ended_at.is_(None),
        runs.c.status == literal_column(f"'{RunStatus.RUNNING.value}'"),  # by its name, as the index has it
        runs.c.state == RunStatus.RUNNING.value,
    )
    running = running.order_by(*order_columns(chosen, UNENDED, runs.c.id))
    both = union_all(*(select(part.limit(count).subquery()) for part in (ended, running))).subquery("both")
    return select(both.c.id, both.c.rank).order_by(*order_columns(chosen, both.c.rank, both.c.id)).limit(count)


def fetch_total(connection: Connection, chosen: RunFilter, listed: Listed) -> int:
    """Return how many runs there are on all pages."""
    terms = parse_query(chosen.q or "")
    values = [term for term in terms if is_of_values(term)]
    has_others = any((chosen.server, chosen.project, chosen.name, chosen.status)) or len(values) != len(terms)
    is_whole = listed.index == SHORT and not has_others
    if is_whole and not values:
        return _fetch_number(connection, _COUNT_OF_ALL)
    if is_whole and len(values) == 1:
        count = _fetch_number(connection, _select_count_of_value(values[0]))
        return _fetch_number(connection, _COUNT_OF_ALL) - count if values[0].is_negated else count
    if not values or listed.few:
        return _fetch_number(connection, select_count(chosen, listed))
    met = [_fetch_ids(connection, union_all(*select_runs_with(term))) for term in values if not term.is_negated]
    if is_whole and met:
        hidden = _fetch_ids(connection, _HIDDEN)
    else:
        hidden = set()
        met.append(_fetch_ids(connection, select_matching(chosen, listed, runs.c.id, besides=values)))
    failed = (_fetch_ids(connection, union_all(*select_runs_with(term))) for term in values if term.is_negated)
    return len(set.intersection(*met).difference(hidden, *failed))


_IN_BIN = select(runs.c.id).where(or_(runs.c.recycled_at.is_not(None), runs.c.deleted_at.is_not(None)))
_HIDDEN = select(union(_IN_BIN, MOVED).subquery("hidden").c.id)
_EVERY, _LEFT_OUT = (select(func.count()).select_from(part) for part in (runs, _HIDDEN.subquery("left_out")))
_COUNT_OF_ALL = select(_EVERY.scalar_subquery() - _LEFT_OUT.scalar_subquery())


def _select_count_of_value(term: Comparison) -> Select[Any]:
    """Return the query for how many runs have such a value, whether the comparison is negated or not."""
    written, logged = select_runs_with(term)
    one = written.where(run_values.c.run_id.not_in(_HIDDEN)).subquery("written")
    two = logged.where(series.c.run_id.not_in(_HIDDEN)).distinct().subquery("logged")
    counts = (select(func.count()).select_from(part).scalar_subquery() for part in (one, two))
    return select(next(counts) + next(counts))


def _fetch_number(connection: Connection, query: Select[Any]) -> int:
    return int(connection.execute(query).scalar_one())


def _fetch_ids(connection: Connection, query: Select[Any] | CompoundSelect[Any]) -> set[int]:
    """Return the ids that the only column of a query holds: as one value, which is far quicker than as many rows."""
    (column,) = query.subquery().c
    return set(orjson.loads(connection.execute(select(func.json_group_array(column))).scalar_one()))
