"""Runicorn's files, versions 0.4 to 0.7: which directories are runs, and what their documents say.

Follows the layouts described in ``docs/formats.md``. Sees listings and bytes only; opens nothing, never
raises. Series, logs and media are not read here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import replace
from typing import Any

from runferry.formats.base import METADATA_LIMIT, Has
from runferry.formats.document import (
    Document,
    count_of,
    number_of,
    objects_of,
    read_document,
    text_of,
    time_of,
)
from runferry.formats.runicorn_artifacts import (
    artifacts_touched,
    is_version_dir,
    is_version_list,
    read_archived_assets,
    read_version_metadata,
    read_versions,
)
from runferry.model import ArtifactVersion, Run

__all__ = [
    "DOCUMENTS",
    "FORMAT",
    "REQUIRED",
    "VERSION_DOCUMENT",
    "VERSION_LIST",
    "artifacts_touched",
    "find_log_run",
    "find_runs",
    "is_metadata",
    "is_run_dir",
    "keep_known",
    "log_files",
    "read_archived",
    "read_documents",
    "read_run",
    "read_version_metadata",
    "read_versions",
    "runs_begun",
    "runs_touched",
]

FORMAT = "runicorn"

META, STATUS, SUMMARY = "meta.json", "status.json", "summary.json"
ENVIRONMENT, ASSETS, DELETED = "environment.json", "assets.json", ".deleted"
CREATED, USED = "artifacts_created.json", "artifacts_used.json"
EVENTS, LOGS = "events.jsonl", "logs.txt"
DOCUMENTS = frozenset({META, STATUS, SUMMARY, ENVIRONMENT, ASSETS, DELETED, CREATED, USED})
REQUIRED = META
VERSION_LIST, VERSION_DOCUMENT = "versions.json", "metadata.json"

DEFAULT = "default"
"""What Runicorn itself calls a project or a run that was given no name."""

_TOLD_BY = {
    META: ("id", "project", "name", "created_at", "pid", "hostname", "meta"),
    STATUS: ("status", "started_at", "ended_at", "exit_reason"),
    SUMMARY: ("best_metric_value", "best_metric_name", "summary"),
    ENVIRONMENT: ("environment",),
    DELETED: ("deleted_at",),
}
_LISTS = {CREATED: "artifacts_created", USED: "artifacts_used"}

_DOCUMENTS = tuple(DOCUMENTS)
_RECYCLE = ".recycle"
_MARKS = tuple(f"/{name}" for name in (META, STATUS, EVENTS))
_LARGEST_PID = 2**31 - 1
# what users store inside an artifact may look like a run and is none
_CONTENT = re.compile(r"(?:^|/)(?:artifacts/[^/]+/[^/]+/v\d+/files|archive/(?:blobs|manifests|outputs))(?:/|$)")
_RUN_ID = re.compile(r"\d{8}_\d{6}_[0-9a-f]{6}")


def find_runs(paths: Iterable[str]) -> set[str]:
    """Return the directories that hold a meta.json and a status.json or an events.jsonl."""
    with_meta, with_mark = set(), set()
    for path in paths:
        if path.endswith(_MARKS) or "/" not in path:
            directory, _, name = path.rpartition("/")
            if name == META:
                with_meta.add(directory)
            elif name in (STATUS, EVENTS):
                with_mark.add(directory)
    return {path for path in with_meta & with_mark if not _CONTENT.search(path)}


def is_run_dir(path: str, has: Has) -> bool:
    """Say of one directory what ``find_runs`` says of a whole listing."""
    start = f"{path}/" if path else ""
    has_mark = has(start + META) and (has(start + STATUS) or has(start + EVENTS))
    return has_mark and not _CONTENT.search(path)


def runs_touched(changed: Iterable[str], is_run_dir: Callable[[str], bool]) -> set[str]:
    """Return the run directories that hold a changed document."""
    return _directories_of(changed, _DOCUMENTS, is_run_dir)


def runs_begun(changed: Iterable[str], is_run_dir: Callable[[str], bool]) -> set[str]:
    """Return the run directories whose events.jsonl is among the changed: with a meta.json it makes a run."""
    return _directories_of(changed, (EVENTS,), is_run_dir)


def _directories_of(changed: Iterable[str], names: tuple[str, ...], is_run_dir: Callable[[str], bool]) -> set[str]:
    found = (path.rpartition("/") for path in changed if path.endswith(names))
    return {path for path in {path for path, _, name in found if name in names} if is_run_dir(path)}


def log_files(path: str, has: Has) -> list[str]:
    """Return the one log a run has."""
    return [f"{path}/{LOGS}" if path else LOGS]


def find_log_run(path: str) -> str | None:
    """Return the directory of a logs.txt."""
    if not path.endswith(LOGS):
        return None
    directory, _, name = path.rpartition("/")
    return directory if name == LOGS else None


def is_metadata(path: str, size: int, is_run_dir: Callable[[str], bool] | None = None) -> bool:
    """Say whether smart mode takes the file eagerly: up to 1 MiB, and a document of a run or of an artifact.

    Without ``is_run_dir`` a run directory is guessed by its place and name.
    """
    directory, _, name = path.rpartition("/")
    if size > METADATA_LIMIT or not (name == DELETED or name.endswith((".json", ".yaml", ".yml"))):
        return False
    if is_version_list(path) or is_version_dir(directory):
        return True
    return (is_run_dir or _looks_like_run)(directory)


def _looks_like_run(path: str) -> bool:
    parent, _, name = path.rpartition("/")
    is_placed = parent == "runs" or parent.endswith(("/runs", _RECYCLE))
    return (is_placed or _RUN_ID.fullmatch(name) is not None) and not _CONTENT.search(path)


def read_documents(documents: Mapping[str, bytes]) -> dict[str, Document]:
    """Return the objects that the documents hold, without those that hold none.

    An unreadable ``.deleted`` still says that it is there.
    """
    found = {name: read_document(data) for name, data in documents.items()}
    read = {name: document for name, document in found.items() if document is not None}
    return {DELETED: {}, **read} if DELETED in found else read


def read_run(path: str, read: Mapping[str, Document]) -> Run:
    """Read one run from its documents, by name; what is missing or unusable leaves the defaults.

    Where meta.json does not say, id, project and name come from ``path``.
    """
    meta, status, summary = (read.get(name, {}) for name in (META, STATUS, SUMMARY))
    created, used = (objects_of(read.get(name, {}), "artifacts") for name in (CREATED, USED))
    assets = _join_assets(read.get(ASSETS, {}), created, used)
    project, name = _read_place(path, meta)
    started_at, ended_at = time_of(status, "started_at"), time_of(status, "ended_at")
    created_at = time_of(meta, "created_at")
    return Run(
        id=_read_id(path, meta),
        path=path,
        format=FORMAT,
        project=project,
        name=name,
        created_at=started_at if created_at is None else created_at,
        status=text_of(status, "status") or "",
        started_at=started_at,
        ended_at=ended_at,
        exit_reason=text_of(status, "exit_reason", longest=10_000),
        pid=count_of(meta, "pid", largest=_LARGEST_PID) or None,
        hostname=text_of(meta, "hostname") or "",
        best_metric_value=number_of(summary, "best_metric_value"),
        best_metric_name=text_of(summary, "best_metric_name"),
        **_count_artifacts(assets),
        deleted_at=_read_deletion(path, read, (ended_at, started_at, created_at)),
        summary=summary,
        meta=meta,
        environment=read.get(ENVIRONMENT, {}),
        assets=assets,
    )


def keep_known(run: Run, before: Run, unreadable: Collection[str]) -> Run:
    """Return ``run`` with what its unreadable documents would have said taken from ``before``."""
    kept = {field for name in unreadable for field in _TOLD_BY.get(name, ())}
    values: dict[str, Any] = {field: getattr(before, field) for field in kept}
    if any(name in unreadable for name in (ASSETS, *_LISTS)):
        values["assets"] = assets = _keep_assets(run.assets, before.assets, unreadable)
        values |= _count_artifacts(assets)
    told = replace(run, **values)
    return replace(told, created_at=told.started_at) if told.created_at is None else told


def _keep_assets(assets: Document, before: Document, unreadable: Collection[str]) -> Document:
    lists = {name: (before if document in unreadable else assets).get(name) for document, name in _LISTS.items()}
    rest = before if ASSETS in unreadable else assets
    kept = {name: value for name, value in rest.items() if name not in lists}
    return {**kept, **{name: items for name, items in lists.items() if items is not None}}


def _count_artifacts(assets: Document) -> dict[str, Any]:
    count = {name: len(objects_of(assets, name)) for name in (*_LISTS.values(), "outputs", "datasets", "pretrained")}
    return {
        "artifacts_created": count["artifacts_created"] + count["outputs"],
        "artifacts_used": count["artifacts_used"] + count["datasets"] + count["pretrained"],
    }


def read_archived(path: str, read: Mapping[str, Document]) -> list[ArtifactVersion]:
    """Read what a 0.7 run lists in assets.json and has archived below the same root."""
    if ASSETS not in read:
        return []
    meta, assets = read.get(META, {}), read[ASSETS]
    place = "/".join(_read_segments(meta) or ())
    return read_archived_assets(path, assets, run_id=_read_id(path, meta), place=place)


def _read_id(path: str, meta: Document) -> str:
    written = text_of(meta, "id", longest=200)
    if written is None or "/" in written or "\ufffd" in written or written in (".", ".."):
        return path.rpartition("/")[2] or "run"
    return written


def _read_place(path: str, meta: Document) -> tuple[str, str]:
    """Return project and name: as 0.4 wrote them, else 0.7's path, else where the directory lies."""
    segments = _read_segments(meta)
    project, name = _place_of(path) if segments is None else _split_place(segments, text_of(meta, "alias"))
    return text_of(meta, "project") or project, text_of(meta, "name") or name


