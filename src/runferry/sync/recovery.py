"""Bringing local files and their records together again, after whatever ended the last session. It blocks.

It asks no server, and removes no file.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace

from runferry.errors import DiskFailed, LocalCopyDamaged
from runferry.store.files import LocalTree
from runferry.store.sync_state import FileRecord, Held
from runferry.sync.plan import may_grow

_COARSEST_NS = 2_000_000_000
"""No volume keeps times more coarsely than FAT."""


def find_damaged(
    records: Iterable[FileRecord],
    found: Mapping[str, tuple[int, int]],
    tree: LocalTree,
    suspect_since: float | None,
) -> list[FileRecord]:
    """Return the records that must change, as they are then. ``found`` is size and mtime of each local file.

    Files that grow are cut where their committed bytes end. What landed since ``suspect_since`` may be torn by a power
    failure and is compared with its hash.
    """
    changed = []
    for record in records:
        path, held = record.entry.path, record.held
        if held is None:
            continue
        size, mtime_ns = found.get(path, (-1, 0))
        expected, can_grow = held.version.size, may_grow(path)
        now: Held | None = held
        if size > expected and can_grow:
            with suppress(DiskFailed, LocalCopyDamaged):  # appending cuts it off as well
                tree.truncate(path, expected)
        elif size != expected:
            now = None
        if now is not None and suspect_since is not None and held.landed_at >= suspect_since:
            now = _verify(tree, path, held)
        elif now is not None and can_grow and not _is_same_time(held.version.mtime_ns, mtime_ns):
            now = _doubt(tree, path, held)
        if now is not held:
            changed.append(FileRecord(record.entry, now, record.gone_at, held.generation + 1))
    return changed


def _verify(tree: LocalTree, path: str, held: Held) -> Held | None:
    """Compare with the recorded hash; bytes that were appended have none and are left for the server to confirm."""
    if not held.content_hash:
        return replace(held, is_racy=True)
    return held if tree.hash_file(path) == held.content_hash else None


def _doubt(tree: LocalTree, path: str, held: Held) -> Held | None:
    """Something was written after the last commit: more of the same, or another generation, swapped in whole.

    Only the hash can tell. Without one it counts as another: whoever has read the old bytes reads them again.
    """
    if not held.content_hash:
        return replace(held, generation=held.generation + 1)
    return held if tree.hash_file(path) == held.content_hash else None


def _is_same_time(committed_ns: int, found_ns: int) -> bool:
    """Say whether a local time is the committed one, as far as the volume keeps it."""
    is_rounded = found_ns % 100 == 0 and 0 <= committed_ns - found_ns < _COARSEST_NS
    return committed_ns == found_ns or is_rounded
