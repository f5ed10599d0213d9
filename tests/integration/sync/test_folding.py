"""Mirroring to a volume that folds names. This machine's does not, so the probe is told to say that it does."""

from __future__ import annotations

import os
from pathlib import Path
from unicodedata import normalize

import pytest
from tests.support.ferry import Ferry, files_below, write_run
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.store.files import LocalTree
from runferry.store.run_list import RunFilter

COLLIDING = ("Model.pt", "model.pt", "MODEL.pt", "Logs/a.log", "logs/a.log", "logs/A.log", "é.txt", "e\u0301.txt")


@pytest.fixture
def remote(tmp_path: Path) -> Path:
    root = tmp_path / "remote"
    for path in COLLIDING:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(f"this is {path}\n")
    write_run(root, "Vision", "ResNet", "20260101_000000_aaaaaa")
    write_run(root, "vision", "resnet", "20260101_000001_bbbbbb")
    for made in root.rglob("*"):
        os.utime(made, (1_700_000_000, 1_700_000_000))
    return root


def make_ferry(folder: Path) -> Ferry:
    return Ferry(folder, probe_volume=lambda staging: True)


def remote_bytes(root: Path) -> dict[str, bytes]:
    return {path: data for path, data in files_below(root).items() if not path.endswith(".lock")}


def local_bytes(local: Path) -> dict[str, bytes]:
    """Return the local files by their remote paths."""
    tree = LocalTree(local, local)
    return {path: Path(tree.locate(path)).read_bytes() for path in tree.list_files()}


async def test_names_that_fold_to_one_are_kept_apart_and_followed(tmp_path: Path, sshd: Sshd, remote: Path) -> None:
    async with make_ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        local = await ferry.keep(remote)
        assert local_bytes(local) == remote_bytes(remote)
        on_disk = {normalize("NFC", str(path.relative_to(local)).casefold()) for path in local.rglob("*")}
        assert len(on_disk) == len(list(local.rglob("*"))), "no volume would take two of them for one"
        assert (local / "model.pt").exists(), "plain names stay as they are"
        with (remote / "logs/A.log").open("a") as file:
            file.write("one more line\n")
        (remote / "MODEL.pt").write_text("new")
        await eventually(lambda: local_bytes(local) == remote_bytes(remote))
        runs, total = await ferry.service.list_runs(RunFilter())
        assert total == 2
        assert all(Path(run.run_dir, "meta.json").is_file() for run in runs)


async def test_after_a_restart_nothing_is_copied_again(tmp_path: Path, sshd: Sshd, remote: Path) -> None:
    async with make_ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        local = await ferry.keep(remote)
    async with Ferry(tmp_path) as ferry:  # the copy remembers how its names are kept, whatever the probe says
        await ferry.connect(sshd)
        assert await ferry.keep(remote) == local
        assert (await ferry.sync()).progress.copied_files == 0
        assert local_bytes(local) == remote_bytes(remote)
