"""A few seconds of what ``scripts/soak load`` does for minutes, with few servers."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.faults.load import soak_load
from tests.support.fleet import Load


@pytest.mark.timeout(120)  # links that are cut come back after a pause, and the machine may be busy
async def test_servers_with_live_runs_are_the_same_after_cuts_and_nothing_is_left(tmp_path: Path) -> None:
    load = Load(servers=3, runs=12, live=6, rate=2.0, pause=0.7)
    figures = await soak_load(tmp_path, load, seconds=3, idle=0.1, is_restarted=False)
    assert figures["links broken"] >= 3
