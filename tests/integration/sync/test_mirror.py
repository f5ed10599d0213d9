"""Mirror mode over Debian's sshd and the streamed agent: every kind of change, seen within a second."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.ferry import Ferry, directories_below, files_below, write_run
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.model import ProblemCode

SOON = 1.0
"""Seconds within which a change must show at the default interval (issue 2)."""


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    root = tmp_path / "remote"
    write_run(root, "vision", "resnet", "20260101_000000_aaaaaa")
    write_run(root, "nlp", "bert", "20260101_000001_bbbbbb")
    (root / "empty").mkdir()
    big = root / "checkpoints" / "model.pt"
    big.parent.mkdir()
    big.write_bytes(os.urandom(3_000_000))
    make_old(root)
    return root


def make_old(root: Path) -> None:
    """Set all times an hour back: files at rest, as most are."""
    for path in root.rglob("*"):
        if not path.is_symlink():
            stamp = path.stat().st_mtime - 3600
            os.utime(path, (stamp, stamp))


@pytest.fixture
async def ferry(tmp_path: Path, sshd: Sshd) -> AsyncIterator[Ferry]:
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        yield ferry


def wanted(root: Path) -> dict[str, bytes]:
    return {path: data for path, data in files_below(root).items() if not path.endswith(".lock")}


async def test_a_mirror_is_byte_identical_and_lists_what_it_skipped_with_the_reason(ferry: Ferry, remote: Path) -> None:
    local = await ferry.keep(remote)
    assert files_below(local) == wanted(remote)
    assert directories_below(local) == directories_below(remote)
    view = await ferry.sync()
    assert view.progress.problems == 0
    skipped = {problem.path: problem for problem in view.problems}
    assert len(skipped) == 2
    assert all(path.endswith(".lock") and problem.message for path, problem in skipped.items())


async def test_an_appended_line_arrives_within_a_second(ferry: Ferry, remote: Path) -> None:
    local = await ferry.keep(remote)
    path = "vision/resnet/runs/20260101_000000_aaaaaa/events.jsonl"
    for number in range(5):
        with (remote / path).open("a") as file:
            file.write(f'{{"line": {number}}}\n')
        await eventually(lambda: (local / path).read_bytes() == (remote / path).read_bytes(), within=SOON)
    assert (await ferry.sync()).progress.appended_bytes == 5 * len('{"line": 0}\n')


async def test_status_json_one_byte_longer_is_replaced_within_a_second(ferry: Ferry, remote: Path) -> None:
    local = await ferry.keep(remote)
    path = "vision/resnet/runs/20260101_000000_aaaaaa/status.json"
    before = (local / path).stat().st_ino
    (remote / path).write_bytes((remote / path).read_bytes().replace(b"finished", b"finishedd"))
    await eventually(lambda: (local / path).read_bytes() == (remote / path).read_bytes(), within=SOON)
    assert (local / path).stat().st_ino != before, "a replaced file is swapped in, never written in place"


@pytest.mark.parametrize("how", ["in place", "by rename", "keeping the second of its mtime"])
async def test_a_rewrite_at_the_same_size_arrives_within_a_second(ferry: Ferry, remote: Path, how: str) -> None:
    local = await ferry.keep(remote)
    path = "nlp/bert/runs/20260101_000001_bbbbbb/status.json"
    file = remote / path
    content = file.read_bytes().replace(b"finished", b"failed! ")
    second = file.stat().st_mtime_ns // 1_000_000_000
    if how == "by rename":
        fresh = file.with_name("status.json.tmp")
        fresh.write_bytes(content)
        fresh.replace(file)
    else:
        file.write_bytes(content)
    if how == "keeping the second of its mtime":
        os.utime(file, ns=(second * 1_000_000_000 + 7, second * 1_000_000_000 + 7))
    await eventually(lambda: (local / path).read_bytes() == content, within=SOON)


async def test_a_log_truncated_and_regrown_past_its_old_size_arrives_whole(ferry: Ferry, remote: Path) -> None:
    local = await ferry.keep(remote)
    path = "nlp/bert/runs/20260101_000001_bbbbbb/logs.txt"
    old = (remote / path).read_bytes()
    (remote / path).write_bytes(b"a fresh start\n" + b"x" * (2 * len(old)))
    await eventually(lambda: (local / path).read_bytes() == (remote / path).read_bytes(), within=SOON)


async def test_a_log_replaced_by_rename_arrives_whole(ferry: Ferry, remote: Path) -> None:
    local = await ferry.keep(remote)
    path = "nlp/bert/runs/20260101_000001_bbbbbb/logs.txt"
    fresh = remote / "fresh"
    fresh.write_bytes(b"rotated\n" * 1000)
    fresh.replace(remote / path)
    await eventually(lambda: (local / path).read_bytes() == b"rotated\n" * 1000, within=SOON)


async def test_a_new_run_directory_arrives_within_a_second(ferry: Ferry, remote: Path) -> None:
    local = await ferry.keep(remote)
    run = write_run(remote, "new", "project", "20260102_000000_cccccc")
    expected = wanted(run)
    await eventually(lambda: wanted(local / run.relative_to(remote)) == expected, within=SOON)


async def test_a_renamed_directory_arrives_and_the_old_name_is_marked_gone(ferry: Ferry, remote: Path) -> None:
    local = await ferry.keep(remote)
    sync_id = (await ferry.sync()).record.id

    def is_at_rest() -> bool:
        held = ferry.record_of(sync_id, "checkpoints/model.pt").held
        return held is not None and not held.is_racy

    await eventually(is_at_rest, within=5, what="the second look at a file that had just been written")
    copied = (await ferry.sync()).progress.copied_bytes
    (remote / "checkpoints").rename(remote / "weights")
    await eventually(lambda: (local / "weights/model.pt").exists(), within=SOON)
    assert (local / "weights/model.pt").read_bytes() == (remote / "weights/model.pt").read_bytes()
    assert (local / "checkpoints/model.pt").exists(), "what is gone on the server is kept here"
    assert (await ferry.sync()).progress.copied_bytes == copied, "a renamed file does not cross the wire again"


async def test_a_deleted_file_is_kept_and_marked_gone(ferry: Ferry, remote: Path) -> None:
    local = await ferry.keep(remote)
    path = "vision/resnet/runs/20260101_000000_aaaaaa/summary.json"
    kept = (remote / path).read_bytes()
    (remote / path).unlink()
    sync_id = (await ferry.sync()).record.id

    def gone_at() -> float | None:
        return ferry.record_of(sync_id, path).gone_at

    await eventually(gone_at, within=SOON)
    assert (local / path).read_bytes() == kept


async def test_hard_links_cross_the_wire_once_and_are_one_file_here_too(ferry: Ferry, remote: Path) -> None:
    store = remote / "artifacts" / ".dedup" / "aa"
    store.mkdir(parents=True)
    (store / "blob").write_bytes(os.urandom(1_000_000))
    for version in ("v1", "v2"):
        files = remote / "artifacts" / "model" / "m" / version / "files"
        files.mkdir(parents=True)
        os.link(store / "blob", files / "model.pt")
    make_old(remote)
    local = await ferry.keep(remote)
    assert files_below(local) == wanted(remote)
    names = [*(local / "artifacts").rglob("model.pt"), local / "artifacts/.dedup/aa/blob"]
    assert len({name.stat().st_ino for name in names}) == 1
    assert (await ferry.sync()).progress.copied_bytes < 4_100_000


async def test_one_files_trouble_is_listed_and_everything_else_goes_on(ferry: Ferry, remote: Path) -> None:
    os.mkfifo(remote / "pipe")
    (remote / "dangling").symlink_to("nowhere")
    (remote / "loop").symlink_to("loop")
    (remote / "shortcut").symlink_to("vision")
    Path(os.fsdecode(os.fsencode(remote) + b"/not-\xff-utf8")).write_bytes(b"x")
    (remote / "back\\slash").write_bytes(b"x")
    local = await ferry.keep(remote)
    problems = {problem.path: problem.code for problem in (await ferry.sync()).problems}
    assert problems["pipe"] is ProblemCode.SPECIAL
    assert problems["dangling"] is ProblemCode.DANGLING
    assert problems["loop"] is ProblemCode.DANGLING
    assert problems["shortcut"] is ProblemCode.LINK
    assert [code for path, code in problems.items() if "utf8" in path] == [ProblemCode.NAME]
    assert [code for path, code in problems.items() if "slash" in path] == [ProblemCode.NAME]
    expected = {path for path in wanted(remote) if "utf8" not in path and "slash" not in path}
    assert set(files_below(local)) == expected
    assert not any(path.is_symlink() for path in local.rglob("*"))
