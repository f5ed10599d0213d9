"""The records of a sync: what is committed is what is loaded, whatever was there before."""

from __future__ import annotations

from itertools import permutations

import pytest
from sqlalchemy import func, select
from tests.support.indexing import add_sync

from runferry.model import Entry, Kind, Version
from runferry.store.db import Database
from runferry.store.sync_state import FileRecord, Held, SyncState
from runferry.store.tables import files

LISTED = Version(10, 1_700_000_000_123_456_789, 2, 3, 4)
HUGE = Version(2**40, 1, 2, 2**64 - 1, 2**63)


@pytest.fixture
def state(index: Database) -> SyncState:
    return SyncState(index, add_sync(index, "gpu1", "/data").sync_id)


def make_records(path: str) -> list[FileRecord]:
    """Return every kind of record one path may have."""
    entry, huge = Entry(path, Kind.FILE, LISTED, 2), Entry(path, Kind.FILE, HUGE)
    held = Held(LISTED, b"0123456789abcdef", 1, False, 5.5)
    return [
        FileRecord(entry),
        FileRecord(entry, None, None, 7),
        FileRecord(entry, None, 9.25),
        FileRecord(entry, held),
        FileRecord(entry, held, 9.25),
        FileRecord(huge, held),
        FileRecord(huge, Held(HUGE, b"", 3, True, 0.0)),
        FileRecord(Entry(path, Kind.DIR, LISTED)),
        FileRecord(Entry(path, Kind.LINK, LISTED)),
    ]


def test_every_kind_of_record_is_loaded_as_it_was_committed(state: SyncState) -> None:
    records = {f"r/{number}": record for number, record in enumerate(make_records(""))}
    expected = {path: record_at(path, record) for path, record in records.items()}
    state.commit(list(expected.values()))
    assert state.load() == expected
    assert all(state.find(path) == record for path, record in expected.items())


def test_every_kind_of_record_takes_the_place_of_every_other(state: SyncState) -> None:
    """Nothing stays of what was there: no bytes that are not held any more, no file that is gone and back."""
    for before, after in permutations(make_records("r/a"), 2):
        state.commit([before])
        state.commit([after])
        assert state.load() == {"r/a": after}


def test_thousands_of_records_of_every_kind_are_committed_at_once(state: SyncState) -> None:
    numbers = range(1000)
    for shift in (0, 1, 2):  # each path holds another kind than before
        expected: dict[str, FileRecord] = {}
        for number in numbers:
            path = f"r/{number}"
            records = make_records(path)
            expected[path] = records[(number + shift) % len(records)]
        state.commit(list(expected.values()))
        assert state.load() == expected


def test_forgotten_paths_are_dropped_and_come_back_as_new(state: SyncState) -> None:
    first, second = make_records("r/a")[4], make_records("r/b")[3]
    state.commit([first, second])
    state.commit([second], ["r/a", "never"])
    assert state.load() == {"r/b": second}
    state.commit([], ["r/b"])
    state.commit([make_records("r/b")[0]])
    assert state.load() == {"r/b": make_records("r/b")[0]}


def test_numbers_are_stored_as_numbers_and_hashes_as_bytes(state: SyncState, index: Database) -> None:
    state.commit([make_records("r/a")[3]])
    stored = [func.typeof(files.c[name]) for name in ("inode", "is_racy", "content_hash", "gone_at", "kind")]
    with index.reading() as connection:
        assert connection.execute(select(*stored)).one() == ("integer", "integer", "blob", "null", "text")


def record_at(path: str, record: FileRecord) -> FileRecord:
    entry = record.entry._replace(path=path)
    return FileRecord(entry, record.held, record.gone_at, record.generation)
