"""What is said of one version of a file: where it is, how it is told from every other, how old the news is.

Values and pure functions; no I/O.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from hashlib import blake2b
from pathlib import Path

from runferry.errors import Conflict
from runferry.model import Entry, Kind, Version
from runferry.store.cache import Place
from runferry.store.sync_state import FileRecord, Held


@dataclass(frozen=True, slots=True)
class FileSpot:
    """Where a file is: its sync's id and root here, its path below that root. ``is_gone``: so is its run.

    ``sha256`` is what its bytes must be, where a manifest was asked; manifests beside the file count anyway.
    """

    sync_id: int
    path: str
    local_root: Path
    last_sync_at: float | None = None
    is_gone: bool = False
    sha256: str | None = None

    @property
    def place(self) -> Place:
        return self.sync_id, self.path

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]


class Freshness(StrEnum):
    """How a file that is given compares with the server's."""

    LIVE = "live"  # the server was asked just now
    STALE = "stale"  # the server could not tell
    OFFLINE = "offline"  # the server could not be asked
    GONE = "gone"  # the server has it no more


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What is said of one version of a file. ``etag`` is strong, without quotes; ``as_of`` is when the server last had
    exactly this (seconds since the epoch).
    """

    version: Version
    etag: str
    as_of: float
    freshness: Freshness
    held: Held | None = None

    @property
    def size(self) -> int:
        return self.version.size


def make_facts(held: Held, as_of: float, freshness: Freshness) -> FileFacts:
    return FileFacts(held.version, make_etag(held.version, held), as_of, freshness, held)


def check_is_file(entry: Entry) -> None:
    """Raises Conflict for what has no bytes to give."""
    if entry.kind is Kind.DIR:
        raise Conflict(f"{entry.path} is a directory: list it, or download it with POST /api/downloads.")
    if entry.kind is not Kind.FILE:
        raise Conflict(f"{entry.path} is no regular file: it is shown, never followed or read.")


def make_etag(version: Version, held: Held | None = None) -> str:
    """Return what tells this content from every other of the file.

    A version that was read too soon after it was written may stand for two contents: then the held bytes count too.
    """
    facts: tuple[object, ...] = (version.size, version.mtime_ns, version.ctime_ns, version.inode, version.device)
    if held is not None and held.is_racy:
        facts = (*facts, held.generation, held.content_hash or held.landed_at)
    return blake2b(repr(facts).encode(), digest_size=12).hexdigest()


def is_continued(before: FileFacts, after: FileFacts) -> bool:
    """Say whether what was true of the bytes before is still true of the first of those after."""
    if before.etag == after.etag:
        return True
    is_same_generation = before.held and after.held and before.held.generation == after.held.generation
    return bool(is_same_generation) and after.size >= before.size


def last_seen(spot: FileSpot, record: FileRecord | None) -> float:
    """Return when the server is last known to have had exactly what is held."""
    if record is None or record.held is None:
        return 0.0
    landed_at = record.held.landed_at
    is_listed = record.held.version == record.entry.version and record.gone_at is None
    return max(landed_at, spot.last_sync_at or 0.0) if is_listed else landed_at
