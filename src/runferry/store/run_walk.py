"""Lists of runs that are filtered by a parameter or metric (``seed<500``), found without looking through all runs.

Where a filter leaves much, the first page is near the beginning of the list: there each run is asked. Where it leaves
little, ``run_list`` is quicker. The total is counted from the values, less those of the few runs that lists hide.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, Subquery, func, null, or_, select, union

from runferry.store.query import Comparison, parse_query
from runferry.store.query_terms import is_of_values, select_runs_with, to_probe
from runferry.store.run_list import (
    SORTS,
    Listed,
    RunFilter,
    is_filtered,
    order_by,
    order_columns,
    select_count,
    select_moved,
)
from runferry.store.tables import run_values, runs, series

WALKED = 2_000
"""Runs that are asked one by one: less work than to look through a hundred thousand, and enough where 5 % match."""

FURTHEST = 200
"""The last row of a page that is looked for among them."""

_ORDERED = frozenset({"created_time", "best"})
"""Sorts that an index has the order of, from the greatest on."""


def select_first(chosen: RunFilter, listed: Listed) -> Subquery | None:
    """Return the page, like ``run_list.select_page``, as far as it is among the first runs of the list.

    None: that is not worth trying. Fewer rows than ``chosen.limit`` mean nothing: then ``select_page`` tells.
    """
    term = find_lone_value(chosen, listed)
    is_ordered = chosen.sort in _ORDERED and chosen.order == "desc"
    if term is None or not is_ordered or not chosen.limit or chosen.limit + chosen.offset > FURTHEST:
        return None
    near = select(runs.c.id, SORTS[chosen.sort].label("rank")).where(listed.condition, runs.c.deleted_at.is_(None))
    near = near.order_by(*order_columns(chosen, SORTS[chosen.sort], runs.c.id)).limit(WALKED)
    first = near.subquery("near")
    page = select(first.c.id, first.c.rank, null().label("total")).where(to_probe(term, first.c.id))
    return page.order_by(*order_by(chosen, first)).limit(chosen.limit).offset(chosen.offset).subquery("page")


def select_total(chosen: RunFilter, listed: Listed) -> Select[Any]:
    """Return the query for how many runs there are on all pages."""
    term = find_lone_value(chosen, listed)
    in_bin = select(runs.c.id).where(or_(runs.c.recycled_at.is_not(None), runs.c.deleted_at.is_not(None)))
    hidden = select(union(in_bin, select_moved()).subquery("hidden").c.id)
    if listed.is_short and not is_filtered(chosen):
        every, left_out = (select(func.count()).select_from(part) for part in (runs, hidden.subquery("left_out")))
        return select(every.scalar_subquery() - left_out.scalar_subquery())
    if term is None:
        return select_count(chosen, listed)
    written, logged = select_runs_with(term)
    one = written.where(run_values.c.run_id.not_in(hidden)).subquery("written")
    two = logged.where(series.c.run_id.not_in(hidden)).distinct().subquery("logged")
    counts = (select(func.count()).select_from(part).scalar_subquery() for part in (one, two))
    return select(next(counts) + next(counts))


def find_lone_value(chosen: RunFilter, listed: Listed) -> Comparison | None:
    """Return the comparison of a value that a list is filtered by; None where that is not all, or not simple.

    With other filters all runs are looked through anyway, once for the page and the total.
    """
    terms = parse_query(chosen.q or "")
    has_more = len(terms) != 1 or any((chosen.server, chosen.project, chosen.name, chosen.status))
    if has_more or not listed.is_short or not is_of_values(terms[0]) or terms[0].is_negated:
        return None
    return terms[0]
