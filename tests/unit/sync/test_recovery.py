"""After a crash: what the disk holds and what the index says of it are brought together, and never the wrong way."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from tests.support.failing_disk import FailingDisk
from tests.support.keeping import Keeper

from runferry.errors import DiskFailed
from runferry.model import Entry, Kind, Version
from runferry.store.files import Landing, LocalTree, content_hash
from runferry.store.sync_state import FileRecord, Held
from runferry.sync.recovery import find_damaged

MTIME = 1_700_000_000_123_456_789
LATER = MTIME + 5_000_000_000
LOG, CARD = "run/train.log", "run/card.json"


@pytest.fixture
def disk() -> FailingDisk:
    return FailingDisk()


@pytest.fixture
def tree(tmp_path: Path, disk: FailingDisk) -> LocalTree:
    tree = LocalTree(tmp_path / "copy", tmp_path / "staging", disk)
    tree.open()
    return tree


def land(tree: LocalTree, path: str, data: bytes, *, mtime_ns: int = MTIME, is_hashed: bool = True) -> FileRecord:
    """Land a file and return its record as it was committed."""
    assert tree.land_many([Landing(path, data, mtime_ns)]) == []
    version = Version(len(data), mtime_ns)
    held = Held(version, content_hash(data) if is_hashed else b"", 3, False, 1.0)
    return FileRecord(Entry(path, Kind.FILE, version), held)


def recover(tree: LocalTree, record: FileRecord) -> FileRecord | None:
    """Return the record as it must be from now on; None where it stays."""
    changed = find_damaged([record], tree.list_files(), tree, None)
    return changed[0] if changed else None


@pytest.mark.parametrize("path", [LOG, CARD])
def test_what_is_as_it_was_committed_stays(tree: LocalTree, path: str) -> None:
    assert recover(tree, land(tree, path, b"{}")) is None


def test_bytes_that_were_appended_and_not_committed_are_cut_off(tree: LocalTree) -> None:
    record = land(tree, LOG, b"one\n")
    tree.append(LOG, b"two\n", offset=4, mtime_ns=LATER)
    assert recover(tree, record) is None
    assert (tree.root / LOG).read_bytes() == b"one\n"


@pytest.mark.parametrize("new", [b"ONE\n", b"another generation\n"])
def test_a_generation_that_landed_and_was_not_committed_never_counts_as_the_one_before(
    tree: LocalTree, new: bytes
) -> None:
    hashed = land(tree, LOG, b"one\n")
    land(tree, LOG, new, mtime_ns=LATER)
    changed = recover(tree, hashed)
    assert changed is not None
    assert (changed.held, changed.generation) == (None, 4)


async def test_a_log_begun_anew_that_landed_uncommitted_is_whole_after_a_restart(tmp_path: Path) -> None:
    remote = tmp_path / "remote/train.log"
    remote.parent.mkdir()
    remote.write_bytes(b"one\n")
    os.utime(remote, ns=(MTIME, MTIME))
    async with Keeper(tmp_path, remote.parent) as keeper:
        await keeper.in_step()
        await keeper.crash()
        for file in (remote, keeper.local / "train.log"):  # as if it had landed just before the crash
            file.write_bytes(b"another generation\n")
            os.utime(file, ns=(LATER, LATER))
        await keeper.start()
        await keeper.in_step()
        held = keeper.records()["train.log"].held
        assert held is not None
        assert held.generation == 1


def test_a_file_of_the_same_size_that_landed_and_was_not_committed_is_fetched_again(tree: LocalTree) -> None:
    """The server may have the recorded version again by now, here or under another name."""
    record = land(tree, CARD, b"[1]")
    land(tree, CARD, b"[2]", mtime_ns=LATER)
    changed = recover(tree, record)
    assert changed is not None
    assert (changed.held, changed.generation) == (None, 4)


def test_a_file_of_which_only_the_time_differs_stays_and_is_read_once(tree: LocalTree) -> None:
    record = land(tree, CARD, b"[1]")
    os.utime(tree.root / CARD, ns=(LATER, LATER))
    assert recover(tree, record) is None
    assert (tree.root / CARD).stat().st_mtime_ns == MTIME


@pytest.mark.parametrize("new", [b"ONE\n", b"another generation\n"])
def test_where_no_hash_can_tell_it_counts_as_another_generation(tree: LocalTree, new: bytes) -> None:
    grown = land(tree, LOG, b"one\n", is_hashed=False)
    land(tree, LOG, new, mtime_ns=LATER)
    changed = recover(tree, grown)
    assert changed is not None
    assert changed.held is not None
    assert (changed.held.generation, changed.held.version.size) == (4, 4)
    assert changed.held.is_racy, "nothing is copied from it, and the server is asked"
    assert (tree.root / LOG).read_bytes() == new[:4]


def test_times_that_a_volume_keeps_coarsely_are_no_change(tree: LocalTree) -> None:
    record = land(tree, LOG, b"one\n", is_hashed=False)
    os.utime(tree.root / LOG, ns=(MTIME, MTIME // 2_000_000_000 * 2_000_000_000))
    assert recover(tree, record) is None


def test_a_replaced_file_of_another_size_is_fetched_again(tree: LocalTree) -> None:
    record = land(tree, CARD, b"{}")
    (tree.root / CARD).write_bytes(b"{   }")
    changed = recover(tree, record)
    assert changed is not None
    assert changed.held is None


def test_a_directory_that_cannot_be_listed_is_told_of_and_not_taken_for_empty(
    tree: LocalTree, disk: FailingDisk
) -> None:
    land(tree, CARD, b"{}")
    disk.fail("scandir", errno.EIO, only="copy/run")
    with pytest.raises(DiskFailed, match="run"):
        tree.list_files()
