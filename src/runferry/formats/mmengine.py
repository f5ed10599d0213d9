"""MMEngine's work directories: ``<time>/vis_data/scalars.json``, which is JSON Lines. Opens nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runferry.formats.cards import make_run
from runferry.formats.json_rows import RowsParser
from runferry.formats.listing import Listing
from runferry.formats.run_format import Documents, Excerpts, Names, RunFormat, Source, logs_in, only, split_path
from runferry.formats.series import SeriesParser
from runferry.formats.table_rules import TableRules
from runferry.model import Run

_SCALARS = "vis_data/scalars.json"
_COPY = re.compile(r"vis_data/(?:\d{8}_\d{6}\.json|[^/]*\.tfevents\.[^/]*)")
_RULES = TableRules(steps=("step", "iter", "epoch"), times=frozenset())


class MMEngine(RunFormat):
    """Each start has a directory called after its time. Validation's steps are epochs, as MMEngine writes them."""

    FORMAT = "mmengine"
    TITLE = "MMEngine"
    READER = "mmengine-1"
    NOTES = ("It tells no status and no parameters.",)
    HOLDS_OTHERS = True

    def find_runs(self, listing: Listing) -> dict[str, str]:
        found = (split_path(directory) for directory in listing.dirs_with("scalars.json"))
        return {above: f"holds {_SCALARS}" for above, name in found if name == "vis_data"}

    def sources(self, names: Names) -> list[Source]:
        return [Source(name) for name in only(names, (_SCALARS,))]

    def duplicates(self, names: Names) -> list[str]:
        return [name for name in names if _COPY.fullmatch(name)]

    def log_files(self, names: Names) -> list[str]:
        return logs_in(names)

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        above, name = split_path(run_dir)
        called = f"{split_path(above)[1]}/{name}" if above else name
        return make_run(run_dir, self.FORMAT, {"name": called}, {})

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        return RowsParser(position, state, rules=_RULES)
