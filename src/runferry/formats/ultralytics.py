"""Ultralytics' (YOLO's) run directories: ``results.csv`` and ``args.yaml``. Opens nothing."""

from __future__ import annotations

from collections.abc import Mapping

from runferry.formats.cards import make_run
from runferry.formats.csv_table import TableParser
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
    split_path,
)
from runferry.formats.series import SeriesParser
from runferry.formats.wire.yaml import read_yaml_object
from runferry.model import Run

_RESULTS, _ARGS = "results.csv", "args.yaml"


class Ultralytics(RunFormat):
    """Its steps are epochs. Event files beside hold the same points and are not read."""

    FORMAT = "ultralytics"
    TITLE = "Ultralytics YOLO"
    READER = "ultralytics-1"
    NOTES = ("It tells no status.",)
    HOLDS_OTHERS = True

    def find_runs(self, listing: Listing) -> dict[str, str]:
        with_args = set(listing.dirs_with(_ARGS))
        found = (directory for directory in listing.dirs_with(_RESULTS) if directory in with_args)
        return dict.fromkeys(found, f"holds {_RESULTS} and {_ARGS}")

    def is_metadata(self, path: str, size: int) -> bool:
        return has_size(size) and split_path(path)[1] == _ARGS

    def documents(self, names: Names) -> list[str]:
        return only(names, (_ARGS,))

    def sources(self, names: Names) -> list[Source]:
        return [Source(name) for name in only(names, (_RESULTS,))]

    def duplicates(self, names: Names) -> list[str]:
        return [name for name in names if "/" not in name and ".tfevents." in name]

    def log_files(self, names: Names) -> list[str]:
        return logs_in(names)

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        params = read_yaml_object(documents.get(_ARGS, b"")) or {}
        return make_run(run_dir, self.FORMAT, {}, params)

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        return TableParser(position, state)
