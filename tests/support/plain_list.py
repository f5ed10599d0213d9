"""The list of runs read from the index the long way: every row looked at in Python, no index, no SQL conditions."""

from __future__ import annotations

import operator
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from runferry.store.db import Database
from runferry.store.query import Comparison, Match, Period, Term, Word, parse_query
from runferry.store.run_list import RunFilter
from runferry.store.tables import run_values, runs, series, servers

Row = Mapping[str, Any]

_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "=": operator.eq,
    "!=": operator.ne,
}
_COLUMNS = {"created_time": "created_at", "id": "run_id", "best": "best_score"}


@dataclass
class PlainList:
    """All rows as they were when it was made; running runs are as long as at ``now``."""

    rows: Sequence[Row]
    labels: Mapping[int, str]
    now: float
    written: Mapping[int, Mapping[str, float]]
    logged: Mapping[int, Mapping[str, Sequence[float]]]
    tags: Mapping[str, Sequence[str]] = field(default_factory=dict)  # by run id

    def list_keys(self, chosen: RunFilter) -> list[str]:
        """Return the keys of one page."""
        found = [row for row in self.rows if self.is_shown(row, chosen) and self.meets(row, chosen)]
        found.sort(key=lambda row: row["id"], reverse=chosen.order == "desc")
        ranked = [(self.rank(row, chosen.sort), row) for row in found]
        first = sorted((pair for pair in ranked if pair[0] is not None), key=lambda pair: pair[0])
        if chosen.order == "desc":  # a stable sort, turned around, would turn equal ones around too
            first = sorted((pair for pair in ranked if pair[0] is not None), key=lambda pair: pair[0], reverse=True)
        keys = [row["key"] for _, row in first] + [row["key"] for rank, row in ranked if rank is None]
        return keys[chosen.offset :][: chosen.limit]

    def is_shown(self, row: Row, chosen: RunFilter) -> bool:
        if row["recycled_at"] is not None or (
            chosen.deleted is not None and chosen.deleted is (row["deleted_at"] is None)
        ):
            return False
        return row["gone_at"] is None or not any(
            other["gone_at"] is None and all(other[name] == row[name] for name in ("run_id", "server_id"))
            for other in self.rows
        )

    def meets(self, row: Row, chosen: RunFilter) -> bool:
        asked = (
            (chosen.server, self.labels[row["server_id"]]),
            (chosen.project, row["project"]),
            (chosen.name, row["name"]),
            (chosen.status, self.status(row)),
        )
        return all(not any_of or value in any_of for any_of, value in asked) and all(
            self.holds(row, term) is not term.is_negated for term in parse_query(chosen.q or "")
        )

    def status(self, row: Row) -> str:
        is_lost = row["status"] == "running" and row["liveness"] == "gone"
        return "failed" if is_lost else str(row["status"] or "unverified")

    def duration(self, row: Row) -> float | None:
        started = row["started_at"] if row["started_at"] is not None else row["created_at"]
        ended = self.now if row["ended_at"] is None and self.status(row) == "running" else row["ended_at"]
        return None if started is None or ended is None else ended - started

    def rank(self, row: Row, sort: str) -> Any:
        if sort == "duration_seconds":
            return self.duration(row)
        if sort == "server":
            return self.labels[row["server_id"]]
        return self.status(row) if sort == "status" else row[_COLUMNS.get(sort, sort)]

    def holds(self, row: Row, term: Term) -> bool:
        match term:
            case Word():
                text = "\n".join((row["key"], row["project"], row["name"])).casefold()
                return term.text.casefold() in text
            case Match():
                return self.matches(row, term)
            case Period():
                at = row[f"{term.key}_at"]
                return at is not None and term.start <= at < term.end
            case Comparison():
                return any(_SIGNS[term.sign](value, term.number) for value in self.values(row, term))

    def matches(self, row: Row, term: Match) -> bool:
        if term.field == "tag":
            tags = self.tags.get(row["run_id"], ())
            return all(any(is_like(tag, value) for tag in tags) for value in term.values)
        texts = {
            "status": (self.status(row),),
            "server": (self.labels[row["server_id"]],),
            "project": (row["project"],),
            "name": (row["name"],),
            "id": (row["run_id"], row["key"]),
        }[term.field]
        return any(is_like(text, value) for text in texts for value in term.values)

    def values(self, row: Row, term: Comparison) -> Sequence[float]:
        own = {"best": row["best_metric_value"], "duration": self.duration(row)}
        if term.key in own and not term.is_quoted:
            return [own[term.key]] if own[term.key] is not None else []
        written = self.written[row["id"]]
        return [written[term.key]] if term.key in written else self.logged[row["id"]].get(term.key, ())


def is_like(text: str, value: str) -> bool:
    pattern = ".*".join(re.escape(part.casefold()) for part in value.split("*"))
    return re.fullmatch(pattern, text.casefold(), re.DOTALL) is not None


def read_plainly(index: Database, *, now: float, tags: Mapping[str, Sequence[str]]) -> PlainList:
    written: dict[int, dict[str, float]] = defaultdict(dict)
    logged: dict[int, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    with index.reading() as connection:
        rows = [dict(row._mapping) for row in connection.execute(select(runs))]
        labels = {row.id: row.label for row in connection.execute(select(servers))}
        for row in connection.execute(select(run_values)):
            written[row.run_id][row.key] = row.value
        for row in connection.execute(select(series).where(series.c.kind != "text")):
            if row.last is not None:
                logged[row.run_id][row.key].append(row.last)
    return PlainList(rows, labels, now, written, logged, tags)
