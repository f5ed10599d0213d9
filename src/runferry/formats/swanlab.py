"""SwanLab's local run directories, of version 0.8 and later. Opens nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runferry.formats.cards import make_run
from runferry.formats.document import read_document
from runferry.formats.listing import Listing
from runferry.formats.run_format import (
    Documents,
    Excerpts,
    Names,
    RunFormat,
    Source,
    has_size,
    only,
    split_path,
)
from runferry.formats.series import SeriesParser
from runferry.formats.swanlab_records import RecordsParser
from runferry.formats.wire.leveldb import BLOCK
from runferry.formats.wire.yaml import read_yaml_object
from runferry.model import Run

_DIRECTORY = re.compile(r"run-\d{8}_\d{6}-(.+)")
_RECORDS = re.compile(r"run-(.+)\.swanlab")
_CONFIG, _METADATA = "files/config.yaml", "files/swanlab-metadata.json"


class SwanLab(RunFormat):
    """The file of records may be empty as long as a run is short: its name then comes from the directory."""

    FORMAT = "swanlab"
    TITLE = "SwanLab"
    READER = "swanlab-1"
    NOTES = ("A run without a last record counts as running, a killed one too.", "What was printed is not shown.")
    LAST_WINS = True

    def find_runs(self, listing: Listing) -> dict[str, str]:
        return {
            directory: f"holds {name}"
            for directory, name in listing.of_kind(".swanlab")
            if _RECORDS.fullmatch(name) and _DIRECTORY.fullmatch(split_path(directory)[1])
        }

    def is_metadata(self, path: str, size: int) -> bool:
        if not has_size(size) or not path.endswith((f"/{_CONFIG}", f"/{_METADATA}")):
            return False
        return _DIRECTORY.fullmatch(path.split("/")[-3]) is not None

    def documents(self, names: Names) -> list[str]:
        return only(names, (_CONFIG, _METADATA))

    def excerpts(self, names: Names) -> list[str]:
        return [source.name for source in self.sources(names)]

    def sources(self, names: Names) -> list[Source]:
        return [Source(name) for name in names if _RECORDS.fullmatch(name)]

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        config = read_yaml_object(documents.get(_CONFIG, b"")) or {}
        params = {key: item["value"] for key, item in config.items() if isinstance(item, dict) and "value" in item}
        card = _read_metadata(read_document(documents.get(_METADATA, b"")) or {})
        if match := _DIRECTORY.fullmatch(split_path(run_dir)[1]):
            card["id"] = match[1]
        for excerpt in excerpts.values():
            card |= RecordsParser().feed(excerpt.head).card
            if not excerpt.is_whole:
                begin = -(-excerpt.tail_at // BLOCK) * BLOCK
                tail = RecordsParser(begin, {"is_passing": True})
                card |= tail.feed(excerpt.tail[begin - excerpt.tail_at :]).card
        if "status" not in card:
            card |= {"status": "running", "status_known_by": "no last record: it runs, or was killed"}
        card.setdefault("name", card.get("id"))
        return make_run(run_dir, self.FORMAT, card, params)

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        return RecordsParser(position, state)


def _read_metadata(metadata: Mapping[str, object]) -> dict[str, object]:
    runtime = metadata.get("runtime")
    if not isinstance(runtime, dict):
        return {}
    names = {"hostname": "hostname", "pid": "pid", "os": "os", "python_version": "python", "command": "command"}
    return {names[key]: value for key, value in runtime.items() if key in names}
