"""Readers of a live log that are slow, or leave: they cost the server next to nothing."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.ferry import write_run
from tests.support.listening import listening
from tests.support.served import ServedRunferry
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.blocking import in_thread

RUN = "20260101_120000_abc123"
LINES, WIDTH = 100_000, 1000


async def test_a_reader_that_stops_reading_is_not_read_ahead_for(tmp_path: Path, sshd: Sshd, home: Path) -> None:
    root = tmp_path / "remote"
    log = write_run(root, "p", "n", RUN) / "logs.txt"
    log.write_text("".join(f"{number:0{WIDTH}}\n" for number in range(LINES)))
    os.utime(log, (1_700_000_000, 1_700_000_000))
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        await served.mirror(root)
        await eventually(served.is_watching, within=30, every=0.1)
        (await served.api.get(f"/runs/{RUN}/logs", params={"tail": 1})).raise_for_status()
        before = served.memory()

        def read_slowly() -> tuple[int, int]:
            with (
                listening(served.url, RUN, tail="all") as listener,
                listening(served.url, RUN, tail="all") as never_read,
            ):
                first = listener.take(100)
                assert [int(line) for line in first] == list(range(100))
                grown = served.memory() - before
                rest = listener.take(LINES - 100)
                assert [int(line) for line in rest] == list(range(100, LINES))
                assert int(never_read.next()) == 0
                return grown, served.memory() - before

        grown = await in_thread(read_slowly)
    assert max(grown) < 25_000_000, f"{grown} bytes for readers of {LINES * WIDTH} bytes"
