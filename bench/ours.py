"""Runferry as a contestant: the whole service in this process, as ``runferry serve`` has it, without its HTTP."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.support.ferry import Ferry
from tests.support.waiting import eventually

from bench import peers
from bench.lab import Lab
from runferry.blocking import in_thread
from runferry.ingest.series import SeriesIngest
from runferry.service.events import Subscription
from runferry.service.modes import ModeRequest
from runferry.store.db import Database
from runferry.sync.spec import Mode, SessionState

INTERVAL = 2.0
"""The API's own default for a mirror, in seconds."""

_TIMEOUT = 900.0


async def first_sync(lab: Lab, port: int, source: Path, folder: Path) -> float:
    """Mirror ``source`` into a fresh data directory: from dialling to the last file landed, committed and indexed."""
    async with Ferry(folder) as ferry:
        began = time.perf_counter()
        async with ferry.service.events.subscribe() as events:
            await ferry.connect(lab.sshd, port=port)
            await ferry.service.configure_mode(ModeRequest(Mode.MIRROR, str(source), INTERVAL))
            await wait_in_step(events)
        return time.perf_counter() - began


async def next_sync(folder: Path) -> float:
    """Open a data directory whose mirror is in step: it dials by itself, looks at everything, and has nothing to do."""
    ferry = Ferry(folder)
    began = time.perf_counter()
    async with ferry.service.events.subscribe() as events, ferry:
        await wait_in_step(events)
        return time.perf_counter() - began


async def copy_and_read(lab: Lab, port: int, source: Path, folder: Path) -> None:
    """Make a copy as ``first_sync`` does, and wait until its series have been read, too: nothing is left to do."""
    async with mirroring(lab, port, source, folder) as (ferry, _):
        db = Database(ferry.data_dir / "runferry.db")
        await in_thread(db.open)
        ingest, sync_id = SeriesIngest(db), (await ferry.sync()).record.id
        await eventually(lambda: not ingest.find_behind(sync_id), within=_TIMEOUT, every=0.2)
        await in_thread(db.close)


@asynccontextmanager
async def mirroring(lab: Lab, port: int, source: Path, folder: Path) -> AsyncIterator[tuple[Ferry, Path]]:
    """Keep a mirror of ``source``, in step at first; yields the service and the local root."""
    async with Ferry(folder) as ferry:
        await ferry.connect(lab.sshd, port=port)
        async with ferry.service.events.subscribe() as events:
            view = await ferry.service.configure_mode(ModeRequest(Mode.MIRROR, str(source), INTERVAL))
            await wait_in_step(events)
        yield ferry, Path(view.local_root)


async def command(lab: Lab, port: int, source: Path, folder: Path) -> float:
    """Run ``runferry sync --once`` as a process of its own: it starts, logs in, copies, and ends."""
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    (data / "settings.toml").write_text(
        f'ssh_config = "{folder / "no-config"}"\nuser_known_hosts = "{folder / "no-known-hosts"}"\n'
    )
    runferry = (sys.executable, "-m", "runferry", "sync", "--once", "-i", str(lab.sshd.client_key_path))
    place = f"{lab.login}:{port}:{source}"
    return await peers.run((*runferry, "--data-dir", str(data), place), stdout=subprocess.DEVNULL)


async def wait_in_step(events: Subscription) -> None:
    """Wait until a sync says that nothing is left to do."""
    await wait_for_state(events, SessionState.WATCHING, SessionState.IDLE)


async def wait_for_state(events: Subscription, *states: SessionState) -> None:
    """Wait until a sync says that it is in one of these states."""
    async with asyncio.timeout(_TIMEOUT):
        async for event in events:
            if event.kind == "sync" and event.data["state"] in states:
                return
            failed = event.kind == "sync" and event.data["state"] == SessionState.FAILED
            assert not failed, f"the sync failed: {event.data.get('last_error')}"
    raise AssertionError("the service ended")


def find_copy(folder: Path) -> Path:
    """Return the local root of the only mirror in a data directory."""
    (server,) = (folder / "data" / "mirror").iterdir()
    (root,) = server.iterdir()
    return root
