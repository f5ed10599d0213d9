"""Readers of the local copy while the server rewrites: nothing is ever torn, nothing ever goes backwards."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.support.ferry import Ferry, write_run
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

SECONDS = 20.0


@contextmanager
def running(*loops: Callable[[], None]) -> Iterator[threading.Event]:
    """Call each function every millisecond in a thread of its own until the block ends; re-raise what one raised."""
    stop = threading.Event()

    def repeat(loop: Callable[[], None]) -> None:
        try:
            while not stop.wait(0.001):
                loop()
        finally:
            stop.set()

    with ThreadPoolExecutor(len(loops)) as pool:
        repeating = [pool.submit(repeat, loop) for loop in loops]
        try:
            yield stop
        finally:
            stop.set()
    for loop in repeating:
        loop.result()


async def test_local_json_is_never_empty_or_partial_while_it_is_rewritten_in_place(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    run = write_run(root, "p", "n", "20260101_000000_aaaaaa")
    numbers = iter(range(10**9))
    seen: list[int] = []

    def rewrite() -> None:
        number = next(numbers)
        body = json.dumps({"status": "running", "count": number, "padding": "x" * (number % 3000)}, indent=2)
        with (run / "status.json").open("w") as file:  # truncates first, as the tools do
            for start in range(0, len(body), 700):
                file.write(body[start : start + 700])
                file.flush()

    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        rewrite()
        local = await ferry.keep(root) / run.relative_to(root) / "status.json"

        def read() -> None:
            document = json.loads(local.read_bytes())
            if document["count"] != (seen[-1] if seen else None):
                seen.append(document["count"])

        with running(rewrite, read) as stop:
            deadline = time.monotonic() + SECONDS
            await eventually(lambda: stop.is_set() or time.monotonic() > deadline, within=SECONDS + 5, every=0.2)
        expected = (run / "status.json").read_bytes()
        await eventually(lambda: local.read_bytes() == expected, within=5)
    assert len(seen) > 20, "the copy followed the rewriting"
    assert seen == sorted(seen), "versions never go backwards"


async def test_a_growing_local_log_is_always_a_byte_prefix_of_the_remote_one(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    run = write_run(root, "p", "n", "20260101_000000_aaaaaa")
    path = run / "events.jsonl"
    numbers = iter(range(10**9))
    lengths: list[int] = []

    with path.open("ab", buffering=0) as file:

        def append() -> None:
            file.write(b'{"line": %d, "noise": "%s"}\n' % (next(numbers), os.urandom(200).hex().encode()))

        async with Ferry(tmp_path) as ferry:
            await ferry.connect(sshd)
            local = await ferry.keep(root) / path.relative_to(root)

            def read() -> None:
                mine = local.read_bytes()
                with path.open("rb") as remote:
                    assert remote.read(len(mine)) == mine
                lengths.append(len(mine))

            with running(append, read) as stop:
                deadline = time.monotonic() + SECONDS / 2
                await eventually(lambda: stop.is_set() or time.monotonic() > deadline, within=SECONDS, every=0.2)
            expected = path.read_bytes()
            await eventually(lambda: local.read_bytes() == expected, within=5)
    assert lengths == sorted(lengths)
    assert len(set(lengths)) > 20
