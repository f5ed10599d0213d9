"""Links that break in the middle of a file and between polls: said so, mended without being asked, identical."""

from __future__ import annotations

import os
import time
from contextlib import AsyncExitStack
from pathlib import Path

from tests.conftest import MakeSshd
from tests.support.ferry import Ferry, files_below, write_run
from tests.support.network import Proxy
from tests.support.sshd import Sshd
from tests.support.waiting import eventually


async def test_a_link_cut_in_mid_file_is_mended_and_the_file_goes_on_where_it_was(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    run = write_run(root, "p", "n", "20260101_000000_aaaaaa")
    big = run / "model.pt"
    size = 150_000_000
    big.write_bytes(os.urandom(size))
    os.utime(big, (1_700_000_000, 1_700_000_000))
    async with Ferry(tmp_path) as ferry, Proxy(sshd.port, delay=0.01) as proxy:
        await ferry.connect(sshd, port=proxy.port)
        keeping = ferry.begin(root)
        await eventually(lambda: proxy.bytes_down > size * 0.5, within=30, every=0.002)
        proxy.cut()

        async def says_so() -> bool:
            status = await ferry.service.status()
            return status.current is not None and status.current.state == "reconnecting"

        await eventually(says_so, within=5, every=0.001)
        local = await keeping
        assert files_below(local) == {k: v for k, v in files_below(root).items() if not k.endswith(".lock")}
        assert proxy.bytes_down < size * 1.3, "what had arrived was not fetched again"
        status = await ferry.service.status()
        assert status.current is not None
        assert status.current.is_connected


async def test_a_link_cut_between_polls_is_mended_and_what_happened_meanwhile_arrives(
    tmp_path: Path, sshd: Sshd
) -> None:
    root = tmp_path / "remote"
    run = write_run(root, "p", "n", "20260101_000000_aaaaaa")
    async with Ferry(tmp_path) as ferry, Proxy(sshd.port) as proxy:
        await ferry.connect(sshd, port=proxy.port)
        local = await ferry.keep(root)
        proxy.is_accepting = False
        proxy.cut()
        with (run / "events.jsonl").open("a") as file:
            file.write('{"while": "away"}\n')
        (run / "status.json").write_text('{"status": "failed"}')
        write_run(root, "p", "n", "20260101_000001_bbbbbb")
        await eventually(lambda: proxy.links == 0)
        proxy.is_accepting = True
        expected = {k: v for k, v in files_below(root).items() if not k.endswith(".lock")}
        await eventually(lambda: files_below(local) == expected, within=20, every=0.1)
        copied = (await ferry.in_step()).progress.copied_files
        assert copied < 20, "only what differed was fetched"


async def test_no_agent_outlives_its_client(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    write_run(root, "p", "n", "20260101_000000_aaaaaa")
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        await ferry.keep(root)
        assert sshd.command_pids()
    await eventually(lambda: not sshd.command_pids(), within=10)


async def test_it_ends_as_soon_with_many_silent_servers_as_with_one(tmp_path: Path, make_sshd: MakeSshd) -> None:
    root = tmp_path / "remote"
    write_run(root, "p", "n", "20260101_000000_aaaaaa")
    async with AsyncExitStack() as stack:
        sshds = [make_sshd() for _ in range(4)]
        proxies = [await stack.enter_async_context(Proxy(sshd.port)) for sshd in sshds]
        ferry = await stack.enter_async_context(Ferry(tmp_path))
        for sshd, proxy in zip(sshds, proxies, strict=True):
            await ferry.connect(sshd, port=proxy.port)
            await ferry.keep(root)
        for proxy in proxies:
            proxy.freeze()
        began = time.monotonic()
        await ferry.service.close()
        assert time.monotonic() - began < 9, "one silent server may take 5 s"
