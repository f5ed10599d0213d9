"""What ``remote.base`` promises of calls that ask once, for every implementation. ``follow`` has a file of its own."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from pathlib import Path

import pytest
from tests.contracts.asking import code_of, read_all, read_chunk
from tests.contracts.conftest import OTHERS
from tests.support.trees import picture, write

from runferry.errors import AccessDenied, ConnectionLost, NotADirectory, NotFound
from runferry.model import Kind, Liveness, ProblemCode, ProcessQuestion
from runferry.remote.base import CHUNK, BrowseEntry, Priority, Remote

denied_to = pytest.mark.parametrize("kind", OTHERS, indirect=True)


# roots and browsing


async def test_resolving_starts_at_the_home_directory(remote: Remote) -> None:
    home = await remote.resolve("")
    assert home.startswith("/")
    assert await remote.resolve("~") == home
    assert await remote.resolve(".") == home


async def test_resolving_follows_links_and_gives_an_absolute_path(remote: Remote, root: Path) -> None:
    (root / "real").mkdir()
    (root / "link").symlink_to("real")
    assert await remote.resolve(f"{root}/link/../link/.") == str((root / "real").resolve())


@pytest.mark.parametrize("call", ["resolve", "list_directory", "scan"])
async def test_a_missing_directory_is_not_found(remote: Remote, root: Path, call: str) -> None:
    with pytest.raises(NotFound, match="missing"):
        await getattr(remote, call)(f"{root}/missing")


@pytest.mark.parametrize("call", ["resolve", "list_directory", "scan"])
async def test_a_file_is_not_a_directory(remote: Remote, root: Path, call: str) -> None:
    write(root / "file")
    with pytest.raises(NotADirectory, match="file"):
        await getattr(remote, call)(f"{root}/file")


@denied_to
@pytest.mark.parametrize("call", ["resolve", "list_directory", "scan"])
async def test_a_directory_the_account_may_not_read_is_denied(remote: Remote, root: Path, call: str) -> None:
    (root / "closed").mkdir(mode=0o700)
    with pytest.raises(AccessDenied, match="closed"):
        await getattr(remote, call)(f"{root}/closed")


async def test_browsing_tells_what_a_person_wants_to_see(remote: Remote, root: Path) -> None:
    write(root / "log.txt", "12345")
    os.utime(root / "log.txt", (1, 1_600_000_000.9))
    write(root / "runs/inner/deep.txt")
    (root / "to-runs").symlink_to("runs")
    (root / "to-log").symlink_to("log.txt")
    (root / "to-nothing").symlink_to("nothing")
    os.mkfifo(root / "fifo")
    found = {entry.name: entry for entry in await remote.list_directory(str(root))}
    assert set(found) == {"log.txt", "runs", "to-runs", "to-log", "to-nothing", "fifo"}
    assert found["log.txt"] == BrowseEntry("log.txt", f"{root}/log.txt", Kind.FILE, 5, 1_600_000_000)
    kinds = {name: (entry.kind, entry.is_link) for name, entry in found.items()}
    assert kinds["to-runs"] == (Kind.DIR, True)
    assert kinds["to-log"] == (Kind.FILE, True)
    assert kinds["to-nothing"] == (Kind.LINK, True)
    assert kinds["fifo"] == (Kind.OTHER, False)
    assert found["runs"].size == 0
    assert found["runs"].children is None


async def test_browsing_two_levels_carries_the_children(remote: Remote, root: Path) -> None:
    write(root / "a/one/x")
    write(root / "a/two.txt", "22")
    (root / "empty").mkdir()
    found = {entry.name: entry for entry in await remote.list_directory(str(root), depth=2)}
    assert found["empty"].children == ()
    children = found["a"].children
    assert children is not None
    assert {child.path for child in children} == {f"{root}/a/one", f"{root}/a/two.txt"}
    assert all(child.children is None for child in children)


@denied_to
async def test_a_directory_that_cannot_be_read_has_no_children(remote: Remote, root: Path) -> None:
    (root / "closed").mkdir(mode=0o700)
    [closed] = await remote.list_directory(str(root), depth=2)
    assert (closed.name, closed.kind, closed.children) == ("closed", Kind.DIR, None)


async def test_a_large_directory_comes_in_one_answer(remote: Remote, root: Path) -> None:
    for number in range(5000):
        (root / f"file-{number:05}").touch()
    assert len(await remote.list_directory(str(root))) == 5000


# scanning


async def test_a_scan_tells_the_whole_tree(remote: Remote, root: Path) -> None:
    write(root / "a/b/c.json", "{}")
    write(root / "ünïcödé ☃/new\nline", "x" * 10)
    (root / "empty").mkdir()
    snapshot = await remote.scan(str(root))
    assert set(snapshot.entries) == {"a", "a/b", "a/b/c.json", "ünïcödé ☃", "ünïcödé ☃/new\nline", "empty"}
    entry = snapshot.entries["a/b/c.json"]
    assert (entry.path, entry.kind, entry.size, entry.target) == ("a/b/c.json", Kind.FILE, 2, None)
    status = (root / "a/b/c.json").stat()
    if remote.info.precise_times:
        version = entry.version
        assert (version.mtime_ns, version.ctime_ns) == (status.st_mtime_ns, status.st_ctime_ns)
        assert (version.inode, version.device) == (status.st_ino, status.st_dev)
        assert (snapshot.root.device, snapshot.root.inode) == (root.stat().st_dev, root.stat().st_ino)
        assert abs(snapshot.clock_ns - time.time_ns()) < 60e9
    else:
        assert entry.version.mtime_ns == int(status.st_mtime) * 1_000_000_000
    assert snapshot.entries["a"].kind is Kind.DIR
    assert snapshot.problems == ()


async def test_hard_links_can_be_told_where_the_transport_knows_inodes(remote: Remote, root: Path) -> None:
    write(root / "one", "same")
    (root / "two").hardlink_to(root / "one")
    entries = (await remote.scan(str(root))).entries
    if remote.info.precise_times:
        assert (
            entries["one"].inode_key == entries["two"].inode_key == (root.stat().st_dev, (root / "one").stat().st_ino)
        )
    else:
        assert entries["one"].inode_key is None


async def test_links_are_reported_and_never_followed(remote: Remote, root: Path) -> None:
    write(root / "real/file")
    (root / "to-dir").symlink_to("real")
    (root / "dangling").symlink_to("nowhere")
    (root / "loop").symlink_to("loop")
    snapshot = await remote.scan(str(root))
    assert set(snapshot.entries) == {"real", "real/file", "to-dir", "dangling", "loop"}
    assert snapshot.entries["to-dir"].kind is Kind.LINK
    assert snapshot.entries["to-dir"].target == "real"
    problems = {problem.path: problem.code for problem in snapshot.problems}
    assert problems == {
        "to-dir": ProblemCode.LINK,
        "dangling": ProblemCode.DANGLING,
        "loop": ProblemCode.DANGLING,
    }


async def test_special_files_are_problems_and_are_never_opened(remote: Remote, root: Path) -> None:
    os.mkfifo(root / "fifo")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(root / "socket"))
    snapshot = await remote.scan(str(root))
    assert {entry.kind for entry in snapshot.entries.values()} == {Kind.OTHER}
    assert {problem.code for problem in snapshot.problems} == {ProblemCode.SPECIAL}
    found = await read_all(remote, root, ["fifo", "socket"])
    assert code_of(found["fifo"]) is ProblemCode.SPECIAL


async def test_bad_names_are_problems_with_printable_paths_and_never_entries(remote: Remote, root: Path) -> None:
    for name in (b"not-utf8-\xff", b"back\\slash", b"C:drive", b"ok"):
        write(Path(os.fsdecode(os.fsencode(root) + b"/dir/" + name)))
    snapshot = await remote.scan(str(root))
    assert set(snapshot.entries) == {"dir", "dir/ok"}
    assert {problem.path for problem in snapshot.problems} == {"dir/not-utf8-\\xff", "dir/back\\slash", "dir/C:drive"}
    assert {problem.code for problem in snapshot.problems} == {ProblemCode.NAME}


async def test_a_bad_name_is_one_problem_also_in_a_directory_that_cannot_be_printed(remote: Remote, root: Path) -> None:
    for name in (b"back\\slash", b"ok"):
        write(Path(os.fsdecode(os.fsencode(root) + b"/new\nline/" + name)))
    snapshot = await remote.scan(str(root))
    assert set(snapshot.entries) == {"new\nline", "new\nline/ok"}
    assert [problem.path for problem in snapshot.problems] == ["new\\nline/back\\slash"]


async def test_what_lies_too_deep_is_a_problem(remote: Remote, root: Path) -> None:
    write(root / "/".join(["d"] * 64) / "file")
    snapshot = await remote.scan(str(root))
    assert len(snapshot.entries) == 64
    [problem] = snapshot.problems
    assert (problem.code, problem.path) == (ProblemCode.NAME, "/".join(["d"] * 64) + "/file")


@denied_to
async def test_a_directory_that_cannot_be_read_is_a_problem_and_the_rest_goes_on(remote: Remote, root: Path) -> None:
    (root / "closed").mkdir(mode=0o700)
    write(root / "open/file")
    snapshot = await remote.scan(str(root))
    assert set(snapshot.entries) == {"closed", "open", "open/file"}
    assert [(problem.path, problem.code) for problem in snapshot.problems] == [("closed", ProblemCode.DENIED)]


# processes


async def test_processes_are_judged_on_the_server(remote: Remote) -> None:
    here = socket.gethostname()
    process = await asyncio.create_subprocess_exec("true")
    await process.wait()
    questions = [
        ProcessQuestion(os.getpid(), here, time.time()),
        ProcessQuestion(process.pid, here, time.time()),
        ProcessQuestion(os.getpid(), "another-host", time.time()),
        ProcessQuestion(os.getpid(), here, 1000.0),
        ProcessQuestion(-5, here, time.time()),
    ]
    states = await remote.processes(questions)
    assert [state.pid for state in states] == [question.pid for question in questions]
    alive, gone, elsewhere, restarted, none = states
    assert (alive.liveness, alive.evidence) == (Liveness.ALIVE, f"pid {os.getpid()} is alive on {here}")
    assert (gone.liveness, gone.evidence) == (Liveness.GONE, f"pid {process.pid} no longer exists on {here}")
    assert (elsewhere.liveness, restarted.liveness) == (Liveness.UNKNOWN, Liveness.GONE)
    assert elsewhere.evidence == f"the run was written on another-host, this is {here}"
    assert restarted.evidence == f"{here} restarted since"
    assert none.liveness is Liveness.UNKNOWN


# the link


async def test_a_ping_takes_some_time(remote: Remote) -> None:
    assert 0 <= await remote.ping() < 10


async def test_info_says_how_the_server_is_reached(remote: Remote, kind: str) -> None:
    await remote.ping()
    assert remote.info.transport == {"retry": "agent"}.get(kind, kind)
    assert remote.info.reason.endswith(".")
    assert remote.info.hostname == socket.gethostname()
    assert remote.info.home == await remote.resolve("")


async def test_any_number_of_calls_may_be_under_way(remote: Remote, root: Path) -> None:
    data = {f"file-{number}": os.urandom(50_000) for number in range(60)}
    for path, content in data.items():
        write(root / path, content)
    async with asyncio.TaskGroup() as group:
        reads = {path: group.create_task(read_chunk(remote, root, path)) for path in data}
        scans = [group.create_task(remote.scan(str(root))) for _ in range(3)]
        batch = group.create_task(read_all(remote, root, list(data)))
    assert {path: task.result().data for path, task in reads.items()} == data
    assert all(len(task.result().entries) == 60 for task in scans)
    assert len(batch.result()) == 60


async def test_cancelling_one_call_disturbs_no_other(remote: Remote, root: Path) -> None:
    for number in range(300):
        write(root / f"file-{number}", os.urandom(20_000))
    paths = [f"file-{number}" for number in range(300)]
    cancelled = [asyncio.create_task(read_all(remote, root, paths)) for _ in range(3)]
    cancelled.append(asyncio.create_task(read_all(remote, root, paths)))
    kept = asyncio.create_task(read_all(remote, root, paths))
    await remote.ping()
    for task in cancelled:
        task.cancel()
    await asyncio.gather(*cancelled, return_exceptions=True)
    assert len(await kept) == 300
    assert len((await remote.scan(str(root))).entries) == 300


async def test_an_iteration_that_is_left_early_disturbs_no_other(remote: Remote, root: Path) -> None:
    paths = [f"file-{number}" for number in range(1200)]
    for path in paths:
        write(root / path, b"x" * 1000)
    async for batch in remote.read_many(str(root), paths, priority=Priority.SMALL):
        assert batch
        break
    assert len(await read_all(remote, root, paths)) == 1200


async def test_closing_twice_is_fine_and_ends_what_is_under_way(remote: Remote, root: Path) -> None:
    changes = remote.follow(str(root), interval=0.5)
    await anext(changes)
    waiting = asyncio.ensure_future(anext(changes))
    await remote.ping()
    await remote.close()
    with pytest.raises(ConnectionLost):
        await waiting
    await remote.close()
    with pytest.raises(ConnectionLost):
        await remote.scan(str(root))
    with pytest.raises(ConnectionLost):
        await remote.ping()


async def test_nothing_is_ever_written(remote: Remote, root: Path) -> None:
    write(root / "dir/file", "data" * 100)
    write(root / "big", os.urandom(CHUNK))
    (root / "link").symlink_to("dir")
    before = picture(root)
    await remote.list_directory(str(root), depth=2)
    await remote.scan(str(root))
    changes = remote.follow(str(root), interval=0.5)
    await anext(changes)
    await read_chunk(remote, root, "big", check=True)
    await read_all(remote, root, ["dir/file", "big", "link", "missing"])
    await remote.digest(str(root), "big", length=CHUNK)
    await remote.stat(str(root), ["dir/file", "missing"])
    await changes.aclose()
    assert picture(root) == before
