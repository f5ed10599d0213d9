"""The terms of the filter language as SQL conditions over ``runs``. Runs no query."""

from __future__ import annotations

import operator
import re
import time
from collections.abc import Callable, Sequence
from typing import Any, TypeGuard

from sqlalchemy import (
    ColumnElement,
    Float,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    not_,
    null,
    or_,
    select,
    true,
    union_all,
)

from runferry.model import RunStatus
from runferry.store.query import Comparison, Match, Period, Term, Word
from runferry.store.run_facts import fold
from runferry.store.tables import run_values, runs, series, servers

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
_NOW = bindparam("now", callable_=time.time, type_=Float(), unique=True)
UNENDED: ColumnElement[Any] = _NOW - func.coalesce(runs.c.started_at, runs.c.created_at)
DURATION: ColumnElement[Any] = case(
    (runs.c.ended_at.is_not(None), runs.c.length), (runs.c.state == RunStatus.RUNNING.value, UNENDED), else_=null()
)
"""Seconds, as ``service.runs.measure_duration`` has them: of a run that is running those until now."""

NUMBERS: dict[str, ColumnElement[Any]] = {
    "best": runs.c.best_metric_value,
    "best_metric_value": runs.c.best_metric_value,
    "duration": DURATION,
}
"""Names that mean the run's own fields; in quotes they are parameters like any other."""


def to_condition(term: Term, *, is_probed: bool = False) -> ColumnElement[bool]:
    """Return the condition; where a run has no value to compare it does not hold, and its negation does.

    ``is_probed``: each run is asked for its values, which is less work where few runs are looked at.
    """
    condition = _to_probe(term) if is_probed and is_of_values(term) else _state(term)
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


def is_of_values(term: Term) -> TypeGuard[Comparison]:
    """Say whether the term compares what lies beside ``runs``: a parameter, a summary value or a metric."""
    return isinstance(term, Comparison) and not _is_own(term)


def _to_probe(term: Comparison) -> ColumnElement[bool]:
    of_run = (run_values.c.key == term.key, run_values.c.run_id == runs.c.id)
    return or_(
        exists().where(*of_run, _SIGNS[term.sign](run_values.c.value, term.number)),
        # The addition keeps the database from going through all runs' values in this range for each run.
        and_(
            exists().where(series.c.run_id == runs.c.id, *_logs(term, series.c.last + 0)), not_(exists().where(*of_run))
        ),
    )


def select_runs_with(term: Comparison) -> tuple[Select[Any], Select[Any]]:
    """Return what selects the ids of the runs whose documents have such a value, and of those that have only logged
    one; the latter may repeat.
    """
    written = select(run_values.c.run_id).where(
        run_values.c.key == term.key, _SIGNS[term.sign](run_values.c.value, term.number)
    )
    of_any = run_values.alias("of_any")  # where no run has such a value, none is asked for it
    is_written = and_(
        exists().where(of_any.c.key == term.key),
        exists().where(run_values.c.key == term.key, run_values.c.run_id == series.c.run_id),
    )
    return written, select(series.c.run_id).where(*_logs(term, series.c.last), not_(is_written))


def _logs(term: Comparison, last: ColumnElement[Any]) -> list[ColumnElement[bool]]:
    return [series.c.key == term.key, series.c.kind != "text", _SIGNS[term.sign](last, term.number)]


def is_of_texts(term: Term) -> bool:
    """Say whether all the term asks of a run is in ``runs.search`` and ``runs.tags``."""
    return isinstance(term, Word) or (isinstance(term, Match) and (term.field in _LINES or term.field == "tag"))


def is_of_ids(term: Term) -> bool:
    """Say whether the term asks for a run's id and key, which only ``ix_runs_page`` has."""
    return isinstance(term, Match) and term.field == "id"


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
    if term.field == "id":
        return or_(*(_is_like(column, value) for value in term.values for column in _find_id_columns(value)))
    return or_(*(_is_like(runs.c.state, value) for value in term.values))


def _find_id_columns(value: str) -> Sequence[ColumnElement[str]]:
    """Return where to look for an id: a key holds its run's, and is enough where what stands around it is left open."""
    is_open = value.startswith("*") and value.endswith("*") and not value.endswith("\\*")
    return (runs.c.key,) if is_open else (runs.c.run_id, runs.c.key)


def _match_tag(value: str) -> ColumnElement[bool]:
    """A tag lies between line ends; the parser lets a wildcard stand at its ends only, where it cannot do harm."""
    is_there = runs.c.tags.like(f"%\n{_to_pattern(fold(value))}\n%", escape="/")
    return and_(runs.c.tags != "", is_there)  # most runs have none


def _is_like(column: ColumnElement[str], value: str) -> ColumnElement[bool]:
    """Compare regardless of the case of ASCII letters."""
    if not re.search(r"(?<!\\)(?:\\\\)*\*", value):
        return column.collate("NOCASE") == re.sub(r"\\(.)", r"\1", value, flags=re.DOTALL)
    return column.like(_to_pattern(value), escape="/")


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
    if _is_own(term):
        column = NUMBERS[term.key]
        return and_(column.is_not(None), _SIGNS[term.sign](column, term.number))
    # The addition keeps the database from looking up each match, of which there may be many.
    return (runs.c.id + 0).in_(union_all(*select_runs_with(term)))
