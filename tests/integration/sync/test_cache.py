"""A smart sync's cache on a real server: room for what is asked for, the longest unused out first, pins, limits."""

from __future__ import annotations

import asyncio
import os
from dataclasses import replace
from pathlib import Path

import pytest
from tests.integration.sync.test_demand import keep_smart
from tests.support.ferry import Ferry, write_run
from tests.support.network import Proxy
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.errors import Conflict, DiskFull, NotFound
from runferry.service.service import Service
from runferry.store.cache import CachedFile
from runferry.sync.spec import Mode

MB = 1024 * 1024
ID = "20260101_000000_aaaaaa"
RUN = f"p/n/runs/{ID}"


def write_models(root: Path, count: int, size: int = MB) -> list[str]:
    run = root / RUN
    if not run.exists():
        write_run(root, "p", "n", ID)
    for number in range(count):
        (run / f"{number}.pt").write_bytes(os.urandom(size))
        os.utime(run / f"{number}.pt", (1.7e9, 1.7e9))
    return [f"{RUN}/{number}.pt" for number in range(count)]


async def names(service: Service) -> list[str]:
    return [file.path.rpartition("/")[2] for file in await service.cache.list_files(limit=100)]


async def is_at_work(ferry: Ferry) -> bool:
    current = (await ferry.service.status()).current
    return current is not None and current.find_sync(Mode.SMART) is not None


