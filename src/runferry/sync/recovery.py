"""Bringing local files and their records together again, after whatever ended the last session. It blocks.

It asks no server, and removes no file of the copy.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from runferry.errors import DiskFailed, LocalCopyDamaged
from runferry.store.files import LocalTree
from runferry.store.sync_state import FileRecord, Held, SyncState
from runferry.sync.plan import may_grow

_COARSEST_NS = 2_000_000_000
"""No volume keeps times more coarsely than FAT."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """What a sync has here before it asks its server.

    ``records`` by path, as they were committed; ``changed`` those that must be others, as they are then; ``unrecorded``
    size and mtime (nanoseconds) of the files that landed and were not committed.
    """

    records: dict[str, FileRecord]
    changed: Sequence[FileRecord]
    unrecorded: dict[str, tuple[int, int]]


def recover(tree: LocalTree, state: SyncState, suspect_since: float | None) -> Recovery:
    """Compare what the index says with what is on the disk, and remove staged bytes that nothing will continue.

    What landed since ``suspect_since`` may be torn by a power failure. Raises DiskFailed where a directory cannot be
    listed, and what the database raises.
    """
    tree.open()
    records = state.load()
    found = tree.list_files()
    changed = find_damaged(records.values(), found, tree, suspect_since)
    unrecorded: dict[str, tuple[int, int]] = {}
    if suspect_since is None:
        held = {path for path, record in records.items() if record.held is not None}
        held -= {record.entry.path for record in changed if record.held is None}
        held |= {record.entry.path for record in changed if may_grow(record.entry.path)}  # cut since they were found
        unrecorded = {path: found[path] for path in found if path not in held}
    tree.sweep(frozenset(partial.staged for partial in state.partials().values()))
    return Recovery(records, changed, unrecorded)


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
        elif now is not None and not _is_same_time(held.version.mtime_ns, mtime_ns):
            now = _doubt(tree, path, held)
        if now is not held:
            changed.append(FileRecord(record.entry, now, record.gone_at, held.generation + 1))
    return changed


def _verify(tree: LocalTree, path: str, held: Held) -> Held | None:
    """Compare with the recorded hash; bytes that were appended have none and are left for the server to confirm."""
    if not held.content_hash:
        return held._replace(is_racy=True)
    return held if tree.hash_file(path) == held.content_hash else None


def _doubt(tree: LocalTree, path: str, held: Held) -> Held | None:
    """Something was written after the last commit: more of the same, or another content, swapped in whole.

    Only the hash can tell. Without one it counts as another generation: whoever has read the old bytes reads them
    again, and nothing takes them for those of the recorded version before the server has confirmed it.
    """
    if not held.content_hash:
        return held._replace(generation=held.generation + 1, is_racy=True)
    if tree.hash_file(path) != held.content_hash:
        return None
    tree.set_time(path, held.version.mtime_ns)  # only its time has changed on the server: it need not be read next time
    return held


def _is_same_time(committed_ns: int, found_ns: int) -> bool:
    """Say whether a local time is the committed one, as far as the volume keeps it."""
    is_rounded = found_ns % 100 == 0 and 0 <= committed_ns - found_ns < _COARSEST_NS
    return committed_ns == found_ns or is_rounded
