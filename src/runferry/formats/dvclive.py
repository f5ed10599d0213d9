"""DVCLive's directory: a table per metric below ``plots/metrics``, parameters and images beside. Opens nothing."""

from __future__ import annotations

from collections.abc import Mapping

from runferry.formats.cards import DEFAULT, make_run
from runferry.formats.csv_table import TableParser
from runferry.formats.document import read_document
from runferry.formats.listing import Listing
from runferry.formats.run_format import Documents, Excerpts, Names, RunFormat, Source, has_size, only, split_path
from runferry.formats.series import SeriesParser
from runferry.formats.table_rules import TableRules
from runferry.formats.wire.yaml import read_yaml_object
from runferry.model import MediaItem, Run

_TABLES, _IMAGES = "plots/metrics/", "plots/images/"
_PARAMS, _LATEST = "params.yaml", "metrics.json"
_IMAGE = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")


class DvcLive(RunFormat):
    """A run is called after the directory above ``dvclive``. A resumed one repeats its last step."""

    FORMAT = "dvclive"
    TITLE = "DVCLive"
    READER = "dvclive-1"
    NOTES = ("It tells no status and no times.",)
    LAST_WINS = True

    def find_runs(self, listing: Listing) -> dict[str, str]:
        found: dict[str, str] = {}
        for directory, _ in listing.of_kind(".tsv"):
            before, mark, _ = f"/{directory}/".partition(f"/{_TABLES}")
            if mark:
                found[before.strip("/")] = f"holds tables below {_TABLES}"
        return found

    def is_metadata(self, path: str, size: int) -> bool:
        directory, name = split_path(path)
        return has_size(size) and split_path(directory)[1] == "dvclive" and name in (_PARAMS, _LATEST)

    def documents(self, names: Names) -> list[str]:
        return only(names, (_PARAMS, _LATEST))

    def sources(self, names: Names) -> list[Source]:
        return [Source(name) for name in names if name.startswith(_TABLES) and name.endswith(".tsv")]

    def media(self, names: Names) -> list[MediaItem]:
        found = (name for name in names if name.startswith(_IMAGES) and name.lower().endswith(_IMAGE))
        return [MediaItem("image", name.removeprefix(_IMAGES), name) for name in found]

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        params = read_yaml_object(documents.get(_PARAMS, b"")) or {}
        summary = dict(read_document(documents.get(_LATEST, b"")) or {})
        above, name = split_path(run_dir)
        called = split_path(above)[1] if name == "dvclive" else name
        project = split_path(split_path(above)[0] if name == "dvclive" else above)[1]
        card = {"name": called, "project": project or DEFAULT, "summary": summary}
        return make_run(run_dir, self.FORMAT, card, params)

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        key = source.removeprefix(_TABLES).removesuffix(".tsv")
        return TableParser(position, state, rules=TableRules(steps=("step",), key=key))
