"""The soak of ``scripts/soak load``, with everything it looks at, for a moment: that it works is known before it is
left alone for an hour, and what takes more with every break is seen on the day it comes in.
"""

from __future__ import annotations

from pathlib import Path

from tests.faults.load import soak_load
from tests.support.fleet import Load

SHORT = Load(servers=3, runs=12, live=6, rate=2.0, pause=0.5)


async def test_after_many_breaks_all_is_the_same_and_nothing_is_left_behind(tmp_path: Path) -> None:
    figures = await soak_load(tmp_path, SHORT, seconds=2.5, idle=0.5, is_restarted=False)
    assert figures["breaks"] >= 4
