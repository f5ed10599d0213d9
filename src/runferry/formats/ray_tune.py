"""Ray Tune's trial directories: ``result.json``, which is JSON Lines, and ``params.json``. Opens nothing."""

from __future__ import annotations

from collections.abc import Mapping

from runferry.formats.cards import make_run
from runferry.formats.csv_table import TableParser
from runferry.formats.document import read_document
from runferry.formats.json_rows import RowsParser
from runferry.formats.listing import Listing
from runferry.formats.run_format import Documents, Excerpts, Names, RunFormat, Source, has_size, only, split_path
from runferry.formats.series import SeriesParser
from runferry.formats.table_rules import TableRules
from runferry.model import Run

_RESULTS, _TABLE, _PARAMS, _ERROR = "result.json", "progress.csv", "params.json", "error.txt"
_RULES = TableRules(steps=("training_iteration",), ignored=frozenset({"config", "pid"}))


class RayTune(RunFormat):
    """A trial is a run; the same points also lie in its progress.csv and event files, which are not read."""

    FORMAT = "ray_tune"
    TITLE = "Ray Tune"
    READER = "ray-tune-1"
    NOTES = ("It tells failures, and no other status.",)
    HOLDS_OTHERS = True

    def find_runs(self, listing: Listing) -> dict[str, str]:
        with_params = {*listing.dirs_with(_PARAMS), *listing.dirs_with("params.pkl")}
        found = {directory: f"holds {_TABLE} and {_PARAMS}" for directory in listing.dirs_with(_TABLE)}
        found |= {directory: f"holds {_RESULTS} and {_PARAMS}" for directory in listing.dirs_with(_RESULTS)}
        return {directory: evidence for directory, evidence in found.items() if directory in with_params}

    def is_metadata(self, path: str, size: int) -> bool:
        return has_size(size) and split_path(path)[1] in (_PARAMS, _ERROR)

    def documents(self, names: Names) -> list[str]:
        return only(names, (_PARAMS, _ERROR))

    def sources(self, names: Names) -> list[Source]:
        return [Source(name) for name in only(names, (_RESULTS, _TABLE))[:1]]

    def duplicates(self, names: Names) -> list[str]:
        return [_TABLE] + [name for name in names if "/" not in name and ".tfevents." in name]

    def log_files(self, names: Names) -> list[str]:
        return only(names, ("stdout", "stderr"))

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        card: dict[str, object] = {}
        if _ERROR in documents:
            reason = documents[_ERROR].decode("utf-8", "replace")
            card = {"status": "failed", "status_known_by": f"there is an {_ERROR}", "exit_reason": reason}
        return make_run(run_dir, self.FORMAT, card, read_document(documents.get(_PARAMS, b"")) or {})

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        if source.endswith(".csv"):
            return TableParser(position, state, rules=_RULES)
        return RowsParser(position, state, rules=_RULES)
