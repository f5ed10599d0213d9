"""Disconnecting while something else is asked of the same connection."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
from tests.conftest import MakeSshd
from tests.support.ferry import Ferry, write_run
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.blocking import in_thread
from runferry.errors import NotConnected
from runferry.remote.retry import RetryingRemote
from runferry.service.connections import Connections
from runferry.service.modes import ModeRequest
from runferry.service.records import Records
from runferry.store.db import Database
from runferry.sync.spec import Mode


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_run(tmp_path / "remote", "p", "n", "20260101_000000_aaaaaa")
    return tmp_path / "remote"


def active_syncs(ferry: Ferry, connection_id: str) -> int:
    db = Database(ferry.data_dir / "runferry.db")
    db.open()
    try:
        return len(Records(db).list_active_syncs(connection_id))
    finally:
        db.close()


async def test_a_mode_that_is_configured_too_late_for_its_connection_is_refused(
    tmp_path: Path, sshd: Sshd, root: Path
) -> None:
    is_asked, may_go_on = threading.Event(), threading.Event()

    def probe(path: Path) -> bool:
        is_asked.set()
        may_go_on.wait(20)
        return False

    async with Ferry(tmp_path, probe_volume=probe) as ferry:
        may_go_on.set()
        view = await ferry.connect(sshd)
        may_go_on.clear()
        is_asked.clear()
        late = asyncio.create_task(ferry.service.configure_mode(ModeRequest(Mode.MIRROR, str(root), 2.0)))
        await eventually(is_asked.is_set, what="the mode is being configured")
        assert await ferry.service.disconnect() == view.id
        may_go_on.set()
        with pytest.raises(NotConnected):
            await late
        assert await in_thread(active_syncs, ferry, view.id) == 0


async def test_the_end_of_one_connection_stops_nothing_of_another_that_is_being_made_anew(
    tmp_path: Path, sshd: Sshd, make_sshd: MakeSshd, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disconnect = Connections.disconnect

    async with Ferry(tmp_path) as ferry:
        view = await ferry.connect(sshd)
        await ferry.service.configure_mode(ModeRequest(Mode.MIRROR, str(root), 2.0))
        other = await ferry.connect(make_sshd())

        async def disconnect_meanwhile(self: Connections, connection_id: str) -> bool:
            await self.find(view.id).remote.close()  # as ``connect`` does before it gives the syncs the new one
            return await disconnect(self, connection_id)

        monkeypatch.setattr(Connections, "disconnect", disconnect_meanwhile)
        assert await ferry.service.disconnect(other.id) == other.id
        assert await in_thread(active_syncs, ferry, view.id) == 1


async def test_a_mode_that_is_configured_while_its_connection_ends_ends_with_it(
    tmp_path: Path, sshd: Sshd, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    disconnect = Connections.disconnect

    async with Ferry(tmp_path) as ferry:
        view = await ferry.connect(sshd)

        async def configure_and_disconnect(self: Connections, connection_id: str) -> bool:
            await ferry.service.configure_mode(ModeRequest(Mode.MIRROR, str(root), 2.0))
            return await disconnect(self, connection_id)

        monkeypatch.setattr(Connections, "disconnect", configure_and_disconnect)
        assert await ferry.service.disconnect() == view.id
        assert (await ferry.connect(sshd)).syncs == ()
        assert await in_thread(active_syncs, ferry, view.id) == 0


async def test_to_disconnect_what_is_being_disconnected_is_fine(
    tmp_path: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    close = RetryingRemote.close
    second: list[str | None] = []

    async with Ferry(tmp_path) as ferry:
        view = await ferry.connect(sshd)

        async def close_and_disconnect(self: RetryingRemote) -> None:
            if not self.is_closed:
                second.append(await ferry.service.disconnect())
            await close(self)

        monkeypatch.setattr(RetryingRemote, "close", close_and_disconnect)
        assert await ferry.service.disconnect() == view.id
        assert second == [None]
