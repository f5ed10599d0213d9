"""The rows of the cache, and the listing of files beside them."""

from __future__ import annotations

import pytest
from tests.support.indexing import add_sync

from runferry.model import Entry, Kind, Version
from runferry.store.cache import CacheStore
from runferry.store.db import Database
from runferry.store.file_list import FileList
from runferry.store.sync_state import FileRecord, Held, Partial, SyncState


def held(size: int, mtime: int = 1) -> Held:
    return Held(Version(size, mtime), b"h", 2, False, 5.0)


def put(index: Database, sync_id: int, sizes: dict[str, tuple[int, int | None]], *, gone: str = "") -> None:
    """Record files: their size on the server, and of what is held (None: nothing)."""
    records = [
        FileRecord(
            Entry(path, Kind.FILE, Version(size, 1)),
            None if here is None else held(here),
            9.0 if path == gone else None,
        )
        for path, (size, here) in sizes.items()
    ]
    folders = {path[:at] for path in sizes for at, character in enumerate(path) if character == "/"}
    records += [FileRecord(Entry(path, Kind.DIR, Version(4096, 1))) for path in folders]
    SyncState(index, sync_id).commit(records)


@pytest.fixture
def sync_id(index: Database) -> int:
    return add_sync(index, "gpu1", "/data", mode="smart").sync_id


def test_files_are_listed_the_longest_unused_first(index: Database, sync_id: int) -> None:
    store = CacheStore(index)
    put(index, sync_id, {"r/a": (10, 10), "r/b": (20, 20), "r/c": (30, None), "m.json": (5, 5)}, gone="r/b")
    store.add([(sync_id, "r/a"), (sync_id, "r/b"), (sync_id, "r/c")], at=1.0)
    store.note_use({(sync_id, "r/a"): 2.0, (sync_id, "m.json"): 2.0})
    assert [(one.path, one.size, one.is_gone) for one in store.list_files()] == [("r/b", 20, True), ("r/a", 10, False)]
    assert store.held_bytes() == 30, "metadata is no part of it"
    assert store.count() == 2


def test_a_pinned_directory_pins_what_lies_below_until_it_is_unpinned(index: Database, sync_id: int) -> None:
    store = CacheStore(index)
    put(index, sync_id, {"r/a/x": (1, 1), "r/ab": (1, 1), "r/a0": (1, 1)})
    store.add([(sync_id, path) for path in ("r/a/x", "r/ab", "r/a0")], at=1.0)
    store.pin(sync_id, ["r/a"], is_pinned=True, at=2.0)
    assert {one.path for one in store.list_files() if one.is_pinned} == {"r/a/x"}
    assert {one.path for one in store.list_files(sync_id=sync_id, below=["r/a"])} == {"r/a/x"}
    store.pin(sync_id, ["r"], is_pinned=False, at=2.0)
    assert not any(one.is_pinned for one in store.list_files())


def test_letting_go_leaves_the_listing_and_counts_the_generation_on(index: Database, sync_id: int) -> None:
    store, state = CacheStore(index), SyncState(index, sync_id)
    put(index, sync_id, {"r/a": (10, 10), "r/b": (20, 20)})
    store.add([(sync_id, "r/a"), (sync_id, "r/b")], at=1.0)
    store.let_go(sync_id, ["r/a", "r/none"])
    found = state.find("r/a")
    assert found is not None
    assert (found.held, found.generation, found.entry.size) == (None, 3, 10)
    kept = state.find("r/b")
    assert kept is not None
    assert kept.held == held(20)
    assert store.find_leftovers() == [(sync_id, "r/a")]
    assert store.forget([(sync_id, "r/a")]) == []
    assert store.find_leftovers() == []


def test_what_is_under_way_is_no_leftover_and_its_staged_bytes_go_with_it(index: Database, sync_id: int) -> None:
    store, state = CacheStore(index), SyncState(index, sync_id)
    put(index, sync_id, {"r/a": (10, None)})
    store.add([(sync_id, "r/a")], at=1.0)
    state.save_partial(Partial("r/a", "b-1", Version(10, 1)))
    assert store.find_leftovers() == []
    assert store.staged() == [((sync_id, "r/a"), "b-1")]
    assert [(one.path, one.size, one.staged) for one in store.list_files()] == [("r/a", 0, "b-1")]
    assert store.forget([(sync_id, "r/a")]) == ["b-1"]
    assert state.partials() == {}


def test_a_listing_is_flat_or_one_level_deep(index: Database, sync_id: int) -> None:
    files = FileList(index)
    put(
        index,
        sync_id,
        {"r/a_b/x": (5, 5), "r/a_b/y/z": (7, None), "r/aXb/x": (9, 4), "r/b%": (1, 1), "r2/x": (100, 100)},
    )
    SyncState(index, sync_id).save_partial(Partial("r/a_b/y/z", "b-1", Version(7, 1)))
    flat, count = files.page(sync_id, "r", is_flat=True, limit=10, offset=0)
    assert [(one.path, one.local) for one in flat] == [
        ("r/aXb/x", "partial"),
        ("r/a_b/x", "full"),
        ("r/a_b/y/z", "partial"),
        ("r/b%", "full"),
    ]
    assert count == 4
    level, count = files.page(sync_id, "r/a_b", is_flat=False, limit=10, offset=0)
    assert [(one.path, one.kind, one.local, one.files, one.bytes) for one in level] == [
        ("r/a_b/x", "file", "full", None, None),
        ("r/a_b/y", "dir", "none", 1, 7),
    ]
    assert count == 2
    level, _ = files.page(sync_id, "", is_flat=False, limit=10, offset=0)
    assert [(one.path, one.files, one.held_bytes) for one in level] == [("r", 4, 10), ("r2", 1, 100)]
    totals = files.totals(sync_id, "r")
    assert (totals.files, totals.bytes, totals.held_bytes) == (4, 22, 10)
    assert files.sizes(sync_id, "r/a_b") == {"r/a_b/x": (5, True), "r/a_b/y/z": (7, False)}
    assert files.sizes(sync_id, "r/b%") == {"r/b%": (1, True)}
