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


def decide(entry: Entry, held: Held | None, *, is_suspect: bool = False) -> Step:
    """Choose the step for a wanted file or directory; ``is_suspect`` asks to look even if the versions are equal."""
    if entry.kind is Kind.DIR:
        return Step.DIRECTORY
    if entry.kind is not Kind.FILE:
        return Step.NOTHING
    whole = Step.SMALL if entry.size <= SMALL_FILE else Step.BIG
    if held is None:
        return whole
    if held.version == entry.version and not is_suspect:
        return Step.NOTHING
    can_grow = may_grow(entry.path) and entry.links == 1
    if held.version == entry.version:
        return Step.GROW if can_grow else Step.SMALL if whole is Step.SMALL else Step.VERIFY
    if can_grow and entry.size > held.version.size:
        return Step.GROW
    if whole is Step.BIG and entry.size == held.version.size:
        return Step.VERIFY
    return whole


def may_grow(path: str) -> bool:
    """Say whether the name suggests a file that is appended to. A hint only: the prefix decides."""
    name = path[path.rfind("/") + 1 :].lower()
    return name.endswith(_GROWING) or "tfevents" in name


def priority_of(path: str, size: int) -> Priority:
    """Metadata goes before small files, and both before bulk."""
    if size > SMALL_FILE:
        return Priority.BULK
    return Priority.METADATA if path.lower().endswith(_METADATA) else Priority.SMALL


def is_racy(version: Version, clock_ns: int) -> bool:
    """Say whether a file read at ``clock_ns`` (remote clock) was modified too recently to trust its times for ever.

    A transport that does not know the remote clock says 0; its files are looked at again by its own rules.
    """
    if not clock_ns:
        return False
    return clock_ns - max(version.mtime_ns, version.ctime_ns) < RACY_NS
