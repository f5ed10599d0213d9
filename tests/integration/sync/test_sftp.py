"""Mirror mode over SFTP alone, where a file's time tells the second of its last change and no more."""

from __future__ import annotations

import asyncio
import os
import time
from pathlib import Path

import pytest
from tests.conftest import MakeSshd
from tests.support.ferry import Ferry
from tests.support.waiting import eventually

SMALL, BIG = 1_000, 300_000


@pytest.mark.parametrize("size", [SMALL, BIG])
async def test_the_last_of_many_rewrites_within_one_second_is_what_stays(
    tmp_path: Path, make_sshd: MakeSshd, size: int
) -> None:
    root = tmp_path / "remote"
    root.mkdir()
    file = root / "model.pt"
    file.write_bytes(os.urandom(size))
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(make_sshd(sftp_only=True))
        local = await ferry.keep(root, interval=1.0)
        await eventually(lambda: time.time() % 1 < 0.1, what="a second to begin")
        end, data = int(time.time()) + 0.9, b""
        while time.time() < end:
            data = os.urandom(size)
            file.write_bytes(data)
            await asyncio.sleep(0)
        await eventually(lambda: (local / "model.pt").read_bytes() == data, within=15, what="the last of them")
        await ferry.in_step()
        assert (local / "model.pt").read_bytes() == data
