"""How much of a write-ahead log is whole is what SQLite itself makes of it."""

from __future__ import annotations

import random
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from runferry.formats.wire.wal import find_whole_prefix, read_database_header


@pytest.fixture(params=[512, 4096, 65536])
def live(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Path, sqlite3.Connection]]:
    """A database that is being written through a log, nothing of which was moved into it yet."""
    path = tmp_path / "live.db"
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(f"PRAGMA page_size={request.param}")
    connection.execute("PRAGMA journal_mode=WAL")
    connection.execute("PRAGMA wal_autocheckpoint=0")
    connection.execute("CREATE TABLE t (i INTEGER PRIMARY KEY, x BLOB)")
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    yield path, connection
    connection.close()


def wal_of(path: Path) -> bytes:
    return Path(f"{path}-wal").read_bytes()


def count_rows(database: Path, wal: bytes, target: Path) -> int:
    """Return what SQLite finds in a copy of the database with this log."""
    target.unlink(missing_ok=True)
    shutil.copy(database, target)
    Path(f"{target}-wal").write_bytes(wal)
    connection = sqlite3.connect(target)
    try:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        return int(connection.execute("SELECT count(*) FROM t").fetchone()[0])
    finally:
        connection.close()


def test_a_log_is_whole_up_to_its_last_commit(live: tuple[Path, sqlite3.Connection], tmp_path: Path) -> None:
    path, connection = live
    header = read_database_header(path.read_bytes()[:100])
    assert header is not None
    assert header.is_wal
    ends = [0]
    for row in range(12):
        connection.execute("INSERT INTO t VALUES (?, ?)", (row, bytes(300 * row)))
        prefix = find_whole_prefix(wal_of(path))
        assert prefix is not None
        assert (prefix.page_size, prefix.length) == (header.page_size, len(wal_of(path)))
        ends.append(prefix.length)
    wal = wal_of(path)
    for cut in random.Random(1).sample(range(32, len(wal)), 60):
        whole = find_whole_prefix(wal[:cut])
        assert whole is not None
        assert whole.length == max(end for end in ends if end <= cut)
        assert count_rows(path, wal[: whole.length], tmp_path / "copy.db") == ends.index(whole.length)


def test_nothing_after_a_changed_byte_counts(live: tuple[Path, sqlite3.Connection]) -> None:
    path, connection = live
    ends = [0]
    for row in range(6):
        connection.execute("INSERT INTO t VALUES (?, ?)", (row, b"x" * 100))
        ends.append(len(wal_of(path)))
    wal = wal_of(path)
    for place in random.Random(2).sample(range(32, len(wal)), 100):
        changed = wal[:place] + bytes([wal[place] ^ 0x41]) + wal[place + 1 :]
        whole = find_whole_prefix(changed)
        assert whole is not None
        assert whole.length == max(end for end in ends if end <= place)


def test_frames_of_an_earlier_round_do_not_count(live: tuple[Path, sqlite3.Connection], tmp_path: Path) -> None:
    path, connection = live
    for row in range(20):
        connection.execute("INSERT INTO t VALUES (?, ?)", (row, bytes(200)))
    before = find_whole_prefix(wal_of(path))
    connection.execute("PRAGMA wal_checkpoint(RESTART)")
    connection.execute("INSERT INTO t VALUES (100, 'new')")
    wal = wal_of(path)
    after = find_whole_prefix(wal)
    assert before is not None
    assert after is not None
    assert after.salts != before.salts
    assert 0 < after.length < before.length == len(wal)
    assert count_rows(path, wal, tmp_path / "copy.db") == 21
    assert count_rows(path, wal[: after.length], tmp_path / "copy.db") == 21


def test_a_transaction_that_is_being_written_does_not_count(live: tuple[Path, sqlite3.Connection]) -> None:
    path, connection = live
    connection.execute("INSERT INTO t VALUES (1, 'x')")
    whole = find_whole_prefix(wal_of(path))
    assert whole is not None
    connection.execute("PRAGMA cache_size=2")  # makes it spill into the log before it commits
    connection.execute("BEGIN")
    for row in range(2, 40):
        connection.execute("INSERT INTO t VALUES (?, ?)", (row, bytes(100_000)))
    assert len(wal_of(path)) > whole.length
    assert find_whole_prefix(wal_of(path)) == whole
    connection.execute("ROLLBACK")


def test_an_empty_log_is_whole_and_half_a_header_is_none() -> None:
    empty = find_whole_prefix(b"")
    assert empty is not None
    assert (empty.frames, empty.length) == (0, 0)
    assert find_whole_prefix(b"\x37\x7f\x06\x82" + bytes(10)) is None
    assert find_whole_prefix(bytes(4096)) is None
    assert read_database_header(b"SQLite format 3\x00" + bytes(84)) is None
    assert read_database_header(b"") is None


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=3000), magic=st.sampled_from([b"\x37\x7f\x06\x82", b"\x37\x7f\x06\x83"]))
def test_garbage_is_never_whole(data: bytes, magic: bytes) -> None:
    for wal in (data, magic + (3007000).to_bytes(4, "big") + (512).to_bytes(4, "big") + data):
        prefix = find_whole_prefix(wal)
        assert prefix is None or prefix.length == 0
