"""TensorBoard's event files, whoever wrote them: a directory that holds some is a run. Opens nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runferry.formats.cards import make_run
from runferry.formats.listing import EVENTS, Listing
from runferry.formats.run_format import Documents, Excerpt, Excerpts, Names, RunFormat, Source, logs_in, split_path
from runferry.formats.series import SeriesParser
from runferry.formats.tensorboard_events import EventsParser
from runferry.formats.tensorboard_values import read_event
from runferry.formats.wire.protobuf import WireError
from runferry.formats.wire.tfrecord import TFRecords
from runferry.model import Run

_TIME = re.compile(r"\.tfevents\.(\d+)")
_CHILD = re.compile(r"\d{9,11}\.\d+")  # what add_hparams calls its directory, if not told otherwise


class TensorBoard(RunFormat):
    """Scalars, texts and hyperparameters; images are counted, histograms are not read."""

    FORMAT = "tensorboard"
    TITLE = "TensorBoard"
    READER = "tensorboard-1"
    NOTES = (
        "It tells no status.",
        "Histograms, audio and curves of precision and recall are counted, and not shown.",
    )
    LAST_WINS = True

    ENDS_TELL = False

    def find_runs(self, listing: Listing) -> dict[str, str]:
        found: dict[str, int] = {}
        for directory, _ in listing.of_kind(EVENTS):
            found[directory] = found.get(directory, 0) + 1
        return {
            directory: f"holds {count} event {'file' if count == 1 else 'files'}"
            for directory, count in found.items()
            if not _is_child(directory, found)
        }

    def excerpts(self, names: Names) -> list[str]:
        """Return the event files whose beginnings may hold hyperparameters: the first, and those of children."""
        own = [source.name for source in self.sources(names)]
        first = [name for name in own if "/" not in name][:1]
        return first + [name for name in own if "/" in name][:20]

    def sources(self, names: Names) -> list[Source]:
        own = [name for name in names if "/" not in name and _TIME.search(name)]
        inner = [name for name in names if name.count("/") == 1 and _TIME.search(name)]
        children = [name for name in inner if _CHILD.fullmatch(split_path(name)[0])]
        found = [Source(name) for name in sorted(own, key=sort_key)]
        return found + [Source(name, split_path(name)[0]) for name in sorted(children, key=sort_key)]

    def log_files(self, names: Names) -> list[str]:
        return logs_in(names)

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        card: dict[str, object] = {}
        params: dict[str, object] = {}
        for name in sorted(excerpts, key=sort_key):
            found = EventsParser().feed(excerpts[name].head)
            params |= found.params
            card |= found.card
        first = min((name for name in excerpts if "/" not in name), key=sort_key, default=None)
        if first is not None:
            card.setdefault("started_at", _read_start(excerpts[first]))
        return make_run(run_dir, self.FORMAT, card, params)

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        return EventsParser(position, state)


def is_hparams_child(head: bytes) -> bool:
    """Say of an event file's beginning whether its directory only tells the parameters of the run above it.

    For directories that bear a name of the user's choice: those that are called after a time are known by that.
    """
    return bool(EventsParser().feed(head).card.get("is_hparams_session"))


def sort_key(path: str) -> tuple[str, int, str]:
    """Return what event files are to be sorted by: the time in the name, then the rest of it."""
    directory, name = split_path(path)
    match = _TIME.search(name)
    return directory, int(match[1][:18]) if match else 0, name


def _is_child(directory: str, found: Mapping[str, int]) -> bool:
    above, name = split_path(directory)
    return above in found and directory != "" and _CHILD.fullmatch(name) is not None


def _read_start(excerpt: Excerpt) -> float | None:
    records = TFRecords().feed(excerpt.head)
    if not len(records.starts):
        return None
    try:
        return read_event(records.data, int(records.starts[0]), int(records.ends[0])).wall or None
    except WireError:
        return None
