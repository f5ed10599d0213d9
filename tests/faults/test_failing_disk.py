"""A local disk that fails (EIO, ENOSPC, EACCES, slow): said in words, nothing half-written, well again by itself."""

from __future__ import annotations

import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from tests.support.failing_disk import FailingDisk
from tests.support.ferry import files_below
from tests.support.history import History
from tests.support.keeping import Keeper, make_template
from tests.support.waiting import eventually

from runferry.model import ProblemCode
from runferry.store.files import LocalTree
from runferry.sync.spec import SessionState

OLD = 1_700_000_000
BIG = 300_000


class Lab:
    """A small tree on a "server" whose copy lies on a failing disk."""

    def __init__(self, folder: Path, template: Path) -> None:
        self.disk = FailingDisk()
        self.root = folder / "remote"
        self.history = History()
        self.keeper = Keeper(
            folder,
            self.root,
            make_tree=lambda root, staging: LocalTree(root, staging, self.disk),
            template=template,
        )
        for path, data in {"a/run.log": b"one\n", "a/status.json": b'{"v": 1}', "a/model.bin": b"m" * BIG}.items():
            self.write(path, data)

    def write(self, path: str, data: bytes) -> None:
        """Replace a file whole; it looks as if it were old."""
        self.history.begin(path, data)
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        new = self.root.parent / "new"
        new.write_bytes(data)
        os.utime(new, (OLD + len(self.history.versions[path]), OLD))
        new.replace(file)

    def append(self, path: str, data: bytes) -> None:
        self.history.extend(path, data)
        with (self.root / path).open("ab") as file:
            file.write(data)

    async def is_well(self) -> None:
        """Wait until everything is here, and nothing is told of any more."""
        await self.keeper.in_step()
        await eventually(lambda: not self.keeper.problems, what="no problem is left")

    async def tells(self, path: str) -> str:
        """Return what is told of a file that cannot be stored."""

        def find() -> str | None:
            problem = self.keeper.problem_of(path)
            return problem.message if problem is not None and problem.code is ProblemCode.LOCAL else None

        return await eventually(find, what=f"a problem with {path}") or ""


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_template(tmp_path_factory.mktemp("index") / "template.db")


@pytest.fixture
def lab(tmp_path: Path, template: Path) -> Lab:
    return Lab(tmp_path, template)


@pytest.mark.parametrize(("call", "error"), [("pwrite", errno.EIO), ("open", errno.EACCES), ("replace", errno.EIO),
                                             ("utime", errno.EPERM), ("close", errno.EIO)])  # fmt: skip
async def test_a_small_file_that_cannot_land_is_told_of_and_lands_when_the_disk_is_well(
    lab: Lab, call: str, error: int
) -> None:
    async with lab.keeper as keeper:
        await keeper.in_step()
        lab.disk.fail(call, error, only="staging/s" if call != "replace" else "status.json")
        lab.write("a/status.json", b'{"v": 2}')
        assert os.strerror(error) in await lab.tells("a/status.json")
        lab.append("a/run.log", b"two\n")
        await eventually(lambda: (keeper.local / "a/run.log").read_bytes() == b"one\ntwo\n", what="others go on")
        lab.history.check(keeper.local)
        assert [path for path in keeper.staging.iterdir() if path.name != "trash"] == []
        lab.disk.heal()
        await lab.is_well()
        assert files_below(keeper.local) == files_below(lab.root)


@pytest.mark.parametrize(("call", "error"), [("pwrite", errno.EIO), ("open", errno.EACCES), ("utime", errno.EIO)])
async def test_a_log_that_cannot_be_appended_to_stays_as_it_was_and_goes_on_when_the_disk_is_well(
    lab: Lab, call: str, error: int
) -> None:
    async with lab.keeper as keeper:
        await keeper.in_step()
        before = keeper.records()["a/run.log"].held
        lab.disk.fail(call, error, only="copy/a/run.log")
        lab.append("a/run.log", b"two\nthree\n")
        assert os.strerror(error) in await lab.tells("a/run.log")
        lab.history.check(keeper.local)
        assert keeper.records()["a/run.log"].held == before, "what was committed is not given up"
        copied = keeper.progress.copied_bytes + len(b'{"v": 2}')
        lab.write("a/status.json", b'{"v": 2}')
        await eventually(lambda: keeper.progress.copied_bytes == copied, what="others go on")
        assert (keeper.local / "a/status.json").read_bytes() == b'{"v": 2}'
        lab.disk.heal()
        await lab.is_well()
        assert keeper.progress.copied_bytes == copied, "it was appended to, not fetched again"
        after = keeper.records()["a/run.log"].held
        assert before is not None
        assert after is not None
        assert after.generation == before.generation


