"""The terms of the filter language as SQL conditions over ``runs``. Runs no query."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, exists, func, not_, or_, select, true, union_all

from runferry.store.query import Comparison, Match, Period, Term, Word
from runferry.store.run_facts import fold
from runferry.store.tables import run_values, runs, series, servers
from runferry.store.verdict import effective_status

_SIGNS: dict[str, Callable[[Any, float], ColumnElement[bool]]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
_PIECE = re.compile(r"\\(.)|(\*)|([^\\*]+)", re.DOTALL)
_LIKE_SIGNS = re.compile(r"([/%_])")

_LINES = {"project": "%\n{}\n%", "name": "%\n%\n{}"}
"""Patterns for one line of ``runs.search`` (key, project, name), which ignores the case of all letters."""

TIMES = {"created": runs.c.created_at, "started": runs.c.started_at, "ended": runs.c.ended_at}
NUMBERS: dict[str, ColumnElement[Any]] = {
    "best": runs.c.best_metric_value,
    "best_metric_value": runs.c.best_metric_value,
    "duration": runs.c.ended_at - runs.c.started_at,
}
"""Names that mean the run's own fields; in quotes they are parameters like any other."""


def to_condition(term: Term) -> ColumnElement[bool]:
    """Return the condition; where a run has no value to compare it does not hold, and its negation does."""
    condition = _state(term)
    return not_(condition) if term.is_negated else condition


def _state(term: Term) -> ColumnElement[bool]:
    match term:
        case Word():
            return _contains(runs.c.search, fold(term.text))
        case Match():
            return _match(term)
        case Period():
            column = TIMES[term.key]
            return and_(column.is_not(None), *_between(column, term))
        case Comparison():
            return _compare(term)


def is_in_short_index(term: Term) -> bool:
    """Say whether ``ix_runs_short`` holds all the term asks of ``runs``: everything but texts to search in."""
    return isinstance(term, Period | Comparison) or (isinstance(term, Match) and term.field in ("status", "server"))


def _is_own(term: Comparison) -> bool:
    """Say whether the comparison is with a field of the run itself."""
    return term.key in NUMBERS and not term.is_quoted


def has_any(column: ColumnElement[str], labels: Sequence[str]) -> ColumnElement[bool]:
    """Return the condition that a run's server has one of these labels, exactly."""
    return (runs.c.server_id + 0).in_(select(servers.c.id).where(column.in_(labels)))


def _match(term: Match) -> ColumnElement[bool]:
    if term.field == "tag":
        return and_(*(_match_tag(value) for value in term.values))
    if term.field == "server":
        labels = or_(*(_is_like(servers.c.label, value) for value in term.values))
        return (runs.c.server_id + 0).in_(select(servers.c.id).where(labels))
    if term.field in _LINES:
        patterns = (_LINES[term.field].format(_to_pattern(fold(value))) for value in term.values)
        return or_(*(runs.c.search.like(pattern, escape="/") for pattern in patterns))
    columns: list[ColumnElement[str]] = [effective_status()] if term.field == "status" else [runs.c.run_id, runs.c.key]
    return or_(*(_is_like(column, value) for column in columns for value in term.values))


def _match_tag(value: str) -> ColumnElement[bool]:
    """A tag lies between line ends; the parser lets a wildcard stand at its ends only, where it cannot do harm."""
    return runs.c.tags.like(f"%\n{_to_pattern(fold(value))}\n%", escape="/")


def _is_like(column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    if not re.search(r"(?<!\\)(?:\\\\)*\*", value):
        plain = re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
        return or_(column == plain, func.lower(column) == func.lower(plain))
    return func.lower(column).like(func.lower(_to_pattern(value)), escape="/")


def _to_pattern(value: str) -> str:
    """Return a value of the language as a pattern for LIKE with "/" as its escape."""
    pieces = []
    for escaped, star, plain in _PIECE.findall(value):
        pieces.append("%" if star else _LIKE_SIGNS.sub(r"/\1", escaped or plain))
    return "".join(pieces)


def _contains(column: ColumnElement[str], text: str) -> ColumnElement[bool]:
    pattern = _LIKE_SIGNS.sub(r"/\1", text)
    return column.like(f"%{pattern}%", escape="/") if text else true()


def _between(column: ColumnElement[Any], term: Period) -> list[ColumnElement[bool]]:
    bounds = [(operator.ge, term.start), (operator.lt, term.end)]
    return [compare(column, bound) for compare, bound in bounds if abs(bound) != float("inf")]


def _compare(term: Comparison) -> ColumnElement[bool]:
    compare = _SIGNS[term.sign]
    if _is_own(term):
        column = NUMBERS[term.key]
        return and_(column.is_not(None), compare(column, term.number))
    found = select(run_values.c.run_id).where(run_values.c.key == term.key, compare(run_values.c.value, term.number))
    of_any = run_values.alias("of_any")  # where no run has such a value, none is asked for it
    is_written = and_(
        exists().where(of_any.c.key == term.key),
        exists().where(run_values.c.key == term.key, run_values.c.run_id == series.c.run_id),
    )
    logged = select(series.c.run_id).where(
        series.c.key == term.key, series.c.kind != "text", compare(series.c.last, term.number), not_(is_written)
    )
    # The addition keeps the database from fetching the wide row of each match: it looks through the page index.
    return (runs.c.id + 0).in_(union_all(found, logged))
