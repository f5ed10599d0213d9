"""Which run is which: ids that repeat, runs that move, machines that are set up anew, machines with two names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from tests.conftest import MakeSshd
from tests.support.ferry import Ferry, write_run
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.errors import Ambiguous, HostKeyChanged
from runferry.service.connections import ConnectRequest
from runferry.service.modes import ModeRequest
from runferry.service.views import RunView
from runferry.ssh.credentials import Credentials
from runferry.ssh.target import Target
from runferry.store.run_list import RunFilter
from runferry.sync.spec import Mode

RUN = "20260101_000000_aaaaaa"


async def runs_of(ferry: Ferry) -> Sequence[RunView]:
    return (await ferry.service.list_runs(RunFilter()))[0]


async def wait_for_runs(ferry: Ferry, count: int) -> Sequence[RunView]:
    async def find() -> Sequence[RunView] | None:
        runs = await runs_of(ferry)
        return runs if len(runs) == count else None

    found: Sequence[RunView] | None = await eventually(find, what=f"{count} runs are listed")
    assert found is not None
    return found


async def test_two_servers_with_one_run_id_show_two_runs_and_ask_which_is_meant(
    tmp_path: Path, make_sshd: MakeSshd
) -> None:
    roots = [tmp_path / name for name in ("one", "two")]
    async with Ferry(tmp_path) as ferry:
        for root in roots:
            write_run(root, "cv", root.name, RUN)
            await ferry.connect(make_sshd())
            await ferry.keep(root)
        runs = await wait_for_runs(ferry, 2)
        assert {run.id for run in runs} == {RUN}
        assert len({run.key for run in runs}) == len({run.server for run in runs}) == 2
        with pytest.raises(Ambiguous) as caught:
            await ferry.service.get_run(RUN)
        assert set(caught.value.candidates) == {run.key for run in runs}
        for run in runs:
            detail = await ferry.service.get_run(run.key)
            assert (detail.run.name, detail.run.server) == (run.name, run.server)


async def test_a_run_that_moves_to_another_root_is_listed_once_where_it_is_now(tmp_path: Path, sshd: Sshd) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    run = write_run(old, "cv", "yolo", RUN)
    write_run(new, "cv", "other", "20260101_000001_bbbbbb")
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        await ferry.keep(old)
        await ferry.service.configure_mode(ModeRequest(Mode.MIRROR, str(new), 2.0, is_additional=True))
        before = {one.id: one.key for one in await wait_for_runs(ferry, 2)}
        target = new / run.relative_to(old)
        target.parent.mkdir(parents=True)
        run.rename(target)

        async def has_moved() -> bool:
            found = {one.id: one for one in await runs_of(ferry)}
            return len(found) == 2 and found[RUN].remote_dir == str(target) and found[RUN].gone_at is None

        await eventually(has_moved, what="the run is where it is now")
        runs = await runs_of(ferry)
        assert {one.id: one.key for one in runs} == before, "its key stays"
        detail = await ferry.service.get_run(RUN)
        assert Path(detail.run.run_dir).joinpath("events.jsonl").read_bytes() == (target / "events.jsonl").read_bytes()


async def test_a_server_set_up_anew_is_another_one_and_its_syncs_go_on(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "root"
    write_run(root, "cv", "yolo", RUN)
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        first = await ferry.keep(root)
        (old,) = await wait_for_runs(ferry, 1)
        sshd.drop_connections()
        sshd.rotate_host_key()
        with pytest.raises(HostKeyChanged):
            await ferry.connect(sshd)
        write_run(root, "cv", "yolo", "20260101_000001_bbbbbb")
        assert await ferry.service.forget_host_key(Target(sshd.host, sshd.port, sshd.username))
        view = await ferry.connect(sshd)
        assert view.host_key == "added"
        await wait_for_runs(ferry, 3)
        await eventually(lambda: is_live(ferry), what="the new one's runs to be kept in step")
        runs = await runs_of(ferry)
        kept = {run.key: run for run in runs}[old.key]
        assert (kept.server, kept.run_dir) == (old.server, old.run_dir)
        assert kept.freshness.state == "offline"
        assert kept.freshness.as_of is not None
        fresh = [run for run in runs if run.server != old.server]
        assert {run.id for run in fresh} == {RUN, "20260101_000001_bbbbbb"}
        assert all(run.server.startswith(f"{old.server}~") and run.freshness.state == "live" for run in fresh)
        sync = await ferry.in_step()
        assert Path(sync.local_root) != first
        assert sync.record.remote_root == str(root)
        assert Path(old.run_dir).joinpath("meta.json").exists(), "what was copied of the old one stays"
    async with Ferry(tmp_path) as ferry:
        runs = await wait_for_runs(ferry, 3)
        await eventually(lambda: is_live(ferry), what="the new one's sync comes back by itself")


async def is_live(ferry: Ferry) -> bool:
    return {run.freshness.state for run in await runs_of(ferry)} == {"live", "offline"}


async def test_two_names_of_one_server_are_one_server(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "root"
    write_run(root, "cv", "yolo", RUN)
    credentials = Credentials(private_key_path=str(sshd.client_key_path), use_agent=False)
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        local = await ferry.keep(root)
        (before,) = await wait_for_runs(ferry, 1)
        other = Target("localhost", sshd.port, sshd.username)
        view = await ferry.service.connect(ConnectRequest(other, credentials))
        assert view.server == before.server
        assert await ferry.keep(root) == local
        await ferry.keep(root, Mode.SMART)
        (after,) = await runs_of(ferry)
        assert (after.key, after.server) == (before.key, before.server)
        assert (await ferry.service.status()).cached_experiments == 1


async def test_offline_all_that_was_synced_is_there_with_its_age(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "root"
    run = write_run(root, "cv", "yolo", RUN)
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        await ferry.keep(root)
        (live,) = await wait_for_runs(ferry, 1)
        assert live.freshness.state == "live"
        sshd.stop()

        async def is_offline() -> bool:
            return (await runs_of(ferry))[0].freshness.state == "offline"

        await eventually(is_offline, within=20, what="the lost link is noticed")
        detail = await ferry.service.get_run(RUN)
        assert detail.run.freshness.as_of is not None
        assert detail.summary == {"best_metric_value": 0.9, "best_metric_name": "acc"}
        assert Path(detail.run.run_dir, "logs.txt").read_bytes() == (run / "logs.txt").read_bytes()
    async with Ferry(tmp_path) as ferry:
        (stored,) = await runs_of(ferry)
        assert stored.freshness.state == "offline"
        assert stored.freshness.as_of == pytest.approx(detail.run.freshness.as_of, abs=15)
