"""What to do about one listed entry, given what the local copy holds. Pure: values in, values out.

``decide`` never trusts a name alone: a file whose name suggests growth is appended to only after its prefix has
been compared (``fetch.Fetcher.grow``), and everything else is replaced whole.
"""

from __future__ import annotations

from enum import StrEnum

from runferry.model import Entry, Kind, Version
from runferry.remote.base import SMALL_FILE, Priority
from runferry.store.sync_state import Held

RACY_NS = 2_000_000_000
"""A file modified this short before it was read may change again without its times showing it."""

MOST_SKEW_NS = 600_000_000_000
"""How far a filesystem's clock may be ahead of its server's; a change later than that was made under a wrong clock."""

_GROWING = (".jsonl", ".ndjson", ".log", ".txt", ".out", ".err", ".csv", ".tsv", ".wandb")
_METADATA = (".json", ".yaml", ".yml", ".deleted")


class Step(StrEnum):
    """One file's next piece of work."""

    NOTHING = "nothing"
    DIRECTORY = "directory"  # create it locally
    SMALL = "small"  # read whole, many per request; replaced if it differs
    GROW = "grow"  # compare the prefix, then append what is new
    BIG = "big"  # read in ranges into staging, then swap
    LINK = "link"  # the same bytes are here under another name
    VERIFY = "verify"  # compare digests, and fetch again only where they differ


# Looking a member up in its enum costs as much as a call in Python 3.11, and these are needed for every listed file.
NOTHING, DIRECTORY, SMALL, GROW, BIG, LINK, VERIFY = Step
_FILE, _DIR = Kind.FILE, Kind.DIR
_METADATA_LANE, _SMALL_LANE, _BULK_LANE = Priority.METADATA, Priority.SMALL, Priority.BULK


def decide(entry: Entry, held: Held | None, *, is_suspect: bool = False) -> Step:
    """Choose the step for a wanted file or directory; ``is_suspect`` asks to look even if the versions are equal."""
    kind, version = entry.kind, entry.version
    if kind is not _FILE:
        return DIRECTORY if kind is _DIR else NOTHING
    size = version.size
    whole = SMALL if size <= SMALL_FILE else BIG
    if held is None:
        return whole
    is_equal = held.version == version
    if is_equal and not is_suspect:
        return NOTHING
    can_grow = entry.links == 1 and may_grow(entry.path)
    if is_equal:
        return GROW if can_grow else SMALL if whole is SMALL else VERIFY
    is_overtaken = version.ctime_ns < held.version.ctime_ns  # read since: as listed, it would go backwards
    if can_grow and (size > held.version.size or is_overtaken):
        return GROW
    if whole is BIG and size == held.version.size:
        return VERIFY
    return whole


def may_grow(path: str) -> bool:
    """Say whether the name suggests a file that is appended to. A hint only: the prefix decides."""
    name = path[path.rfind("/") + 1 :].lower()
    return name.endswith(_GROWING) or "tfevents" in name


def priority_of(path: str, size: int) -> Priority:
    """Metadata goes before small files, and both before bulk."""
    if size > SMALL_FILE:
        return _BULK_LANE
    return _METADATA_LANE if path.lower().endswith(_METADATA) else _SMALL_LANE


def is_racy(version: Version, clock_ns: int) -> bool:
    """Say whether a file read at ``clock_ns`` (remote clock) was modified too recently to trust its times for ever.

    The ctime tells where it is known: an mtime can be set to any time, also to one to come.
    """
    if not clock_ns:
        return False
    return -MOST_SKEW_NS < clock_ns - (version.ctime_ns or version.mtime_ns) < RACY_NS
