"""Appending in place: only behind a beginning that was compared, and only to a file that has one name here."""

from __future__ import annotations

import asyncio
import errno
import os
import time
from pathlib import Path

import pytest
from tests.support.failing_disk import FailingDisk
from tests.support.ferry import files_below
from tests.support.indexing import add_sync
from tests.support.keeping import Keeper, make_template
from tests.support.trees import write

from runferry.errors import DiskFull
from runferry.model import Entry, Kind, Version
from runferry.remote.base import Priority
from runferry.remote.local import LocalRemote
from runferry.store.db import Database
from runferry.store.files import Landing, LocalTree, content_hash
from runferry.store.sync_state import Held, SyncState
from runferry.sync.fetch import Fetcher, Landed, Outcome

OLD = 1_600_000_000
LINES = b"".join(b"%07d step\n" % step for step in range(40_000))


class Observed(LocalTree):
    """Keeps what each file held right after something was appended to it."""

    def __init__(self, root: Path, staging: Path) -> None:
        super().__init__(root, staging)
        self.seen: list[bytes] = []

    def append(self, path: str, data: bytes, *, offset: int, mtime_ns: int) -> None:
        super().append(path, data, offset=offset, mtime_ns=mtime_ns)
        self.seen.append((self.root / path).read_bytes())


async def test_a_long_log_that_another_one_replaced_is_compared_as_a_whole_before_anything_is_appended(
    tmp_path: Path,
) -> None:
    """``sed -i`` of one line in its middle: the beginning and the end are as they were."""
    trees: list[Observed] = []

    def make_tree(root: Path, staging: Path) -> LocalTree:
        trees.append(Observed(root, staging))
        return trees[-1]

    log = write(tmp_path / "remote" / "run.log", LINES)
    template = make_template(tmp_path / "template.db")
    async with Keeper(tmp_path, tmp_path / "remote", make_tree=make_tree, template=template) as keeper:
        await keeper.in_step()
        with log.open("ab") as file:
            file.write(b"compared as a whole\n")
        await keeper.in_step()
        edited = bytearray(log.read_bytes() + b"of the other one\n")
        edited[300_000:300_007] = b"edited!"
        new = write(tmp_path / "new", bytes(edited))
        os.utime(new, (OLD, OLD))
        new.replace(log)
        await keeper.in_step()
    generations = LINES + b"compared as a whole\n", bytes(edited)
    assert all(any(one.startswith(seen) for one in generations) for seen in trees[0].seen)


def make_fetcher(folder: Path, tree: LocalTree) -> Fetcher:
    db = Database(folder / "index.db")
    db.open()
    state = SyncState(db, add_sync(db, "gpu", str(folder)).sync_id)
    return Fetcher(
        LocalRemote(), str(folder / "remote"), tree, state, remote_now_ns=time.time_ns, on_bytes=lambda amount: None
    )


async def test_what_landed_before_the_disk_was_full_is_known(tmp_path: Path) -> None:
    """Else a log of another generation lies here under the record of the one before, and is appended to as that one."""
    disk = FailingDisk()
    tree = LocalTree(tmp_path / "copy", tmp_path / "staging", disk)
    tree.open()
    tree.land_many([Landing("run.log", b"first\n", OLD)])
    for name in ("run.log", "then.bin", "last.bin"):
        os.utime(write(tmp_path / "remote" / name, b"again\n"), (OLD, OLD))
    old = Held(Version(6, OLD, OLD, 7, 1), content_hash(b"first\n"), 3, False, OLD)
    disk.fail("replace", errno.ENOSPC, only="then.bin")
    known: list[Outcome] = []
    with pytest.raises(DiskFull):  # noqa: PT012 - what comes before it counts
        jobs = {"run.log": old, "then.bin": None, "last.bin": None}
        async for outcomes in make_fetcher(tmp_path, tree).small(jobs, size=18, priority=Priority.SMALL):
            known += outcomes
    [landed] = known
    assert isinstance(landed, Landed)
    assert (landed.path, landed.held.generation, landed.held.content_hash) == ("run.log", 4, content_hash(b"again\n"))
    assert files_below(tree.root) == {"run.log": b"again\n"}


@pytest.mark.parametrize(("home", "name"), [("run.log", "kept.bin"), ("kept.bin", "run.log"), ("run.log", "a.log")])
async def test_a_second_name_of_a_file_keeps_its_bytes_when_the_first_grows(
    tmp_path: Path, home: str, name: str
) -> None:
    tree = LocalTree(tmp_path / "copy", tmp_path / "staging")
    tree.open()
    (tree.root / home).write_bytes(b"one\n")
    version = Version(4, OLD, OLD, 7, 1)
    entry, held = Entry(name, Kind.FILE, version, 2), Held(version, b"", 0, False, OLD)
    fetcher = make_fetcher(tmp_path, tree)
    assert isinstance(await fetcher.link(entry, home, held, is_home=lambda: True), Landed)
    await asyncio.to_thread(tree.append, "run.log", b"two\n", offset=4, mtime_ns=OLD)
    assert (tree.root / "run.log").read_bytes() == b"one\ntwo\n"
    other = home if name == "run.log" else name
    assert (tree.root / other).read_bytes() == b"one\n"
