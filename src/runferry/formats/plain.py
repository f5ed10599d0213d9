"""Tables that no tool of its own wrote: CSV, TSV and JSON Lines with usual names, Keras' CSVLogger's too.

Their names make them likely; nothing of them is read before somebody looks at them. Opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from runferry.formats.cards import make_run
from runferry.formats.csv_table import TableParser
from runferry.formats.document import read_document
from runferry.formats.json_rows import RowsParser
from runferry.formats.listing import Listing
from runferry.formats.run_format import (
    Documents,
    Excerpts,
    Names,
    RunFormat,
    Source,
    has_size,
    logs_in,
    only,
)
from runferry.formats.series import SeriesParser
from runferry.formats.table_rules import PLAIN, TableRules
from runferry.formats.wire.yaml import read_yaml_object
from runferry.model import Run

_KINDS = (".csv", ".tsv", ".jsonl", ".ndjson")
_WORD = r"(?:metrics?|logs?|train(?:ing|er)?|val(?:id|idation)?|eval(?:uation)?|test|history|progress|results?|scalars?"
_NAME = re.compile(_WORD + r"|stats?|losses|loss|curves?)(?:[-_. ]?(?:metrics?|logs?|history|results?|loss|stats?))?")
_PARAMS = ("config.json", "params.json", "hparams.json", "args.json", "config.yaml", "params.yaml", "args.yaml")
_CONTENT = re.compile(r"(?:^|/)(?:\.[^/]+|artifacts|checkpoints?|datasets?|data|site-packages|node_modules)(?:/|$)")


class Plain(RunFormat):
    """A directory with such a table is a run where no other format says so; beside another, the table is a source."""

    FORMAT = "plain"
    TITLE = "CSV or JSON Lines"
    READER = "plain-1"
    NOTES = ("It tells no status.",)
    LAST_WINS = True

    def find_runs(self, listing: Listing) -> dict[str, str]:
        found: dict[str, str] = {}
        for kind in _KINDS:
            for directory, name in listing.of_kind(kind):
                if is_likely(name) and not _CONTENT.search(directory):
                    found.setdefault(directory, f"holds {name}")
        return found

    def is_metadata(self, path: str, size: int) -> bool:
        """Nothing by its name alone: a config.json may be anything. What ``documents`` names is wanted."""
        return False

    def documents(self, names: Names) -> list[str]:
        return only(names, _PARAMS)

    def sources(self, names: Names) -> list[Source]:
        """Return the tables directly in the directory; each is a sequence of its own."""
        found = sorted((name for name in names if "/" not in name and is_likely(name)), key=_rank)
        return [Source(name, name.rpartition(".")[0]) for name in found]

    def log_files(self, names: Names) -> list[str]:
        return logs_in(names)

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        params: dict[str, object] = {}
        for name in reversed(_PARAMS):
            if name in documents and has_size(len(documents[name])):
                read = read_document if name.endswith(".json") else read_yaml_object
                params |= read(documents[name]) or {}
        return make_run(run_dir, self.FORMAT, {}, params)

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        return make_table_parser(source, position, state)


def make_table_parser(
    source: str, position: int = 0, state: Mapping[str, object] | None = None, *, rules: TableRules = PLAIN
) -> SeriesParser:
    """Return the parser for a table of this name: JSON Lines or delimited text."""
    if source.lower().endswith((".jsonl", ".ndjson", ".json")):
        return RowsParser(position, state, rules=rules)
    return TableParser(position, state, rules=rules)


def is_likely(name: str) -> bool:
    """Say whether a table of this name may hold metrics."""
    stem, dot, kind = name.rpartition(".")
    return dot != "" and f".{kind.lower()}" in _KINDS and _NAME.fullmatch(stem.lower()) is not None


def _rank(name: str) -> tuple[int, str]:
    order = ("metric", "train", "log", "history", "progress", "result")
    return next((place for place, word in enumerate(order) if name.lower().startswith(word)), len(order)), name
