"""A live run at 50 lines a second, through a cut, an SSH server's restart and ``kill -9``: no line lost, none twice."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.live_run import LiveRun, Trouble, Watcher, compare
from tests.support.network import Proxy
from tests.support.served import ServedRunferry
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

LINES = 1000


@pytest.mark.timeout(150)  # the training alone writes for 20 s, and the machine may be busy
async def test_a_live_run_arrives_whole_whatever_breaks_in_between(tmp_path: Path, sshd: Sshd, home: Path) -> None:
    live = LiveRun(tmp_path / "remote", lines=LINES)
    async with Proxy(sshd.port) as proxy, ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd, proxy.port)
        await served.mirror(tmp_path / "remote")
        await eventually(served.is_watching, within=20, every=0.1)
        trouble, watcher = Trouble(served, proxy, sshd), Watcher(served)
        async with live.writing(), watcher.watching():
            for number, break_it in enumerate(trouble.kinds, start=1):
                await live.reaches(number * LINES // 4)
                await break_it()
            await live.reaches(LINES)
            await compare(live, served, watcher, within=40)
        assert watcher.breaks, "it was killed while it was watched"
