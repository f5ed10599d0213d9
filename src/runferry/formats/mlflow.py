"""MLflow's file store (``mlruns``): a directory per run, a file per metric, parameter and tag. Opens nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runferry.formats.cards import make_run
from runferry.formats.findings import Findings
from runferry.formats.lines import Lines
from runferry.formats.listing import Listing
from runferry.formats.run_format import Documents, Excerpts, Names, RunFormat, Source, has_size, split_path
from runferry.formats.series import SeriesParser
from runferry.formats.values import read_time
from runferry.formats.wire.yaml import read_yaml_object
from runferry.model import MediaItem, Run, SeriesKind

STATUSES = {
    "RUNNING": "running",
    "SCHEDULED": "scheduled",
    "FINISHED": "finished",
    "FAILED": "failed",
    "KILLED": "interrupted",
}
"""What MLflow's statuses are called here."""

HIDDEN_TAGS = "mlflow."
"""How tags begin that MLflow itself sets; the run's note is the one of them that is the user's."""

NOTE, PARENT, USER = "mlflow.note.content", "mlflow.parentRunId", "mlflow.user"

_NUMBERS = {1: "RUNNING", 2: "SCHEDULED", 3: "FINISHED", 4: "FAILED", 5: "KILLED"}
_META, _EXPERIMENT = "meta.yaml", "../meta.yaml"
_RUN = re.compile(r"(?:^|/)[0-9a-f]{32}$")
_DOCUMENT = re.compile(r"(?:^|/)[0-9a-f]{32}/(?:meta\.yaml|(?:params|tags)/.+)$")
_EXPERIMENT_META = re.compile(r"(?:^|/)\d+/meta\.yaml$")
_APART = re.compile(r"(?:^|/)(?:\.trash|models|artifacts)(?:/|$)")
_IMAGE = (".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp")


class MlflowFiles(RunFormat):
    """Metrics come in the order they were written in, which need not be that of their steps."""

    FORMAT = "mlflow"
    TITLE = "MLflow"
    READER = "mlflow-1"
    NOTES = (
        "A killed run says for ever that it is running.",
        "Points stay in the order in which they were written.",
    )
    LAST_WINS = True

    def find_runs(self, listing: Listing) -> dict[str, str]:
        return {
            directory: "holds a run's meta.yaml"
            for directory in listing.dirs_with(_META)
            if _RUN.search(directory) and not _APART.search(directory)
        }

    def is_metadata(self, path: str, size: int) -> bool:
        is_one = _DOCUMENT.search(path) is not None or _EXPERIMENT_META.search(path) is not None
        return is_one and has_size(size) and not _APART.search(path)

    def documents(self, names: Names) -> list[str]:
        return [_EXPERIMENT] + [name for name in names if name == _META or name.startswith(("params/", "tags/"))]

    def sources(self, names: Names) -> list[Source]:
        return [Source(name) for name in names if name.startswith("metrics/")]

    def media(self, names: Names) -> list[MediaItem]:
        found = (name for name in names if name.startswith("artifacts/") and is_image(name))
        return [MediaItem("image", name.removeprefix("artifacts/"), name) for name in found]

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        meta = read_yaml_object(documents.get(_META, b"")) or {}
        experiment = read_yaml_object(documents.get(_EXPERIMENT, b"")) or {}
        params = {name[7:]: _text(data) for name, data in documents.items() if name.startswith("params/")}
        tags = {name[5:]: _text(data) for name, data in documents.items() if name.startswith("tags/")}
        number = meta.get("status")
        status = _NUMBERS.get(number, "") if isinstance(number, int) else str(number or "")
        card: dict[str, object] = {
            "id": split_path(run_dir)[1],
            "name": meta.get("run_name") or tags.get("mlflow.runName"),
            "project": experiment.get("name"),
            "started_at": _read_time(meta.get("start_time")),
            "ended_at": _read_time(meta.get("end_time")),
        }
        card |= read_status(status) | read_tags(tags)
        if meta.get("lifecycle_stage") == "deleted":
            card["deleted_at"] = _read_time(meta.get("deleted_time")) or card["ended_at"] or 0.0
        return make_run(run_dir, self.FORMAT, card, params)

    def make_parser(self, source: str, position: int = 0, state: Mapping[str, object] | None = None) -> SeriesParser:
        return MetricParser(source.removeprefix("metrics/"), position, state)


class MetricParser:
    """One metric's file: lines of milliseconds, value and step. See ``formats.series.SeriesParser``."""

    def __init__(self, key: str, position: int = 0, state: Mapping[str, object] | None = None) -> None:
        self._key = key
        self._lines = Lines(position, is_skipping=(state or {}).get("is_skipping") is True, longest=64 * 1024)

    @property
    def position(self) -> int:
        return self._lines.position

    @property
    def state(self) -> Mapping[str, object]:
        return {"is_skipping": True} if self._lines.is_skipping else {}

    def feed(self, data: bytes) -> Findings:
        found = Findings()
        for line in self._lines.feed(data):
            cells = line.split() if line is not None else [b""]
            if not cells:
                continue
            try:
                time, value, step = (float(cell) for cell in (*cells, b"0")[:3])
            except ValueError:
                found.note_bad(f"A line before byte {self.position} is not a time, a value and a step.")
                continue
            found.add(self._key, SeriesKind.NUMBER, step=step, time=read_time(time), value=value)
        return found

    def flush(self) -> Findings:
        """Return nothing: a last line without its newline may be half of one."""
        return Findings()


def is_image(name: str) -> bool:
    """Say whether an artifact's name ends like an image's."""
    return name.lower().endswith(_IMAGE)


def read_status(status: str) -> dict[str, object]:
    """Return what a card says of a status in MLflow's words."""
    if not status:
        return {}
    return {"status": STATUSES.get(status, status.lower()), "status_known_by": f"MLflow's status, {status}"}


def read_tags(tags: Mapping[str, str]) -> dict[str, object]:
    """Return what a card says of a run's tags: the user's own as tags, some of MLflow's as what they are."""
    own = {key: value for key, value in tags.items() if not key.startswith(HIDDEN_TAGS)}
    return {
        "tags": own,
        "notes": tags.get(NOTE),
        "parent": tags.get(PARENT),
        "user": tags.get(USER),
        "source": tags.get("mlflow.source.name"),
    }


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")[:10_000]


def _read_time(value: object) -> float | None:
    time = read_time(value)
    return time if time == time else None
