"""The user's rules for tables of their own, as they are now: those in a sync's root, and those of this machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from runferry.formats.own_rules import LONGEST, RULES_FILE, OwnRules, read_rules
from runferry.formats.own_tables import OwnTables
from runferry.formats.run_format import RunFormat
from runferry.ingest.documents import read_local
from runferry.model import Problem, ProblemCode


class Rules:
    """``home`` is the data directory, whose rules are for the roots of all servers, and count first."""

    def __init__(self, home: Path | None = None) -> None:
        self._home = home
        self._here = self._there = OwnRules()

    @property
    def problems(self) -> list[Problem]:
        """Return what is wrong with the files of rules."""
        here = [f"In {self._home}: {why}" for why in self._here.problems]
        return [Problem(RULES_FILE, ProblemCode.DAMAGED, why) for why in [*here, *self._there.problems]]

    def read(self, root: Path | None = None) -> None:
        """Read them anew, those of a root where it has any. Of what is no TOML now, what it said before stays."""
        self._there = follow(self._there, read_local(root, RULES_FILE) if root is not None else None)
        self._here = follow(self._here, read_local(self._home, RULES_FILE) if self._home is not None else None)

    def take(self, data: bytes) -> None:
        """Take the root's rules as they were read elsewhere."""
        self._there = follow(self._there, data[: LONGEST + 1])

    def apply(self, formats: Sequence[RunFormat]) -> list[RunFormat]:
        """Return the formats, with the one for a user's own tables doing as these rules say."""
        own = OwnTables([*self._here.rules, *self._there.rules])
        return [own if one.FORMAT == OwnTables.FORMAT else one for one in formats]


def follow(before: OwnRules, data: bytes | None) -> OwnRules:
    """Return what a file of rules says now; None: there is none."""
    found = read_rules(data or b"")
    return replace(found, rules=before.rules) if found.problems and not found.rules else found