@pytest.mark.parametrize(("call", "error"), [("pwrite", errno.EIO), ("replace", errno.EIO), ("utime", errno.EACCES)])
async def test_a_generation_that_cannot_be_swapped_in_leaves_the_one_before_it(lab: Lab, call: str, error: int) -> None:
    async with lab.keeper as keeper:
        await keeper.in_step()
        lab.disk.fail(call, error, only="model.bin" if call == "replace" else "staging/b-")
        lab.write("a/model.bin", b"n" * (BIG + 1))
        assert os.strerror(error) in await lab.tells("a/model.bin")
        lab.history.check(keeper.local)
        asked = lab.disk.failed
        await eventually(lambda: lab.disk.failed > asked, what="another try")
        assert lab.disk.failed < 6, "it is not tried without end"
        lab.disk.heal()
        await lab.is_well()


async def test_a_directory_that_cannot_be_made_is_a_problem_of_its_own(lab: Lab) -> None:
    async with lab.keeper as keeper:
        await keeper.in_step()
        lab.disk.fail("mkdir", errno.EACCES, only="copy/new")
        (lab.root / "new").mkdir()
        assert "Permission denied" in await lab.tells("new")
        lab.disk.heal()
        await lab.is_well()


@pytest.mark.parametrize("path", ["a/status.json", "a/run.log", "a/model.bin"])
async def test_a_full_disk_stops_the_sync_in_words_and_it_goes_on_when_there_is_room(lab: Lab, path: str) -> None:
    async with lab.keeper as keeper:
        await keeper.in_step()
        lab.disk.fail("pwrite", errno.ENOSPC)
        if path.endswith(".log"):
            lab.append(path, b"two\n")
        else:
            lab.write(path, b'{"v": 2}' if path.endswith("json") else b"n" * (BIG + 1))
        await eventually(lambda: keeper.progress.state is SessionState.FAILED)
        assert "disk is full" in (keeper.progress.last_error or "")
        lab.history.check(keeper.local)
        lab.disk.heal()
        keeper.session.sync_now()  # it would go on by itself after ten seconds
        await keeper.in_step()
        lab.history.check_records(keeper.local, keeper.records())


async def test_a_slow_disk_only_makes_it_late(lab: Lab) -> None:
    lab.disk.delay = 0.3
    async with lab.keeper as keeper:
        await keeper.in_step()
        lab.history.check(keeper.local)


@contextmanager
def limited_index() -> Iterator[Callable[[int], None]]:
    """Give a function that says how many pages the index may have; SQLite says what it says on a full disk."""
    most = [0xFFFFFFFE]

    def limit(connection: sqlite3.Connection, *_: object) -> None:
        connection.execute(f"PRAGMA max_page_count = {most[0]}").fetchall()

    event.listen(Engine, "checkout", limit)
    try:
        yield lambda pages: most.__setitem__(0, pages)
    finally:
        event.remove(Engine, "checkout", limit)


async def test_what_cannot_be_committed_waits_for_room_and_is_committed_then(lab: Lab) -> None:
    with limited_index() as set_limit:
        async with lab.keeper as keeper:
            await keeper.in_step()
            set_limit(1)  # no more than there are now
            for number in range(300):
                lab.write(f"many/{'x' * 100}{number}.json", b'{"v": 1}')
            await eventually(lambda: keeper.progress.state is SessionState.FAILED)
            assert "full" in (keeper.progress.last_error or "")
            lab.history.check(keeper.local)
            set_limit(0xFFFFFFFE)
            keeper.session.sync_now()
            await keeper.in_step()
            records = keeper.records()
            assert all(records[path].held is not None for path in files_below(lab.root))


async def test_a_local_directory_that_cannot_be_listed_is_not_taken_for_an_empty_one(lab: Lab) -> None:
    async with lab.keeper as keeper:
        await keeper.in_step()
        (lab.root / "a/status.json").unlink()
        await eventually(lambda: keeper.records()["a/status.json"].gone_at is not None)
    lab.disk.fail("scandir", errno.EIO, only="copy/a")
    async with lab.keeper as keeper:
        await eventually(lambda: keeper.progress.state is SessionState.FAILED)
        assert os.strerror(errno.EIO) in (keeper.progress.last_error or "")
        lab.disk.heal()
        keeper.session.sync_now()
        await keeper.in_step()
        assert keeper.records()["a/status.json"].held is not None, "the last copy there is"
        assert keeper.progress.copied_files == 0
