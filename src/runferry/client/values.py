"""What the client answers: frozen values read from JSON, all of which is in ``raw``. Nothing here asks the server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Connection:
    """An open connection. ``id`` is ``user@host:port``; ``transport`` is agent or sftp."""

    id: str
    fingerprint: str
    host_key: str
    transport: str
    raw: Json = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Item:
    """One name in a browsed directory of a server; ``mtime`` in seconds since the epoch."""

    name: str
    path: str
    type: str
    size: int
    mtime: int


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """One file of a run. ``local`` says how much of it is here: full, partial or none."""

    path: str
    size: int
    mtime: float | None
    local: str
    raw: Json = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Points:
    """Every point of one metric, in the order it was written: three lists of one length.

    ``times`` are seconds since the epoch, NaN where unknown. ``values`` are floats (NaN and infinities included),
    or texts where ``kind`` is text.
    """

    metric: str
    kind: str
    steps: Sequence[float]
    times: Sequence[float]
    values: Sequence[Any]

    def __len__(self) -> int:
        return len(self.steps)


@dataclass(frozen=True, slots=True)
class Artifact:
    """One artifact with the number of its versions and its aliases (alias -> version)."""

    name: str
    type: str
    num_versions: int
    latest_version: int
    size_bytes: int
    aliases: Mapping[str, int]
    raw: Json = field(repr=False, default_factory=dict)


@dataclass(frozen=True, slots=True)
class Download:
    """A download task. ``state`` is queued, running, done, failed or cancelled."""

    id: str
    state: str
    files_done: int
    files_total: int
    bytes_done: int
    bytes_total: int
    error: str | None
    raw: Json = field(repr=False, default_factory=dict)

    @property
    def is_over(self) -> bool:
        return self.state in ("done", "failed", "cancelled")


def read_as(kind: type[Any], raw: Json, **renamed: str) -> Any:
    """Build a value of ``kind`` from a JSON object, keeping all of it as ``raw`` where the value has that field."""
    names = kind.__dataclass_fields__
    values = {name: raw.get(renamed.get(name, name)) for name in names if name != "raw"}
    return kind(**values, **({"raw": raw} if "raw" in names else {}))
