"""Lightning's CSVLogger (``version_N/metrics.csv``), and the parameters its loggers keep beside. Opens nothing."""

from __future__ import annotations

from collections.abc import Mapping

from runferry.formats.cards import make_run
from runferry.formats.csv_table import TableParser
from runferry.formats.listing import EVENTS, Listing
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

_METRICS, _PARAMS = "metrics.csv", "hparams.yaml"


class Lightning(RunFormat):
    """A step has a row of training and one of validation. A new column rewrites the file: another generation of it."""

    FORMAT = "lightning"
    TITLE = "PyTorch Lightning"
    READER = "lightning-1"
    NOTES = ("It tells no status.",)
    LAST_WINS = True
    HOLDS_OTHERS = True

    def find_runs(self, listing: Listing) -> dict[str, str]:
        with_params = set(listing.dirs_with(_PARAMS))
        with_events = {directory for directory, _ in listing.of_kind(EVENTS)}
        found = {directory: f"holds {_PARAMS} and event files" for directory in with_params & with_events}
        for directory in listing.dirs_with(_METRICS):
            if directory in with_params:
                found[directory] = f"holds {_METRICS} and {_PARAMS}"
            elif split_path(directory)[1].startswith("version_"):
                found[directory] = f"is called version_* and holds {_METRICS}"
        return found

    def is_metadata(self, path: str, size: int) -> bool:
        return has_size(size) and split_path(path)[1] == _PARAMS

    def documents(self, names: Names) -> list[str]:
        return only(names, (_PARAMS,))

    def sources(self, names: Names) -> list[Source]:
        return [Source(name) for name in only(names, (_METRICS,))]

    def log_files(self, names: Names) -> list[str]:
        return logs_in(names)

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        return make_run(run_dir, self.FORMAT, {}, read_yaml_object(documents.get(_PARAMS, b"")) or {})

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        return TableParser(position, state)
