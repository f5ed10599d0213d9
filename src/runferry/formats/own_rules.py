"""A user's rules for tables of their own: what ``runferry.toml`` says. It reads text, compares names, opens nothing.

The file may lie on a server: it is a stranger's text, bounded in everything, and what is wrong with it is said.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from fnmatch import fnmatchcase

RULES_FILE = "runferry.toml"
LONGEST = 64 * 1024
"""Bytes of the largest file of rules."""

MOST_RULES, MOST_COLUMNS = 100, 1000
LONGEST_GLOB, MOST_STARS = 500, 3
_KEYS = frozenset({"glob", "step", "time", "columns"})
_ROWS = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True, slots=True)
class OwnRule:
    """Which files are tables, and which of their columns are what. What is not given is told by the usual names."""

    glob: str
    step: str | None = None
    time: str | None = None
    columns: tuple[str, ...] = ()

    @property
    def ending(self) -> str:
        """Return how the names of all such files end: with a dot and a kind, or as a whole; "" if neither is known."""
        last = self.glob.rpartition("/")[2]
        if not set(last) & set("*?["):
            return last
        kind = last[last.rfind(".") :] if "." in last else ""
        return "" if set(kind) & set("*?[]") else kind

    def matches(self, path: str) -> bool:
        """Say whether a path, relative to the root, is meant. A glob without a slash is compared with names alone."""
        globs = self.glob.strip("/").split("/")
        return _match(globs if "/" in self.glob else ["**", *globs], path.split("/"))

    def as_options(self) -> dict[str, object]:
        """Return what a parser needs of it, JSON-safe."""
        return {key: value for key, value in asdict(self).items() if key != "glob" and value}


@dataclass(frozen=True, slots=True)
class OwnRules:
    """The rules of a file that can be used, and a sentence for each thing that is wrong with it."""

    rules: tuple[OwnRule, ...] = ()
    problems: tuple[str, ...] = ()


def read_rules(data: bytes) -> OwnRules:
    """Read a ``runferry.toml``. Never raises."""
    if len(data) > LONGEST:
        return OwnRules((), (f"It has more than {LONGEST // 1024} KiB.",))
    try:
        document = tomllib.loads(data.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        return OwnRules((), (f"It is not valid TOML: {str(error)[:200]}",))
    tables = document.get("table", [])
    if not isinstance(tables, list) or document.keys() - {"table"}:
        return OwnRules((), ("It may hold tables called [[table]], and nothing else.",))
    rules: list[OwnRule] = []
    problems = [f"Only the first {MOST_RULES} rules are used."] if len(tables) > MOST_RULES else []
    for number, table in enumerate(tables[:MOST_RULES], start=1):
        problem = _find_problem(table)
        if problem is not None:
            problems.append(f"Rule {number}: {problem}")
        else:
            columns = tuple(table.get("columns", ()))
            rules.append(OwnRule(table["glob"], table.get("step"), table.get("time"), columns))
    return OwnRules(tuple(rules), tuple(problems))


def is_rows(name: str) -> bool:
    """Say whether a table of this name holds an object a line; all others are delimited text."""
    return name.lower().endswith(_ROWS)


def _find_problem(table: object) -> str | None:
    if not isinstance(table, Mapping):
        return "it is no table."
    glob, columns = table.get("glob"), table.get("columns", [])
    if unknown := sorted(table.keys() - _KEYS):
        return f"{str(unknown[0])[:50]!r} is none of {', '.join(sorted(_KEYS))}."
    if not isinstance(glob, str) or not 0 < len(glob) <= LONGEST_GLOB:
        return 'glob is to be a pattern of paths, such as "logs/*.txt".'
    if glob.count("**") > MOST_STARS:
        return f"glob may hold ** {MOST_STARS} times."
    if not OwnRule(glob).ending:
        return 'glob is to end with a name or a kind of file, such as "*.txt".'
    if any(key in table and not (isinstance(table[key], str) and table[key]) for key in ("step", "time")):
        return "step and time are names of columns."
    is_list = isinstance(columns, list) and len(columns) <= MOST_COLUMNS
    if not is_list or not all(isinstance(name, str) for name in columns):
        return "columns is a list of names."
    return None


def _match(globs: Sequence[str], parts: Sequence[str]) -> bool:
    if not globs:
        return not parts
    if globs[0] == "**":
        return any(_match(globs[1:], parts[at:]) for at in range(len(parts) + 1))
    return bool(parts) and fnmatchcase(parts[0], globs[0]) and _match(globs[1:], parts[1:])
