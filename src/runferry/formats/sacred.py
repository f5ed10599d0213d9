"""Sacred's FileStorageObserver: a numbered directory per run. Opens nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping

from runferry.formats.cards import make_run
from runferry.formats.document import Document, read_document, text_of
from runferry.formats.findings import Findings
from runferry.formats.listing import Listing
from runferry.formats.run_format import Documents, Excerpts, Names, RunFormat, Source, has_size, only, split_path
from runferry.formats.runicorn_events import clean
from runferry.formats.series import SeriesParser
from runferry.formats.values import read_number, read_step, read_time
from runferry.formats.whole_document import DocumentParser
from runferry.model import Run, SeriesKind

_RUN, _CONFIG, _INFO, _METRICS, _LOG = "run.json", "config.json", "info.json", "metrics.json", "cout.txt"
_STATUSES = {
    "RUNNING": "running",
    "COMPLETED": "finished",
    "FAILED": "failed",
    "TIMEOUT": "failed",
    "DIED": "failed",
    "INTERRUPTED": "interrupted",
    "QUEUED": "queued",
}


class Sacred(RunFormat):
    """Its files are rewritten whole every ten seconds: until then a run has no metrics."""

    FORMAT = "sacred"
    TITLE = "Sacred"
    READER = "sacred-1"
    NOTES = ("Its files are written every ten seconds: a killed run lacks the last ones.",)

    def find_runs(self, listing: Listing) -> dict[str, str]:
        beside = {*listing.dirs_with(_CONFIG), *listing.dirs_with(_LOG), *listing.dirs_with(_METRICS)}
        found = (directory for directory in listing.dirs_with(_RUN) if directory in beside)
        return {directory: f"holds {_RUN}" for directory in found if split_path(directory)[1] != "_sources"}

    def is_metadata(self, path: str, size: int) -> bool:
        directory, name = split_path(path)
        is_numbered = split_path(directory)[1].isdigit()
        return has_size(size) and (name == _RUN or (is_numbered and name in (_CONFIG, _INFO)))

    def documents(self, names: Names) -> list[str]:
        return only(names, (_RUN, _CONFIG, _INFO))

    def sources(self, names: Names) -> list[Source]:
        return [Source(name) for name in only(names, (_METRICS,))]

    def log_files(self, names: Names) -> list[str]:
        return only(names, (_LOG,))

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        run, config, info = (read_document(documents.get(name, b"")) or {} for name in (_RUN, _CONFIG, _INFO))
        params = {key: value for key, value in config.items() if not key.startswith("__")}
        experiment, host = _object_of(run, "experiment"), _object_of(run, "host")
        status = text_of(run, "status")
        card: dict[str, object] = {
            "id": split_path(run_dir)[1],
            "name": experiment.get("name"),
            "hostname": host.get("hostname"),
            "python": host.get("python_version"),
            "command": run.get("command"),
            "started_at": _time(run.get("start_time")),
            "ended_at": _time(run.get("stop_time")),
            "summary": dict(info) | ({"result": run["result"]} if run.get("result") is not None else {}),
            "exit_reason": _read_trace(run.get("fail_trace")),
        }
        if status is not None:
            card |= {
                "status": _STATUSES.get(status, status.lower()),
                "status_known_by": f"Sacred's status, {status}",
            }
        return make_run(run_dir, self.FORMAT, card, params)

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        return DocumentParser(take_metrics)


def take_metrics(value: object, found: Findings) -> None:
    """Put a metrics.json into findings: per metric three lists of one length. What is longer than the others is cut."""
    if not isinstance(value, dict):
        found.note_bad("The document is no object.")
        return
    for key, lists in value.items():
        steps, values, times = (_list_of(lists, name) for name in ("steps", "values", "timestamps"))
        if not len(steps) == len(values) == len(times):
            found.note_bad(f"The lists of {clean(key)[:100]!r} are not equally long.")
        for place, (step, item) in enumerate(zip(steps, values, strict=False)):
            at, number = read_step(step), read_number(item)
            time = read_time(times[place]) if place < len(times) else math.nan
            if at is None or number is None:
                found.note_bad(f"A point of {clean(key)[:100]!r} is not a number.")
            else:
                found.add(clean(key), SeriesKind.NUMBER, step=at, time=time, value=number)


def _list_of(value: object, name: str) -> list[object]:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, list) else []


def _object_of(document: Document, name: str) -> Mapping[str, object]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _read_trace(trace: object) -> str | None:
    if not isinstance(trace, list):
        return None
    return "".join(part for part in trace if isinstance(part, str)) or None


def _time(value: object) -> float | None:
    time = read_time(value)
    return None if math.isnan(time) else time
