"""``delete: true`` over Debian's sshd: what goes to the trash, when, and what never does.

The two looks that must miss a file are a moment apart here, not half a minute.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from tests.conftest import MakeAccount, MakeSshd
from tests.support.ferry import Ferry, directories_below, files_below, write_run
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.model import ProblemCode
from runferry.service.modes import ModeRequest
from runferry.service.trash import TrashView
from runferry.service.views import SyncView
from runferry.sync.spec import Mode, SessionState

APART = 1.0
"""Seconds between the two looks; 30 outside of tests."""


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    """A tree of 40 files in 4 runs, with what real trees have too: links that lead nowhere."""
    root = tmp_path / "remote"
    for run in ("a", "b", "c", "d"):
        (root / "runs" / run / "media").mkdir(parents=True)
        for number in range(9):
            (root / "runs" / run / f"{number}.json").write_text(f'{{"run": "{run}", "number": {number}}}')
        (root / "runs" / run / "media" / "sample.png").write_bytes(os.urandom(300))
    (root / "latest").symlink_to("runs/gone")
    return root


@pytest.fixture
async def ferry(tmp_path: Path, sshd: Sshd) -> AsyncIterator[Ferry]:
    async with Ferry(tmp_path, second_look_after=APART) as ferry:
        await ferry.connect(sshd)
        yield ferry


async def keep(ferry: Ferry, root: Path) -> Path:
    """Mirror with ``delete`` and return the local root."""
    view = await ferry.service.configure_mode(ModeRequest(Mode.MIRROR, str(root), 0.5, delete=True))
    await ferry.in_step()
    return Path(view.local_root)


async def is_halted(ferry: Ferry) -> SyncView | None:
    view = await ferry.sync()
    return view if view.progress.state is SessionState.HALTED else None


async def halt_of(ferry: Ferry) -> str:
    """Wait until a safety rule has stopped deletions; return its sentence, which the status tells in three places."""
    view = await eventually(lambda: is_halted(ferry), what="the sync to be halted")
    assert view is not None
    (problem,) = [problem for problem in view.problems if problem.code is ProblemCode.HALTED]
    assert problem.message == view.progress.last_error
    assert view.progress.problems >= 1
    return problem.message


async def two_more_looks(ferry: Ferry, mode: Mode = Mode.MIRROR) -> None:
    """Ask for looks until two more are over, the second one long enough after the first."""
    for _ in range(2):
        began, scans = time.monotonic(), (await ferry.sync(mode)).progress.scans
        await ferry.service.sync_now(mode)

        async def is_over(began: float = began, scans: int = scans) -> bool:
            view = await ferry.sync(mode)
            return view.progress.scans > scans and time.monotonic() - began > APART * 1.1

        await eventually(is_over, what="one more look")


def trash_of(ferry: Ferry, sync_id: int) -> dict[str, bytes]:
    """Return what is in the trash by the path it had, whichever day it went there."""
    trash = ferry.data_dir / "staging" / str(sync_id) / "trash"
    return {path.split("/", 1)[1]: data for path, data in files_below(trash).items()}


async def test_a_deleted_file_goes_to_the_trash_only_after_the_second_look(ferry: Ferry, remote: Path) -> None:
    local = await keep(ferry, remote)
    sync_id = (await ferry.sync()).record.id
    path = "runs/a/3.json"
    kept = (remote / path).read_bytes()
    deleted_at = time.time()
    (remote / path).unlink()
    await eventually(lambda: ferry.record_of(sync_id, path).gone_at, what="it is marked as gone")
    if time.time() - deleted_at < APART:
        assert (local / path).read_bytes() == kept
    await eventually(lambda: not (local / path).exists(), what="it is gone here, too")
    assert time.time() - deleted_at >= APART
    assert trash_of(ferry, sync_id) == {path: kept}
    await eventually(lambda: path not in ferry.records(sync_id), what="it is forgotten")
    assert [problem.path for problem in (await ferry.in_step()).problems] == ["latest"]
    assert await ferry.service.trash.view() == TrashView(1, len(kept))
    assert files_below(local) == files_below(remote)


def is_in_trash(ferry: Ferry, sync_id: int, files: dict[str, bytes]) -> bool:
    return trash_of(ferry, sync_id) == files


async def test_the_trash_can_be_emptied_and_is_filled_again(ferry: Ferry, remote: Path) -> None:
    local = await keep(ferry, remote)
    sync_id = (await ferry.sync()).record.id
    for path in ("runs/a/3.json", "runs/a/4.json"):
        kept = (remote / path).read_bytes()
        (remote / path).unlink()
        await eventually(partial(is_in_trash, ferry, sync_id, {path: kept}), what="the trash has it")
        assert await ferry.service.trash.empty() == TrashView(1, len(kept))
        assert await ferry.service.trash.view() == TrashView(0, 0)
    await ferry.in_step()
    assert files_below(local) == files_below(remote)
    assert files_below(ferry.data_dir / "staging") == {}


async def test_the_second_look_is_half_a_minute_later_unless_told_otherwise(
    tmp_path: Path, sshd: Sshd, remote: Path
) -> None:
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        local = await keep(ferry, remote)
        (remote / "runs/a/3.json").unlink()
        await two_more_looks(ferry)
        assert (local / "runs/a/3.json").exists()


async def test_directories_that_are_empty_afterwards_go_with_their_files(ferry: Ferry, remote: Path) -> None:
    local = await keep(ferry, remote)
    shutil.rmtree(remote / "runs/a/media")
    (remote / "runs/b/media/sample.png").unlink()
    await eventually(lambda: not (local / "runs/b/media/sample.png").exists())
    await eventually(lambda: directories_below(local) == directories_below(remote))
    assert not (local / "runs/a/media").exists()
    assert (local / "runs/b/media").is_dir(), "the server still has this one"


async def test_a_file_that_comes_back_in_time_stays(ferry: Ferry, remote: Path) -> None:
    local = await keep(ferry, remote)
    sync_id = (await ferry.sync()).record.id
    (remote / "runs/a/3.json").unlink()
    await eventually(lambda: ferry.record_of(sync_id, "runs/a/3.json").gone_at)
    (remote / "runs/a/3.json").write_text('{"is": "new"}')
    await eventually(lambda: (local / "runs/a/3.json").read_text() == '{"is": "new"}')
    await two_more_looks(ferry)
    assert (local / "runs/a/3.json").read_text() == '{"is": "new"}'
    assert trash_of(ferry, sync_id) == {}


async def test_an_emptied_root_halts_and_goes_on_when_it_is_filled_again(ferry: Ferry, remote: Path) -> None:
    local = await keep(ferry, remote)
    before = files_below(local)
    aside = remote.with_name("aside")
    aside.mkdir()
    (remote / "runs").rename(aside / "runs")
    assert "empty" in await halt_of(ferry)
    await two_more_looks(ferry)
    assert files_below(local) == before
    (aside / "runs").rename(remote / "runs")
    view = await ferry.in_step()
    assert view.progress.last_error is None
    assert not [problem for problem in view.problems if problem.code is ProblemCode.HALTED]
    assert files_below(local) == before


async def test_a_root_that_is_missing_removes_nothing_and_says_so(ferry: Ferry, remote: Path) -> None:
    local = await keep(ferry, remote)
    before = files_below(local)
    remote.rename(remote.with_name("aside"))

    async def trouble() -> str | None:
        progress = (await ferry.sync()).progress
        return progress.last_error if progress.state is SessionState.FAILED else None

    assert str(remote) in str(await eventually(trouble, what="the status says that the root is missing"))
    assert files_below(local) == before
    assert trash_of(ferry, (await ferry.sync()).record.id) == {}


async def test_another_directory_in_the_roots_place_halts(ferry: Ferry, remote: Path, sshd: Sshd) -> None:
    local = await keep(ferry, remote)
    before = files_below(local)
    remote.rename(remote.with_name("aside"))
    shutil.copytree(remote.with_name("aside"), remote, symlinks=True)
    (remote / "runs/a/3.json").unlink()
    await ferry.service.disconnect()  # a new link, as after an unmounted disk's server came back
    await ferry.connect(sshd)
    view = await ferry.service.configure_mode(ModeRequest(Mode.MIRROR, str(remote), 0.5, delete=True))
    assert Path(view.local_root) == local
    assert "another directory" in await halt_of(ferry)
    await two_more_looks(ferry)
    assert files_below(local).keys() == before.keys()
    (remote / "runs/a/3.json").write_text("{}")
    await ferry.in_step()


async def test_more_than_a_fifth_at_once_halts_until_the_user_has_removed_it(ferry: Ferry, remote: Path) -> None:
    local = await keep(ferry, remote)
    before = files_below(local)
    shutil.rmtree(remote / "runs/a")
    sentence = await halt_of(ferry)
    assert "10 files are gone" in sentence
    assert "25 %" in sentence
    await two_more_looks(ferry)
    assert files_below(local) == before
    shutil.rmtree(local / "runs/a")
    await ferry.service.sync_now(Mode.MIRROR)
    view = await ferry.in_step()
    assert view.progress.last_error is None
    (remote / "runs/b/1.json").unlink()
    await eventually(lambda: not (local / "runs/b/1.json").exists(), what="deletions go on")
    assert files_below(local) == files_below(remote)


async def test_what_cannot_be_read_never_counts_as_deleted(
    tmp_path: Path, make_sshd: MakeSshd, make_account: MakeAccount
) -> None:
    account = make_account()
    root = account.home / "data"
    for name in ("open", "closed"):
        (root / name).mkdir(parents=True)
        for number in range(10):
            (root / name / f"{number}.json").write_text(f'{{"number": {number}}}')
    for path in (root, *root.rglob("*")):
        os.chown(path, account.uid, -1)
    async with Ferry(tmp_path, second_look_after=APART) as ferry:
        await ferry.connect(make_sshd(account=account))
        local = await keep(ferry, root)
        (root / "closed").chmod(0)
        await ferry.service.sync_now(Mode.MIRROR)
        (root / "open/1.json").unlink()
        assert "cannot be read" in await halt_of(ferry)
        await two_more_looks(ferry)
        assert len(files_below(local)) == 20
        (root / "closed").chmod(0o755)
        await eventually(lambda: not (local / "open/1.json").exists(), what="the look without errors counts")
        assert len(files_below(local)) == 19


async def test_without_delete_nothing_ever_goes(ferry: Ferry, remote: Path) -> None:
    local = await ferry.keep(remote, interval=0.5)
    before = files_below(local)
    (remote / "runs/a/3.json").unlink()
    await two_more_looks(ferry)
    assert files_below(local) == before
    assert (await ferry.sync()).progress.state is SessionState.WATCHING


async def test_what_went_while_nobody_looked_is_marked_as_gone_by_the_next_session(
    tmp_path: Path, sshd: Sshd, remote: Path
) -> None:
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        local = await ferry.keep(remote)
    (remote / "runs/a/3.json").unlink()
    shutil.rmtree(remote / "runs/b")
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        await ferry.keep(remote)
        records = ferry.records((await ferry.sync()).record.id)
    gone = {path for path, record in records.items() if record.gone_at is not None}
    assert gone == files_below(local).keys() - files_below(remote).keys()
    assert len(gone) == 11


async def test_what_went_in_an_earlier_session_is_removed_at_the_first_look_of_the_next(
    tmp_path: Path, sshd: Sshd, remote: Path
) -> None:
    async with Ferry(tmp_path, second_look_after=APART) as ferry:
        await ferry.connect(sshd)
        local = await ferry.keep(remote)
        sync_id = (await ferry.sync()).record.id
        (remote / "runs/a/3.json").unlink()
        await eventually(lambda: ferry.record_of(sync_id, "runs/a/3.json").gone_at)
        gone_by = time.time()
    await eventually(lambda: time.time() - gone_by > APART)
    async with Ferry(tmp_path, second_look_after=APART) as ferry:
        await ferry.connect(sshd)
        await keep(ferry, remote)
        await eventually(lambda: not (local / "runs/a/3.json").exists(), within=APART)


async def test_a_sync_that_is_asked_for_each_time_deletes_as_well(ferry: Ferry, tmp_path: Path) -> None:
    root = tmp_path / "smart"
    runs = [write_run(root, "vision", "resnet", f"20260101_00000{number}_aaaaaa") for number in range(3)]
    request = ModeRequest(Mode.SMART, str(root), 300, is_automatic=False, delete=True)
    local = Path((await ferry.service.configure_mode(request)).local_root)
    await ferry.in_step(Mode.SMART)
    gone = local / (runs[0] / "summary.json").relative_to(root)
    assert gone.exists()
    (runs[0] / "summary.json").unlink()
    await two_more_looks(ferry, Mode.SMART)
    await two_more_looks(ferry, Mode.SMART)
    assert not gone.exists()
