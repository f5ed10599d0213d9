"""What differs between two listings of one tree. Pure: values in, values out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, MutableMapping
from dataclasses import dataclass

from runferry.model import Change, Entry


@dataclass(frozen=True, slots=True)
class Difference:
    """``upserts`` are new or changed entries, ``removed`` every path that is no more (descendants included)."""

    upserts: tuple[Entry, ...] = ()
    removed: tuple[str, ...] = ()


def diff(old: Mapping[str, Entry], new: Mapping[str, Entry], *, unsure: Iterable[str] = ()) -> Difference:
    """Compare two whole listings. What lies below an ``unsure`` directory counts as unchanged, never as removed."""
    upserts = tuple(entry for path, entry in new.items() if (known := old.get(path)) is not entry and known != entry)
    doubtful = frozenset(unsure)
    removed = tuple(path for path in old if path not in new and not (doubtful and has_ancestor(path, doubtful)))
    return Difference(upserts, removed)


def difference_of(listing: Mapping[str, Entry], change: Change) -> Difference:
    """Turn a ``Change`` into what it means for ``listing``; a removed directory takes its content with it."""
    if change.complete:
        new = {entry.path: entry for entry in change.upserts}
        return diff(listing, new, unsure=change.unsure)
    if change.is_part:
        return Difference(tuple(entry for entry in change.upserts if listing.get(entry.path) != entry))
    if not change.removed:
        return Difference(change.upserts, ())
    lost = frozenset(change.removed)
    returned = {entry.path for entry in change.upserts}
    removed = tuple(path for path in listing if path not in returned and (path in lost or has_ancestor(path, lost)))
    return Difference(change.upserts, removed)


def apply(listing: MutableMapping[str, Entry], difference: Difference) -> None:
    """Bring ``listing`` up to date in place."""
    for path in difference.removed:
        listing.pop(path, None)
    listing.update((entry.path, entry) for entry in difference.upserts)


def has_ancestor(path: str, ancestors: frozenset[str]) -> bool:
    """Say whether some proper ancestor of ``path`` (the root ``""`` included) is among ``ancestors``."""
    if "" in ancestors and path:
        return True
    end = path.rfind("/")
    while end > 0:
        if path[:end] in ancestors:
            return True
        end = path.rfind("/", 0, end)
    return False