def _read_segments(meta: Document) -> list[str] | None:
    """Return 0.7's path as its parts, or None where the document has none."""
    if not isinstance(meta.get("path"), str):
        return None
    return [part for part in (text_of(meta, "path", longest=4096) or "").split("/") if part]


def _place_of(path: str) -> tuple[str, str]:
    above = path.split("/")[:-1]
    if "runs" not in above:
        return DEFAULT, DEFAULT
    position = above.index("runs")
    if position == len(above) - 1 and position >= 2:  # <project>/<name>/runs/<run_id>
        return above[position - 2], above[position - 1]
    return _split_place([part for part in above[position + 1 :] if part != _RECYCLE], None)


def _split_place(segments: list[str], alias: str | None) -> tuple[str, str]:
    return (segments or [DEFAULT])[0], "/".join(segments[1:]) or alias or DEFAULT


def _read_deletion(path: str, read: Mapping[str, Document], times: tuple[float | None, ...]) -> float | None:
    """Return when the run was soft-deleted. 0.7 only moves it: the run's last time stands in for that."""
    if DELETED not in read and _RECYCLE not in path.split("/")[:-1]:
        return None
    deleted_at = time_of(read.get(DELETED, {}), "deleted_at")
    return next((time for time in (deleted_at, *times) if time is not None), 0.0)


def _join_assets(assets: Document, created: list[Document], used: list[Document]) -> Document:
    lists = {"artifacts_created": created, "artifacts_used": used}
    return {**assets, **{name: items for name, items in lists.items() if items}}
