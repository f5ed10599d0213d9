"""Files on demand: what is asked for comes, is followed while somebody watches, and nothing else crosses the wire."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from tests.conftest import MakeSshd
from tests.support.ferry import Ferry, files_below, write_run
from tests.support.network import Proxy
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.errors import AccessDenied, Conflict, Gone, InvalidRequest, NotConnected, NotFound, RunferryError
from runferry.service.modes import ModeRequest
from runferry.sync.spec import Mode

RUN = "p/n/runs/20260101_000000_aaaaaa"
LOG = f"{RUN}/logs.txt"
BIG = f"{RUN}/model.pt"
MB = 1024 * 1024


async def keep_smart(ferry: Ferry, root: Path, *, is_automatic: bool = True) -> tuple[Path, int]:
    """Configure a smart sync that by itself looks every ten minutes; return its local root and id."""
    view = await ferry.service.configure_mode(ModeRequest(Mode.SMART, str(root), 600.0, is_automatic=is_automatic))
    await ferry.in_step(Mode.SMART)
    return Path(view.local_root), view.record.id


async def expect_error(kind: type[RunferryError], ferry: Ferry, sync_id: int, path: str) -> str:
    with pytest.raises(kind) as caught:
        await asyncio.wait_for(ferry.service.demand.fetch(sync_id, path), 10)
    assert type(caught.value) is kind
    return str(caught.value)


@pytest.mark.parametrize("is_sftp", [False, True])
@pytest.mark.parametrize("is_automatic", [True, False])
async def test_a_file_that_is_asked_for_comes_as_it_is_now(
    tmp_path: Path, make_sshd: MakeSshd, is_sftp: bool, is_automatic: bool
) -> None:
    root = tmp_path / "remote"
    run = write_run(root, "p", "n", RUN.rpartition("/")[2], lines=2000)
    (run / "model.pt").write_bytes(os.urandom(3 * MB))
    os.utime(run / "model.pt", (1.7e9, 1.7e9))
    sshd = make_sshd(sftp_only=True) if is_sftp else make_sshd()
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        local, sync_id = await keep_smart(ferry, root, is_automatic=is_automatic)
        for path in (LOG, BIG):
            assert not (local / path).exists()
            await ferry.service.demand.fetch(sync_id, path)
            assert (local / path).read_bytes() == (root / path).read_bytes()
            assert ferry.record_of(sync_id, path).held is not None, "the index knows it when fetch returns"
        with (root / LOG).open("a") as log:
            log.write("one more\n")
        await ferry.service.demand.fetch(sync_id, LOG)
        assert (local / LOG).read_bytes() == (root / LOG).read_bytes()
        assert set(files_below(local)) == {LOG, BIG, *(f"{RUN}/{name}.json" for name in ("meta", "status", "summary"))}


@pytest.mark.parametrize("is_sftp", [False, True])
async def test_a_followed_file_is_kept_up_to_date_and_left_alone_afterwards(
    tmp_path: Path, make_sshd: MakeSshd, is_sftp: bool
) -> None:
    root = tmp_path / "remote"
    write_run(root, "p", "n", RUN.rpartition("/")[2])
    sshd = make_sshd(sftp_only=True) if is_sftp else make_sshd()
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        local, sync_id = await keep_smart(ferry, root, is_automatic=False)
        demand = ferry.service.demand

        def is_equal() -> bool:
            return (local / LOG).exists() and (local / LOG).read_bytes() == (root / LOG).read_bytes()

        with demand.follow(sync_id, [LOG]):
            for number in range(3):
                await eventually(is_equal, within=4)
                with (root / LOG).open("a") as log:
                    log.write(f"line {number}\n")
            await eventually(is_equal, within=4)
        with (root / LOG).open("a") as log:
            log.write("nobody looks\n")
        demand.touch(sync_id, [f"{RUN}/events.jsonl"], seconds=1.5)
        await eventually((local / RUN / "events.jsonl").exists, within=4)
        assert not is_equal(), "the file nobody watches has stayed as it was"
        demand.touch(sync_id, [LOG], seconds=4.0)
        await eventually(is_equal, within=4)


async def test_nothing_is_asked_while_nobody_attends(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    write_run(root, "p", "n", RUN.rpartition("/")[2])
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        _, sync_id = await keep_smart(ferry, root, is_automatic=False)
        sync = ferry.service._syncs.find(sync_id)
        assert sync is not None
        asked: list[tuple[str, ...]] = []
        stat = sync.held.remote.stat

        async def count(root: str, paths: list[str]) -> object:
            asked.append(tuple(paths))
            return await stat(root, paths)

        sync.held.remote.stat = count  # type: ignore[method-assign, assignment]
        with ferry.service.demand.follow(sync_id, [LOG]):
            await eventually(lambda: len(asked) >= 2, within=5)
        await ferry.service.demand.fetch(sync_id, f"{RUN}/events.jsonl")
        before = len(asked)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(asyncio.Event().wait(), 2.5)
        assert len(asked) <= before + 1, "at most the look that was due when the last one left"


async def test_what_cannot_be_fetched_is_said_in_so_many_words(tmp_path: Path, make_sshd: MakeSshd) -> None:
    sshd = make_sshd(passwords=True)
    assert sshd.account is not None
    root = tmp_path / "remote"
    for folder in (*tmp_path.parents[:3], tmp_path):
        folder.chmod(0o755)
    run = write_run(root, "p", "n", RUN.rpartition("/")[2])
    (run / "secret.bin").write_bytes(b"x" * 100)
    (run / "secret.bin").chmod(0)
    (run / "link.txt").symlink_to("/etc/hostname")
    (run / "outside").symlink_to("/etc")
    (run / "gone.bin").write_bytes(b"y" * 100)
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        _, sync_id = await keep_smart(ferry, root, is_automatic=False)
        assert "does not let" in await expect_error(AccessDenied, ferry, sync_id, f"{RUN}/secret.bin")
        assert "link" in await expect_error(Conflict, ferry, sync_id, f"{RUN}/link.txt")
        await expect_error(NotFound, ferry, sync_id, f"{RUN}/outside/hostname")
        await expect_error(NotFound, ferry, sync_id, f"{RUN}/never.bin")
        assert "never copied" in await expect_error(Conflict, ferry, sync_id, f"{RUN}/events.jsonl.lock")
        assert "directory" in await expect_error(Conflict, ferry, sync_id, RUN)
        (run / "gone.bin").unlink()
        assert "no longer on the server" in await expect_error(Gone, ferry, sync_id, f"{RUN}/gone.bin")
        for path in ("../x", "/etc/hostname", "a//b", "a/./b"):
            await expect_error(InvalidRequest, ferry, sync_id, path)
        assert ferry.service.demand.can_reach(sync_id)
        await ferry.service.disconnect()
        assert not ferry.service.demand.can_reach(sync_id)
        assert "connect to it" in await expect_error(NotConnected, ferry, sync_id, LOG)


async def test_a_wanted_file_goes_on_where_a_cut_ended_it(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    run = write_run(root, "p", "n", RUN.rpartition("/")[2])
    size = 24 * MB
    (run / "model.pt").write_bytes(os.urandom(size))
    os.utime(run / "model.pt", (1.7e9, 1.7e9))
    async with Ferry(tmp_path) as ferry, Proxy(sshd.port) as proxy:
        await ferry.connect(sshd, port=proxy.port)
        local, sync_id = await keep_smart(ferry, root)
        before = proxy.bytes_down
        fetching = asyncio.create_task(ferry.service.demand.fetch(sync_id, BIG))
        await eventually(lambda: proxy.bytes_down - before > size / 3, every=0.001)
        proxy.cut()
        await asyncio.wait_for(fetching, 30)
        assert (local / BIG).read_bytes() == (root / BIG).read_bytes()
        received = proxy.bytes_down - before
        assert received < size * 1.75, f"{received} bytes for {size}"


async def test_what_nobody_waits_for_any_more_is_not_fetched_to_its_end(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    run = write_run(root, "p", "n", RUN.rpartition("/")[2])
    size = 64 * MB
    (run / "model.pt").write_bytes(os.urandom(size))
    os.utime(run / "model.pt", (1.7e9, 1.7e9))
    async with Ferry(tmp_path) as ferry, Proxy(sshd.port, delay=0.02) as proxy:
        await ferry.connect(sshd, port=proxy.port)
        local, sync_id = await keep_smart(ferry, root)
        before = proxy.bytes_down
        fetching = asyncio.create_task(ferry.service.demand.fetch(sync_id, BIG))
        await eventually(lambda: proxy.bytes_down - before > size / 8, every=0.001)
        fetching.cancel()
        await asyncio.gather(fetching, return_exceptions=True)
        await ferry.service.demand.fetch(sync_id, LOG)
        await ferry.in_step(Mode.SMART)
        received = proxy.bytes_down - before
        assert received < size * 0.8, received
        assert not (local / BIG).exists()
        await ferry.service.demand.fetch(sync_id, BIG)
        assert (local / BIG).read_bytes() == (root / BIG).read_bytes()
        assert proxy.bytes_down - before < size * 1.3, "it went on where it had been left"


async def test_five_who_wait_share_one_fetch(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    run = write_run(root, "p", "n", RUN.rpartition("/")[2])
    size = 32 * MB
    (run / "model.pt").write_bytes(os.urandom(size))
    os.utime(run / "model.pt", (1.7e9, 1.7e9))
    async with Ferry(tmp_path) as ferry, Proxy(sshd.port) as proxy:
        await ferry.connect(sshd, port=proxy.port)
        _, sync_id = await keep_smart(ferry, root)
        before = proxy.bytes_down
        await asyncio.gather(*(ferry.service.demand.fetch(sync_id, BIG) for _ in range(5)))
        assert proxy.bytes_down - before < size * 1.1
