"""Hugging Face's Trainer: ``trainer_state.json`` in the output directory or in its checkpoints. Opens nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runferry.formats.cards import make_run
from runferry.formats.document import read_document
from runferry.formats.findings import Findings
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
from runferry.formats.runicorn_events import clean
from runferry.formats.series import SeriesParser
from runferry.formats.values import read_number, read_step
from runferry.formats.whole_document import DocumentParser
from runferry.model import Run, SeriesKind

_STATE = "trainer_state.json"
_CHECKPOINT = re.compile(r"checkpoint-(\d{1,18})")
_RESULTS = ("all_results.json", "train_results.json", "eval_results.json")


class HfTrainer(RunFormat):
    """The newest state holds the whole history; where there are only checkpoints it is that of the largest number."""

    FORMAT = "hf_trainer"
    TITLE = "Hugging Face Trainer"
    READER = "hf-trainer-1"
    NOTES = (
        "It tells no status and no parameters.",
        "What was logged after the last checkpoint is in no file.",
    )
    HOLDS_OTHERS = True
    GATHERS = frozenset({"tensorboard"})

    def find_runs(self, listing: Listing) -> dict[str, str]:
        found: dict[str, str] = {}
        for directory in listing.dirs_with(_STATE):
            above, name = split_path(directory)
            if _CHECKPOINT.fullmatch(name):
                found.setdefault(above, f"has checkpoints that hold {_STATE}")
            else:
                found[directory] = f"holds {_STATE}"
        return found

    def is_metadata(self, path: str, size: int) -> bool:
        return has_size(size) and split_path(path)[1] in _RESULTS

    def documents(self, names: Names) -> list[str]:
        return only(names, _RESULTS)

    def sources(self, names: Names) -> list[Source]:
        if _STATE in names:
            return [Source(_STATE)]
        numbered = [
            (int(match[1]), name)
            for name in names
            if name.endswith(f"/{_STATE}") and (match := _CHECKPOINT.fullmatch(name[: -len(_STATE) - 1]))
        ]
        return [Source(max(numbered)[1])] if numbered else []

    def log_files(self, names: Names) -> list[str]:
        return logs_in(names)

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        summary: dict[str, object] = {}
        for name in reversed(_RESULTS):
            summary |= read_document(documents.get(name, b"")) or {}
        return make_run(run_dir, self.FORMAT, {"summary": summary}, {})

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        return DocumentParser(take_state)


def take_state(value: object, found: Findings) -> None:
    """Put a trainer_state.json's history into findings: each number is a point at its entry's step."""
    history = value.get("log_history") if isinstance(value, dict) else None
    if not isinstance(history, list):
        found.note_bad("There is no log_history.")
        return
    for entry in history:
        step = read_step(entry.get("step")) if isinstance(entry, dict) else None
        if step is None:
            found.note_bad("An entry of the history has no step.")
            continue
        for key, item in entry.items():
            number = read_number(item)
            if number is not None and key != "step":
                found.add(clean(key), SeriesKind.NUMBER, step=step, time=float("nan"), value=number)
