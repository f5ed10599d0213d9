"""``kill -9`` of Runferry in the middle of its work: nothing that landed is copied again, nothing is torn."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.ferry import files_below, until_left_alone
from tests.support.network import Proxy
from tests.support.served import ServedRunferry
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

SMALL_FILES, SMALL_SIZE, BIG_SIZE = 3000, 20_000, 120_000_000


def make_tree(root: Path) -> dict[str, bytes]:
    for number in range(SMALL_FILES):
        folder = root / f"run{number // 100}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.bin").write_bytes(os.urandom(SMALL_SIZE))
    (root / "model.pt").write_bytes(os.urandom(BIG_SIZE))
    for path in root.rglob("*"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    return files_below(root)


async def test_kill_9_in_mid_mirror_and_restart_copies_only_what_is_missing(
    tmp_path: Path, sshd: Sshd, home: Path
) -> None:
    remote = make_tree(tmp_path / "remote")
    total = sum(map(len, remote.values()))
    async with Proxy(sshd.port, delay=0.01) as proxy, ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd, proxy.port)
        await until_left_alone(tmp_path / "remote")
        await served.mirror(tmp_path / "remote")
        await eventually(lambda: proxy.bytes_down > total * 0.6, within=30, every=0.002)
        served.kill()
        first = proxy.bytes_down
        landed = landed_bytes(tmp_path / "data")
        assert landed < total, "it was killed in the middle"
        await eventually(lambda: not sshd.command_pids(), within=60, what="the agent to end")
        await served.start()
        await served.connect(sshd, proxy.port)
        await eventually(served.is_watching, within=40, every=0.1)
        local = Path((await served.sync())["local_root"])
        assert files_below(local) == remote
        again = proxy.bytes_down - first
    assert again < total - landed + 8_000_000, f"{again} bytes for {total - landed} that were missing"


def landed_bytes(data_dir: Path) -> int:
    """Return how many of the tree's bytes are on disk, in place or staged."""
    return sum(len(data) for path, data in files_below(data_dir).items() if path.startswith(("mirror", "staging")))
