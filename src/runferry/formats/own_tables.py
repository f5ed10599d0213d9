"""Tables that a user's own rules name (see ``own_rules``), whatever they are called. Opens nothing."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from runferry.formats.csv_table import TableParser
from runferry.formats.json_rows import RowsParser
from runferry.formats.listing import Listing
from runferry.formats.own_rules import OwnRule, is_rows
from runferry.formats.plain import Plain
from runferry.formats.run_format import Names, Source
from runferry.formats.series import SeriesParser
from runferry.formats.table_rules import STEPS, TIMES, TableRules


class OwnTables(Plain):
    """A directory with such a table is a run; where another format says so, the table is read as the rule says."""

    FORMAT = "own"
    TITLE = "Your own tables"
    READER = "own-1"
    NOTES = ("What is read is what the rules in runferry.toml say.",)
    READS_FIRST = True

    def __init__(self, rules: Sequence[OwnRule] = (), found: Mapping[str, Mapping[str, OwnRule]] | None = None) -> None:
        self._rules = tuple(rules)
        self._found = found or {}
        self._here: Mapping[str, OwnRule] = {}

    def find_runs(self, listing: Listing) -> dict[str, str]:
        found: dict[str, dict[str, OwnRule]] = defaultdict(dict)
        for rule in self._rules:
            for directory, name in _list_candidates(rule, listing):
                if rule.matches(f"{directory}/{name}".lstrip("/")):
                    found[directory].setdefault(name, rule)
        self._found = found
        return {directory: f"holds {min(names)}, which a rule names" for directory, names in found.items()}

    def at(self, run_dir: str) -> OwnTables:
        bound = OwnTables(self._rules, self._found)
        bound._here = self._found.get(run_dir, {})
        return bound

    def sources(self, names: Names) -> list[Source]:
        """Return the tables directly in the directory; what they are read as is told by the rule."""
        there = set(names)
        found: list[Source] = []
        for name, rule in sorted(self._here.items()):
            if name in there:
                asked = json.dumps({"name": name, **rule.as_options()}, sort_keys=True)
                found.append(Source(name, name.rpartition(".")[0] or name, asked))
        return found

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        told = json.loads(source)
        step, time, columns = told.get("step"), told.get("time"), told.get("columns")
        rules = TableRules(
            steps=(step.lower(),) if step else STEPS,
            times=frozenset({time.lower()}) if time else TIMES,
            columns=frozenset(column.lower() for column in columns) if columns else None,
        )
        return (RowsParser if is_rows(told["name"]) else TableParser)(position, state, rules=rules)


def _list_candidates(rule: OwnRule, listing: Listing) -> Iterable[tuple[str, str]]:
    """Return directory and name of the files that end as the rule's do."""
    if rule.ending.startswith("."):
        yield from listing.of_kind(rule.ending.lower())
    yield from ((directory, rule.ending) for directory in listing.dirs_with(rule.ending))
