"""W&B's local run directories, offline ones above all: everything is in one ``.wandb`` file. Opens nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runferry.formats.cards import make_run
from runferry.formats.document import Document, read_document
from runferry.formats.findings import Findings
from runferry.formats.listing import Listing
from runferry.formats.run_format import (
    Documents,
    Excerpt,
    Excerpts,
    Names,
    RunFormat,
    Source,
    has_size,
    only,
    split_path,
)
from runferry.formats.series import SeriesParser
from runferry.formats.wandb_records import RecordsParser
from runferry.formats.wire.leveldb import BLOCK
from runferry.formats.wire.yaml import read_yaml_object
from runferry.model import Run

_DIRECTORY = re.compile(r"(?:offline-)?run-(\d{8}_\d{6})-(.+)")
_RECORDS = re.compile(r"run-(.+)\.wandb")
_CONFIG, _SUMMARY, _METADATA = "files/config.yaml", "files/wandb-summary.json", "files/wandb-metadata.json"
_METADATA_TEXTS = {"host": "hostname", "os": "os", "python": "python", "program": "program", "startedAt": "started"}


class Wandb(RunFormat):
    """A run that was resumed offline is two directories with one id beside each other, and one run."""

    FORMAT = "wandb"
    TITLE = "Weights & Biases"
    READER = "wandb-1"
    NOTES = (
        "A run without an exit record counts as running, a killed one too; an exit code of 0 is no proof of success.",
        "Keys that begin with _ are its own, and not shown.",
        "The log is files/output.log; after a kill its records hold more of what was printed, which is not shown.",
    )
    LAST_WINS = True

    def find_runs(self, listing: Listing) -> dict[str, str]:
        return {
            directory: f"holds {name}"
            for directory, name in listing.of_kind(".wandb")
            if _RECORDS.fullmatch(name) and _DIRECTORY.fullmatch(split_path(directory)[1])
        }

    def identify(self, run_dir: str) -> tuple[str, ...] | None:
        above, name = split_path(run_dir)
        match = _DIRECTORY.fullmatch(name)
        return (above, match[2]) if match else None

    def order(self, run_dir: str) -> str:
        match = _DIRECTORY.fullmatch(split_path(run_dir)[1])
        return match[1] if match else ""

    def is_metadata(self, path: str, size: int) -> bool:
        """The documents of online runs; an offline one's are in its records, whose ends are asked for."""
        if not has_size(size) or not path.endswith((f"/{_CONFIG}", f"/{_SUMMARY}", f"/{_METADATA}")):
            return False
        return _DIRECTORY.fullmatch(path.split("/")[-3]) is not None

    def documents(self, names: Names) -> list[str]:
        return only(names, (_CONFIG, _SUMMARY, _METADATA))

    def excerpts(self, names: Names) -> list[str]:
        return [source.name for source in self.sources(names)]

    def sources(self, names: Names) -> list[Source]:
        return [Source(name) for name in names if _RECORDS.fullmatch(name)]

    def log_files(self, names: Names) -> list[str]:
        """Return the log W&B writes beside; the records hold the same, and more of it after a kill."""
        return only(names, ("files/output.log",))

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        card = _read_metadata(read_document(documents.get(_METADATA, b"")) or {})
        params = _read_config(read_yaml_object(documents.get(_CONFIG, b"")) or {})
        summary = dict(read_document(documents.get(_SUMMARY, b"")) or {})
        match = _DIRECTORY.fullmatch(split_path(run_dir)[1])
        if match:
            card["id"] = split_path(run_dir)[1].rpartition("-")[2]
        for excerpt in excerpts.values():
            for found in read_ends(excerpt):
                card |= found.card
                params |= found.params
                summary |= found.summary
        if "status" not in card:
            card |= {"status": "running", "status_known_by": "no exit record: it runs, or was killed"}
        started_at, runtime = card.get("started_at"), card.get("runtime")
        if isinstance(started_at, float) and isinstance(runtime, float):
            card["ended_at"] = started_at + runtime
        card["summary"] = {key: value for key, value in summary.items() if not key.startswith("_")}
        card.setdefault("name", card.get("id"))
        return make_run(run_dir, self.FORMAT, card, params)

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        return RecordsParser(position, state)


def read_ends(excerpt: Excerpt) -> list[Findings]:
    """Return what the ends of a file of records hold; the tail from where its first whole block begins."""
    parser = RecordsParser()
    found = [parser.feed(excerpt.head)]
    if not excerpt.is_whole:
        begin = -(-excerpt.tail_at // BLOCK) * BLOCK
        found.append(RecordsParser(begin, {"is_passing": True}).feed(excerpt.tail[begin - excerpt.tail_at :]))
    return found


def _read_metadata(metadata: Document) -> dict[str, object]:
    return {_METADATA_TEXTS[key]: value for key, value in metadata.items() if key in _METADATA_TEXTS}


def _read_config(config: Mapping[str, object]) -> dict[str, object]:
    """Return the parameters of a config.yaml, which holds each as ``{desc, value}``."""
    found = {key: item.get("value") for key, item in config.items() if isinstance(item, dict) and "value" in item}
    return {key: value for key, value in found.items() if key != "_wandb"}
