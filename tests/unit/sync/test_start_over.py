"""On a new link everything is looked at again, also what did not agree when the one before it broke."""

from __future__ import annotations

import time
from pathlib import Path

from tests.support.indexing import add_sync

from runferry.model import Change, Entry, Kind, RootIdentity, Version
from runferry.store.db import Database
from runferry.store.sync_state import Held, SyncState
from runferry.sync.backlog import Backlog
from runferry.sync.copy import Copy
from runferry.sync.fetch import Landed
from runferry.sync.journal import Journal
from runferry.sync.revisits import Revisits
from runferry.sync.selection import Selection
from runferry.sync.spec import Commit, Mode, SyncSpec

OLD = 1_600_000_000_000_000_000


async def note(commit: Commit) -> None:
    """Tell nobody."""


async def test_a_file_read_as_it_was_before_is_read_again_where_the_link_broke_before_the_revisit(
    tmp_path: Path,
) -> None:
    db = Database(tmp_path / "index.db")
    db.open()
    sync_id = add_sync(db, "gpu", "/data").sync_id
    spec = SyncSpec(sync_id, Mode.MIRROR, "/data", 2.0)
    listing: dict[str, Entry] = {}
    backlog = Backlog()
    copy = Copy(
        listing,
        selection=Selection(spec, lambda path, size: True, lambda path, has: None),
        backlog=backlog,
        journal=Journal(SyncState(db, sync_id), listing, note),
        revisits=Revisits(time.monotonic),
    )
    listed = Entry("a.bin", Kind.FILE, Version(3, OLD, OLD + 1, 2, 1))
    whole = Change(RootIdentity(1, 1), (listed,), clock_ns=OLD * 2, complete=True)
    copy.absorb(whole)
    assert (await backlog.take_small(files=1, size=9)).paths == ("a.bin",)
    before = Held(Version(3, OLD, OLD, 1, 1), b"hash", 0, False, 1.0)
    copy.settle(Landed("a.bin", before, True))
    assert copy.is_busy("a.bin")

    copy.start_over()
    copy.absorb(whole)
    assert copy.is_busy("a.bin")
    db.close()