async def test_the_longest_unused_files_leave_first_and_nothing_else_does(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    models = write_models(root, 6)
    async with Ferry(tmp_path) as ferry:
        service = ferry.service
        service.cache.limit = 3 * MB + MB // 2
        await ferry.connect(sshd)
        local, sync_id = await keep_smart(ferry, root)
        for path in models[:3]:
            await service.demand.fetch(sync_id, path)
        with service.cache.using(sync_id, [models[0]]):
            await service.demand.fetch(sync_id, models[3])
            assert await names(service) == ["2.pt", "0.pt", "3.pt"], "0 is being read, so 1 had to go"
        await service.cache.pin(ID, ["2.pt"], is_pinned=True)
        await service.demand.fetch(sync_id, models[4])
        assert await names(service) == ["2.pt", "3.pt", "4.pt"], "2 is pinned, so 0 had to go"
        with service.demand.follow(sync_id, [models[3]]):
            await service.demand.fetch(sync_id, models[5])
            assert sorted(await names(service)) == ["2.pt", "3.pt", "5.pt"], "3 is followed, so 4 had to go"
        on_disk = {path.name for path in (local / RUN).iterdir() if path.is_file()}
        assert on_disk == {"2.pt", "3.pt", "5.pt", "meta.json", "status.json", "summary.json"}
        record = ferry.record_of(sync_id, models[0])
        assert (record.held, record.entry.size) == (None, MB), "still listed, no longer held"
        view = await service.cache.view()
        assert (view.files, view.used_bytes, view.pinned_bytes) == (3, 3 * MB, MB)
        await service.demand.fetch(sync_id, models[0])
        assert (local / models[0]).read_bytes() == (root / models[0]).read_bytes()
        held = ferry.record_of(sync_id, models[0]).held
        assert held is not None
        assert held.generation == 1, "new bytes are never taken for those that were read before"


async def test_what_cannot_fit_is_refused_in_so_many_words_before_anything_is_written(
    tmp_path: Path, sshd: Sshd
) -> None:
    root = tmp_path / "remote"
    big, small = write_models(root, 2, 4 * MB)
    (root / small).write_bytes(b"s" * MB)
    async with Ferry(tmp_path) as ferry:
        service = ferry.service
        service.cache.limit = 3 * MB
        await ferry.connect(sshd)
        local, sync_id = await keep_smart(ferry, root)
        await service.demand.fetch(sync_id, small)
        with pytest.raises(DiskFull, match=r"needs 4\.2 MB; the cache may hold 3\.1 MB \(cache_limit_bytes\)"):
            await service.demand.fetch(sync_id, big)
        assert await names(service) == ["1.pt"], "nothing was evicted for what cannot fit anyway"
        service.cache.limit = 100 * MB
        free = 3 * MB
        service.cache.reserve = 2 * MB
        service.cache.free_space = lambda path: free
        with pytest.raises(DiskFull, match=r"3\.1 MB are free .* 2\.1 MB stay free \(disk_reserve_bytes\)"):
            await service.demand.fetch(sync_id, big)
        assert list((ferry.data_dir / "staging" / str(sync_id)).iterdir()) == []
        assert not (local / big).exists()
        free = 100 * MB
        await service.demand.fetch(sync_id, big)
        assert (local / big).read_bytes() == (root / big).read_bytes()


async def test_two_who_ask_at_once_are_not_promised_the_same_room(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    models = write_models(root, 4, 8 * MB)
    async with Ferry(tmp_path) as ferry:
        service = ferry.service
        service.cache.limit = 18 * MB
        await ferry.connect(sshd)
        _, sync_id = await keep_smart(ferry, root)
        done = await asyncio.gather(*(service.demand.fetch(sync_id, path) for path in models), return_exceptions=True)
        assert sum(isinstance(one, DiskFull) for one in done) == 2
        assert (await service.cache.view()).used_bytes == 16 * MB


async def test_clear_and_evict_leave_pins_metadata_mirrors_and_last_copies_alone(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    models = write_models(root, 3)
    other = write_run(root, "p", "n", "20260101_000001_bbbbbb") / "logs.txt"
    async with Ferry(tmp_path) as ferry:
        service = ferry.service
        await ferry.connect(sshd)
        local, sync_id = await keep_smart(ferry, root)
        for path in (*models, str(other.relative_to(root))):
            await service.demand.fetch(sync_id, path)
        (root / models[2]).unlink()
        await service.sync_now(Mode.SMART)
        await eventually(lambda: ferry.record_of(sync_id, models[2]).gone_at is not None)
        await service.cache.pin(ID, [models[0].rpartition("/")[2]], is_pinned=True)
        result = await service.cache.evict(ID)
        assert (result.files, result.bytes, result.kept) == (1, MB, 2)
        assert sorted(await names(service)) == ["0.pt", "2.pt", "logs.txt"]
        await service.cache.pin(ID, is_pinned=True)
        await service.cache.pin(ID, is_pinned=False)
        result = await service.cache.clear()
        assert (result.files, result.kept) == (2, 1)
        assert await names(service) == ["2.pt"], "the server has it no more: this is its last copy"
        assert (local / models[2]).stat().st_size == MB
        assert (local / RUN / "meta.json").exists()
        with pytest.raises(NotFound):
            await service.cache.evict("nothing")
        mirror = await ferry.keep(root, Mode.MIRROR)
        with pytest.raises(Conflict, match="mirror"):
            await service.cache.evict(ID)
        await service.cache.clear()
        assert (mirror / models[0]).exists()


async def test_evicting_works_offline_and_the_leftovers_of_a_crash_are_removed(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    models = write_models(root, 3)
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        local, sync_id = await keep_smart(ferry, root)
        for path in models:
            await ferry.service.demand.fetch(sync_id, path)
        await ferry.service.disconnect()
        result = await ferry.service.cache.evict(ID, ["0.pt"])
        assert (result.files, (local / models[0]).exists()) == (1, False)
        assert ferry.record_of(sync_id, models[0]).held is None
        # As if a crash had come after the record went and before the bytes did:
        ferry.service.cache._store.let_go(sync_id, [models[1]])
        assert (local / models[1]).exists()
    async with Ferry(tmp_path) as again:
        assert not (local / models[1]).exists()
        assert (local / models[2]).exists()
        assert await names(again.service) == ["2.pt"]


async def test_what_leaves_while_its_server_is_being_dialled_is_not_taken_for_held(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    models = write_models(root, 2)
    async with Proxy(sshd.port) as proxy:
        async with Ferry(tmp_path) as ferry:
            await ferry.connect(sshd, port=proxy.port)
            local, sync_id = await keep_smart(ferry, root)
            for path in models:
                await ferry.service.demand.fetch(sync_id, path)
        proxy.freeze()
        async with Ferry(tmp_path) as ferry:
            await eventually(lambda: proxy.accepted == 2, what="the dialling")
            result = await ferry.service.cache.evict(ID, ["0.pt"])
            assert (result.files, result.kept) == (1, 0)
            proxy.thaw()
            await eventually(lambda: is_at_work(ferry), within=20, what="the sync to come back")
            await ferry.in_step(Mode.SMART)
            assert ferry.record_of(sync_id, models[0]).held is None
            assert await names(ferry.service) == ["1.pt"]
            await ferry.service.demand.fetch(sync_id, models[0])
            assert (local / models[0]).read_bytes() == (root / models[0]).read_bytes()


async def test_a_disk_that_others_fill_is_relieved(tmp_path: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runferry.service.cache.LOOK_SECONDS", 0.1)
    root = tmp_path / "remote"
    models = write_models(root, 3)
    async with Ferry(tmp_path) as ferry:
        cache = ferry.service.cache
        cache.reserve = 10 * MB
        await ferry.connect(sshd)
        _, sync_id = await keep_smart(ferry, root)
        for path in models:
            await ferry.service.demand.fetch(sync_id, path)
        full: list[CachedFile] = list(await cache.list_files(limit=9))
        cache.free_space = lambda path: 100 * MB if len(full) < 3 else 10 * MB - 1

        async def is_relieved() -> bool:
            full[:] = await cache.list_files(limit=9)
            return len(full) == 2

        await eventually(is_relieved, within=5)
        assert [file.path for file in full] == models[1:]
        assert replace(full[0], used_at=0.0).size == MB
