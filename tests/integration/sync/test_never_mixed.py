"""Files that are rewritten, evicted, followed and read all at once: whatever is given is one version of the file."""

from __future__ import annotations

import asyncio
import os
import random
from contextlib import suppress
from pathlib import Path

from tests.integration.sync.test_demand import RUN, keep_smart
from tests.support.ferry import Ferry, write_run
from tests.support.sshd import Sshd

from runferry.errors import RunferryError
from runferry.service.files import Files

ID = RUN.rpartition("/")[2]
BLOCK = 1000
SIZES = (300, 200_000, 700_000)
"""One that is read with many others, one near the limit of that, and one that is fetched by ranges."""


def make_version(number: int, size: int) -> bytes:
    """Return bytes that say throughout which version they are of."""
    block = f"{number:09d}\n".encode() * (BLOCK // 10)
    return (block * (size // BLOCK + 1))[: size + number % 7 * 10]


def is_one_version(data: bytes, size: int) -> bool:
    return data == make_version(int(data[:9]), size)


def replace(path: Path, data: bytes) -> None:
    """Never in place: bytes that are torn on the server itself nobody can tell."""
    new = path.with_name(f".{path.name}.tmp")
    new.write_bytes(data)
    new.replace(path)


async def read(files: Files, name: str, rng: random.Random) -> bytes | None:
    """Return a whole file, or None where it was said that it cannot be had now."""
    spot = await files.locate(ID, name)
    try:
        opened = await files.open(spot)
    except RunferryError:
        return None
    parts: list[bytes] = []
    try:
        async for part in files.read_checked(opened, spot, 0, opened.facts.size):
            parts.append(part)
            if rng.random() < 0.2:
                await asyncio.sleep(0)
    except RunferryError:
        return None
    finally:
        await opened.close()
    data = b"".join(parts)
    assert len(data) == opened.facts.size
    return data


async def test_whoever_reads_gets_one_version_whatever_else_goes_on(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    run = write_run(root, "p", "n", ID)
    names = {f"{number}.bin": size for number, size in enumerate(SIZES)}
    for name, size in names.items():
        (run / name).write_bytes(make_version(0, size))
    async with Ferry(tmp_path) as ferry:
        service = ferry.service
        await ferry.connect(sshd)
        _, sync_id = await keep_smart(ferry, root)
        over = asyncio.Event()
        whole = 0

        async def pause(seconds: float) -> None:
            with suppress(TimeoutError):
                await asyncio.wait_for(over.wait(), seconds)

        async def rewrite(name: str, size: int) -> None:
            rng, number = random.Random(name), 0
            while not over.is_set():
                number += 1
                await asyncio.to_thread(replace, run / name, make_version(number, size))
                await pause(rng.choice((0.02, 0.3, 2.4)))

        async def read_on(name: str, size: int, seed: int) -> None:
            nonlocal whole
            rng = random.Random(seed)
            while not over.is_set():
                data = await read(service.files, name, rng)
                if data is not None:
                    assert is_one_version(data, size), f"{name}: {data[:9]!r} ... {data[-9:]!r}"
                    whole += 1

        async def evict() -> None:
            while not over.is_set():
                await service.cache.clear()
                await pause(0.15)

        async def follow() -> None:
            rng = random.Random(1)
            while not over.is_set():
                with service.demand.follow(sync_id, [f"{RUN}/{rng.choice(list(names))}"]):
                    await pause(rng.random() / 5)
                await pause(0.05)

        works = [
            *(rewrite(name, size) for name, size in names.items()),
            *(read_on(name, size, seed) for name, size in names.items() for seed in range(3)),
            evict(),
            follow(),
        ]
        tasks = [asyncio.create_task(work) for work in works]
        done, _ = await asyncio.wait(tasks, timeout=12, return_when=asyncio.FIRST_EXCEPTION)
        over.set()
        for task in done:
            task.result()
        await asyncio.wait(tasks, timeout=20)
        for task in tasks:
            if not task.done():
                task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        assert whole > 30, whole
        for name, size in names.items():
            os.utime(run / name, (1.7e9, 1.7e9))
            data = await read(service.files, name, random.Random(0))
            assert data == (run / name).read_bytes(), (name, size)
