"""A power failure, as far as it can be shown without one: another boot id, and files the disk has torn."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.ferry import Ferry, files_below, write_run
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.store.checkpoint import Checkpoints
from runferry.store.db import Database


async def test_files_torn_by_a_power_failure_are_found_by_their_hash_and_fetched_again(
    tmp_path: Path, sshd: Sshd
) -> None:
    root = tmp_path / "remote"
    run = write_run(root, "p", "n", "20260101_000000_aaaaaa")
    (run / "model.pt").write_bytes(os.urandom(1_000_000))
    old = 1_700_000_000
    for path in root.rglob("*"):
        os.utime(path, (old, old))
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        local = await ferry.keep(root)
        with (run / "events.jsonl").open("a") as file:
            file.write('{"appended": true}\n')
        log = local / (run / "events.jsonl").relative_to(root)
        await eventually(lambda: log.read_bytes() == (run / "events.jsonl").read_bytes())
        await ferry.in_step()
    for name in ("status.json", "model.pt", "events.jsonl"):
        torn = local / (run / name).relative_to(root)
        torn.write_bytes(bytes(torn.stat().st_size))  # the right length, and nothing but zeros
    lose_power(tmp_path / "data" / "runferry.db")
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        expected = {path: data for path, data in files_below(root).items() if not path.endswith(".lock")}
        await eventually(lambda: files_below(local) == expected, within=20)


def lose_power(index: Path) -> None:
    """Let the index believe that it was last written under another boot."""
    db = Database(index)
    db.open()
    Checkpoints(db, boot_id=lambda: "another boot").open()
    db.close()
