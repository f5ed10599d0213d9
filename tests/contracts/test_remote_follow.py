"""What ``remote.base`` promises of ``follow``, for every implementation."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from tests.contracts.conftest import OTHERS
from tests.support.following import Following
from tests.support.trees import exchange, picture, write

from runferry.errors import AccessDenied, NotADirectory, NotFound
from runferry.model import Chunk, Kind, ProblemCode
from runferry.remote.base import Priority, Remote
from runferry.sync.plan import is_racy

denied_to = pytest.mark.parametrize("kind", OTHERS, indirect=True)


async def agrees(remote: Remote, following: Following, root: Path) -> None:
    """What was told adds up to what a scan sees."""
    snapshot = await remote.scan(str(root))
    assert following.entries == snapshot.entries
    assert set(following.problems.values()) == set(snapshot.problems)


async def test_the_whole_tree_comes_first(remote: Remote, root: Path) -> None:
    write(root / "a/b/file", "1")
    (root / "link").symlink_to("a")
    async with Following(remote, root) as following:
        [first] = following.changes
        assert first.complete
        assert first.removed == ()
        await agrees(remote, following, root)


async def test_an_empty_tree_is_told_too(remote: Remote, root: Path) -> None:
    async with Following(remote, root) as following:
        assert following.changes[0].complete
        assert following.entries == {}


async def test_nothing_is_told_while_nothing_differs(remote: Remote, root: Path) -> None:
    write(root / "old/file", "1")
    os.utime(root / "old/file", (1e9, 1e9))
    async with Following(remote, root, interval=0.2) as following:
        write(root / "marker", "1")
        await following.until(lambda: "marker" in following.entries)
        assert following.told_of("old/file") == 1


async def test_a_line_appended_is_told(remote: Remote, root: Path) -> None:
    log = write(root / "run/logs.txt", "one\n")
    async with Following(remote, root) as following:
        with log.open("a") as file:
            file.write("two\n")
        await following.until(lambda: following.size("run/logs.txt") == 8)
        await agrees(remote, following, root)


async def test_a_new_run_directory_is_told_with_all_in_it(remote: Remote, root: Path) -> None:
    (root / "runs").mkdir()
    async with Following(remote, root) as following:
        write(root / "runs/one/meta.json", "{}")
        write(root / "runs/one/media/image.png", "png")
        await following.until(lambda: following.size("runs/one/media/image.png") == 3)
        await following.until(lambda: following.size("runs/one/meta.json") == 2)
        await agrees(remote, following, root)


async def test_a_renamed_directory_goes_and_comes_with_all_in_it(remote: Remote, root: Path) -> None:
    write(root / "runs/old/deep/file", "content")
    async with Following(remote, root) as following:
        (root / "runs/old").rename(root / "runs/new")
        await following.until(lambda: following.size("runs/new/deep/file") == 7)
        await following.until(lambda: "runs/old" not in following.entries)
        await agrees(remote, following, root)
        write(root / "runs/new/deep/file", "more content")
        await following.until(lambda: following.size("runs/new/deep/file") == 12)


async def test_two_directories_that_change_places_keep_being_followed(remote: Remote, root: Path) -> None:
    write(root / "a/in-a", "1")
    write(root / "b/in-b", "22")
    async with Following(remote, root) as following:
        (root / "a").rename(root / "tmp")
        (root / "b").rename(root / "a")
        (root / "tmp").rename(root / "b")
        await following.until(lambda: set(following.entries) == {"a", "b", "a/in-b", "b/in-a"})
        write(root / "a/in-b", "333")
        write(root / "b/in-a", "4444")
        await following.until(lambda: (following.size("a/in-b"), following.size("b/in-a")) == (3, 4))


async def test_a_deleted_file_and_a_deleted_tree_are_told(remote: Remote, root: Path) -> None:
    write(root / "run/file")
    write(root / "other/deep/file")
    async with Following(remote, root) as following:
        (root / "run/file").unlink()
        (root / "other/deep/file").unlink()
        (root / "other/deep").rmdir()
        (root / "other").rmdir()
        await following.until(lambda: set(following.entries) == {"run"})


async def test_a_file_replaced_by_rename_is_told(remote: Remote, root: Path) -> None:
    write(root / "status.json", "{}")
    async with Following(remote, root) as following:
        write(root / "status.json.tmp", '{"status": "done"}').rename(root / "status.json")
        await following.until(lambda: following.size("status.json") == 18)
        await following.until(lambda: set(following.entries) == {"status.json"})


async def test_a_file_truncated_and_regrown_is_told(remote: Remote, root: Path) -> None:
    write(root / "log", "x" * 100)
    async with Following(remote, root) as following:
        write(root / "log", "y" * 30)
        await following.until(lambda: following.size("log") == 30)
        write(root / "log", "z" * 200)
        await following.until(lambda: following.size("log") == 200)


async def test_a_rewrite_of_the_same_size_is_told(remote: Remote, root: Path) -> None:
    write(root / "status.json", '{"n": 1}')
    os.utime(root / "status.json", (1e9, 1e9))
    async with Following(remote, root) as following:
        for digit in "23":
            told = following.told_of("status.json")
            write(root / "status.json", f'{{"n": {digit}}}')
            await following.until(lambda told=told: following.told_of("status.json") > told)  # type: ignore[misc]


async def test_a_rewrite_of_the_same_size_by_rename_is_told(remote: Remote, root: Path) -> None:
    write(root / "status.json", '{"n": 1}')
    os.utime(root / "status.json", (1e9, 1e9))
    async with Following(remote, root) as following:
        write(root / "tmp", '{"n": 2}').rename(root / "status.json")
        await following.until(lambda: following.told_of("status.json") > 1)


async def test_a_rewrite_that_keeps_size_and_time_is_told_or_can_be_suspected(remote: Remote, root: Path) -> None:
    path = write(root / "status.json", '{"n": 1}')
    status = path.stat()
    async with Following(remote, root) as following:
        path.write_text('{"n": 2}')
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
        if remote.info.precise_times:
            changed = path.stat().st_ctime_ns
            await following.until(lambda: following.entries["status.json"].version.ctime_ns == changed)
        else:  # the second of the time is all it sees: whoever has read the file must know that it was young
            read = await remote.read(str(root), "status.json", offset=0, length=1, priority=Priority.TAIL)
            assert isinstance(read, Chunk)
            assert is_racy(read.version, read.clock_ns)


async def test_a_file_that_becomes_a_directory_is_told(remote: Remote, root: Path) -> None:
    write(root / "thing", "file")
    async with Following(remote, root) as following:
        (root / "thing").unlink()
        write(root / "thing/inside", "1")
        await following.until(lambda: following.size("thing/inside") == 1)
        assert following.entries["thing"].kind is Kind.DIR
        (root / "thing/inside").unlink()
        (root / "thing").rmdir()
        write(root / "thing", "again")
        await following.until(lambda: following.size("thing") == 5)
        assert set(following.entries) == {"thing"}


async def test_problems_come_and_go(remote: Remote, root: Path) -> None:
    async with Following(remote, root) as following:
        (root / "link").symlink_to("nowhere")
        os.mkfifo(root / "fifo")
        write(Path(os.fsdecode(os.fsencode(root) + b"/bad-\xff")))
        await following.until(lambda: set(following.problems) == {"link", "fifo", "bad-\\xff"})
        assert following.problems["link"].code is ProblemCode.DANGLING
        await agrees(remote, following, root)
        for path in list(root.iterdir()):
            path.unlink()
        await following.until(lambda: not following.problems)
        assert following.entries == {}


async def test_bad_names_come_and_go_in_a_directory_that_cannot_be_printed(remote: Remote, root: Path) -> None:
    async with Following(remote, root) as following:
        write(root / "new\nline/back\\slash")
        await following.until(lambda: set(following.problems) == {"new\\nline/back\\slash"})
        (root / "new\nline/back\\slash").unlink()
        await following.until(lambda: not following.problems)
        write(root / "new\nline/back\\slash")
        await following.until(lambda: set(following.problems) == {"new\\nline/back\\slash"})
        (root / "new\nline").rename(root / "plain")
        await following.until(lambda: set(following.problems) == {"plain/back\\slash"})


@denied_to
async def test_a_bad_name_in_a_directory_in_which_nothing_can_be_looked_at_ends_nothing(
    remote: Remote, root: Path
) -> None:
    write(root / "run/file")
    async with Following(remote, root) as following:
        (root / "run").chmod(0o744)
        await following.until(lambda: bool(following.problems))
        write(Path(os.fsdecode(os.fsencode(root) + b"/run/bad-\xff")))
        write(root / "marker")
        await following.until(lambda: following.size("marker") == 0)
        (root / "run").chmod(0o755)
        await following.until(lambda: set(following.problems) == {"run/bad-\\xff"})


@denied_to
async def test_a_directory_that_becomes_unreadable_loses_nothing(remote: Remote, root: Path) -> None:
    write(root / "run/file", "1")
    write(root / "marker")
    async with Following(remote, root) as following:
        (root / "run").chmod(0)
        await following.until(lambda: "run" in following.problems)
        assert following.problems["run"].code is ProblemCode.DENIED
        assert any("run" in change.unsure for change in following.changes)
        assert following.size("run/file") == 1
        (root / "run").chmod(0o755)
        write(root / "run/file", "22")
        await following.until(lambda: "run" not in following.problems and following.size("run/file") == 2)


@denied_to
async def test_a_directory_in_which_nothing_can_be_looked_at_loses_nothing(remote: Remote, root: Path) -> None:
    write(root / "run/file", "1")
    write(root / "marker")
    async with Following(remote, root) as following:
        (root / "run").chmod(0o744)
        await following.until(lambda: bool(following.problems))
        assert {problem.code for problem in following.problems.values()} == {ProblemCode.DENIED}
        assert following.size("run/file") == 1
        (root / "run").chmod(0o755)
        await following.until(lambda: not following.problems and following.size("run/file") == 1)


@denied_to
async def test_a_directory_that_is_unreadable_from_the_start_is_unsure(remote: Remote, root: Path) -> None:
    (root / "closed").mkdir(mode=0o700)
    async with Following(remote, root) as following:
        assert following.changes[0].unsure == ("closed",)
        assert following.problems["closed"].code is ProblemCode.DENIED
        assert following.entries["closed"].kind is Kind.DIR


async def test_following_what_is_no_directory_is_refused(remote: Remote, root: Path) -> None:
    write(root / "file")
    with pytest.raises(NotFound):
        await anext(remote.follow(f"{root}/missing", interval=1.0))
    with pytest.raises(NotADirectory):
        await anext(remote.follow(f"{root}/file", interval=1.0))


@denied_to
async def test_following_what_may_not_be_read_is_refused(remote: Remote, root: Path) -> None:
    (root / "closed").mkdir(mode=0o700)
    with pytest.raises(AccessDenied):
        await anext(remote.follow(f"{root}/closed", interval=1.0))


async def test_following_ends_when_the_root_vanishes(remote: Remote, root: Path) -> None:
    write(root / "root/run/file")
    async with Following(remote, root / "root", interval=0.5) as following:
        (root / "root").rename(root / "elsewhere")
        assert isinstance(await following.ended(), NotFound)
        assert "run/file" in following.entries, "a root that vanished never counts as files deleted"


async def test_a_root_that_is_replaced_is_told_anew(remote: Remote, root: Path) -> None:
    write(root / "root/old")
    write(root / "next/new")
    async with Following(remote, root / "root", interval=0.5) as following:
        identity = following.changes[0].root
        exchange(root / "root", root / "next")
        if not remote.info.precise_times:  # without inodes it looks like the same root
            await following.until(lambda: set(following.entries) == {"new"})
            return
        await following.until(lambda: len(following.changes) > 1 or following.task is None)
        assert following.changes[-1].complete
        assert following.changes[-1].root != identity
        assert set(following.entries) == {"new"}


async def test_several_roots_can_be_followed_at_once(remote: Remote, root: Path) -> None:
    for name in "abc":
        (root / name).mkdir()
    async with (
        Following(remote, root / "a") as first,
        Following(remote, root / "b") as second,
        Following(remote, root / "c") as third,
    ):
        write(root / "b/file", "1")
        await second.until(lambda: second.size("file") == 1)
        assert first.entries == third.entries == {}


async def test_following_writes_nothing(remote: Remote, root: Path) -> None:
    write(root / "run/file", "1")
    before = picture(root)
    async with Following(remote, root, interval=0.2):
        await remote.scan(str(root))
    assert picture(root) == before


async def test_a_busy_tree_ends_up_as_it_is(remote: Remote, root: Path) -> None:
    async with Following(remote, root) as following:
        for number in range(200):
            write(root / f"run-{number % 5}/file-{number % 17}", "x" * number)
            if number % 3 == 0:
                (root / f"run-{number % 5}/file-{number % 17}").unlink()
            if number % 50 == 49:
                (root / f"run-{number % 5}").rename(root / f"moved-{number}")
            if number % 20 == 0:
                await asyncio.sleep(0)
        write(root / "last", "done")

        async def is_same() -> bool:
            return following.entries == (await remote.scan(str(root))).entries

        await following.until(lambda: following.size("last") == 4)
        for _ in range(40):
            if await is_same():
                return
            told = len(following.changes)
            await following.until(lambda told=told: len(following.changes) > told)  # type: ignore[misc]
        raise AssertionError("it never agrees")


async def test_a_root_resolved_to_be_followed_is_followed_like_any_other(remote: Remote, root: Path) -> None:
    write(root / "a/file", "1")
    (root / "link").symlink_to("a")
    assert await remote.resolve(str(root), follow_every=1.0) == str(root.resolve())
    async with Following(remote, root.resolve()) as following:
        assert following.changes[0].complete
        await agrees(remote, following, root.resolve())
    assert await remote.resolve(f"{root}/link", follow_every=1.0) == str(root.resolve() / "a")
    async with Following(remote, root.resolve() / "a") as below:
        assert below.size("file") == 1
    with pytest.raises(NotFound):
        await remote.resolve(f"{root}/missing", follow_every=1.0)
    assert await remote.ping() >= 0
