"""How a root is to be kept: what was asked, checked and turned into what a sync needs. Values only, no I/O."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import blake2b
from typing import Any

from pathspec import GitIgnoreSpec

from runferry.errors import InvalidRequest
from runferry.formats import mlflow_db, trackio
from runferry.formats.recognition import FORMATS, FORMATS_BY_NAME
from runferry.formats.run_format import RunFormat
from runferry.service.records import SyncRecord
from runferry.store.names import FOLDING
from runferry.sync.spec import Mode, SyncSpec

FOLDERS = {Mode.SMART: "cache", Mode.MIRROR: "mirror"}

KNOWN_FORMATS = frozenset({*FORMATS_BY_NAME, trackio.FORMAT, mlflow_db.FORMAT})
"""The names of the formats that can be chosen."""


@dataclass(frozen=True, slots=True)
class ModeRequest:
    """How to keep a root. ``interval`` is in seconds; ``is_additional`` leaves other syncs of the mode running.

    With ``formats`` runs of no other tools are recognised, but Runicorn's always.
    """

    mode: Mode
    remote_root: str
    interval: float
    is_automatic: bool = True
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_file_size: int | None = None
    delete: bool = False
    formats: tuple[str, ...] = ()
    is_additional: bool = False

    def check(self) -> None:
        """Raise InvalidRequest, naming the field, for patterns that are none, and formats that there are not."""
        for name in self.formats:
            if name not in KNOWN_FORMATS:
                raise InvalidRequest(f"formats: {name!r} is none of {', '.join(sorted(KNOWN_FORMATS))}.")
        for field, patterns in (("include", self.include), ("exclude", self.exclude)):
            for pattern in patterns:
                if not is_pattern(pattern):
                    raise InvalidRequest(f"{field}: {pattern!r} is not a gitignore pattern.")

    def with_root(self, root: str) -> ModeRequest:
        return replace(self, remote_root=root)

    def options(self) -> Mapping[str, Any]:
        """Return what is stored of it, JSON-safe."""
        left_out = ("mode", "remote_root", "is_additional")
        options = {key: value for key, value in asdict(self).items() if key not in left_out}
        return options | {name: list(getattr(self, name)) for name in ("include", "exclude", "formats")}


def make_spec(record: SyncRecord) -> SyncSpec:
    options = record.options
    return SyncSpec(
        sync_id=record.id,
        mode=record.mode,
        remote_root=record.remote_root,
        interval=record.interval,
        is_automatic=record.is_automatic,
        include=tuple(options.get("include", ())),
        exclude=tuple(options.get("exclude", ())),
        max_file_size=options.get("max_file_size"),
        delete=bool(options.get("delete")),
    )


def choose_formats(record: SyncRecord) -> Sequence[RunFormat]:
    """Return the formats whose runs a sync recognises."""
    chosen = record.options.get("formats")
    return [one for one in FORMATS if not chosen or one.FORMAT in chosen]


def is_pattern(text: str) -> bool:
    try:
        GitIgnoreSpec.from_lines([text])
    except (ValueError, re.error):
        return False
    return True


def name_local_dir(directory: str, request: ModeRequest, *, is_folding: bool) -> str:
    """Return where a root's copy goes, relative to the data directory: readable, and unique by the hash.

    Where the volume folds names (``is_folding``) the name says so.
    """
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", request.remote_root).strip("-.")[-60:].strip("-.") or "root"
    mark = blake2b(request.remote_root.encode("utf-8", "surrogatepass"), digest_size=4).hexdigest()
    return f"{FOLDERS[request.mode]}/{directory}/{slug}-{mark}{FOLDING if is_folding else ''}"
