"""What went to the trash because a file stands where its directory was: nothing of it is held any more."""

from __future__ import annotations

from runferry.store.files import LocalTree
from runferry.store.sync_state import FileRecord
from runferry.sync.copy import Copy
from runferry.sync.journal import Journal


def let_go_displaced(tree: LocalTree, journal: Journal, copy: Copy) -> None:
    """Take back that files below what was displaced are here; those that are on the server are fetched again."""
    while tree.displaced:
        below = f"{tree.displaced.pop()}/"
        for path in [path for path in journal.records if path.startswith(below)]:
            record = journal.records[path]
            if record.held is None:
                continue
            if record.gone_at is not None:
                copy.missing_since.pop(path, None)
                journal.forget(path)
            else:
                journal.put(FileRecord(record.entry, None, None, record.held.generation + 1))
                copy.reconsider([path])
