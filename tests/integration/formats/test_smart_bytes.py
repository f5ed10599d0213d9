"""What a smart sync moves of each tool's root on its own: its metadata, and of what holds points the ends at most."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path, PurePosixPath

from tests.support.ferry import Ferry, write_run
from tests.support.foreign_runs import unpack_root
from tests.support.mixed_tree import age
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.formats.run_format import HEAD, TAIL
from runferry.service.modes import ModeRequest
from runferry.service.run_finder import PAUSE
from runferry.store.db import Database
from runferry.store.run_files import Role, RunFiles
from runferry.store.run_list import RunFilter
from runferry.sync.spec import Mode, SessionState

WHOLE = {
    "dvclive": ("params.yaml", "metrics.json"),
    "generic": ("config.json",),
    "hf_trainer": ("all_results.json", "train_results.json"),
    "hydra": (".hydra/*.yaml",),
    "keras_csv": (),
    "lightning": ("hparams.yaml",),
    "mlflow": ("meta.yaml", "params/*", "tags/*"),
    "mlflow_sqlite": ("mlflow.db", "mlflow.db-wal"),
    "runicorn": ("meta.json", "status.json", "summary.json"),
    "sacred": ("run.json", "config.json", "info.json"),
    "swanlab": ("files/config.yaml", "files/swanlab-metadata.json"),
    "tensorboard": (),
    "trackio": ("demo.db", "demo.db-wal"),
    "wandb": (),
}
"""What of each root the table is read from, and must be copied or read whole."""

ENDS = {"swanlab": ("*.swanlab",), "tensorboard": ("*.tfevents.*",), "wandb": ("*.wandb",)}
"""Of what the two ends are read."""

PADDING = 700_000
"""Bytes of noise behind the points of every file that is not to be copied, and of a checkpoint in every directory."""

PER_NAME, PER_ROOT = 300, 20_000
"""Bytes that listing a name and asking for its file may cost, and all else that is said about a root."""


def is_one(path: Path, patterns: tuple[str, ...]) -> bool:
    return any(PurePosixPath(path).match(pattern) for pattern in patterns)


@contextmanager
def logging_to(database: Path) -> Iterator[None]:
    """Hold a database open with committed pages that lie in its log alone, as while a program writes."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA wal_autocheckpoint=0")
        connection.execute("CREATE TABLE noise (bytes BLOB)")
        connection.executemany("INSERT INTO noise VALUES (randomblob(3000))", [()] * 20)
        assert database.with_name(f"{database.name}-wal").stat().st_size > 60_000
        yield


def make_root(tool: str, folder: Path) -> tuple[Path, set[str], int]:
    """Write one tool's root, with much that must stay where it is; return it, its runs, and how many bytes may move."""
    if tool == "runicorn":
        root = folder / tool
        runs = {
            write_run(root, "cv", "yolo", f"20260101_00000{place}_abcdef").relative_to(root).as_posix()
            for place in range(3)
        }
    else:
        sample = unpack_root(tool, folder)
        root, runs = sample.root, set(sample.expected)
    whole, ends = WHOLE[tool], ENDS.get(tool, ())
    for path in [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]:
        if not is_one(path, whole):
            with path.open("ab") as file:
                file.write(os.urandom(PADDING))
    for directory in [path for path in root.rglob("*") if path.is_dir() and not is_one(path / "any", whole)]:
        (directory / "model.ckpt").write_bytes(os.urandom(PADDING))
    age(root, 3600)
    found = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    most = sum(path.stat().st_size for path in found if is_one(path, whole))
    most += sum(min(path.stat().st_size, HEAD + TAIL) for path in found if is_one(path, ends))
    return root, runs, most + PER_NAME * sum(1 for _ in root.rglob("*")) + PER_ROOT


async def list_in(ferry: Ferry, root: Path) -> set[str]:
    """Return the directories of the runs that are listed below one root."""
    views, _ = await ferry.service.list_runs(RunFilter())
    return {view.path for view in views if view.remote_dir.startswith(f"{root}/")}


async def count_received(ferry: Ferry) -> int:
    status = await ferry.service.status()
    assert status.current is not None
    return status.current.received_bytes


async def take(ferry: Ferry, root: Path, runs: set[str]) -> int:
    """Sync a root; return how many bytes have come when all its runs are told."""
    before = await count_received(ferry)
    sync_id = (await ferry.service.configure_mode(ModeRequest(Mode.SMART, str(root), 600.0))).record.id

    async def are_listed() -> bool:
        return len(await list_in(ferry, root)) == len(runs)

    await eventually(are_listed, within=20, what=f"the runs of {root.name}")

    def are_told() -> bool:
        with closing(Database(ferry.data_dir / "runferry.db")) as db:
            db.open()
            return all(file.version for file, _ in RunFiles(db).list_held(sync_id, Role.EXCERPT))

    await eventually(are_told, within=20, every=PAUSE, what="the ends of all files to be read")

    async def is_calm() -> bool:
        status = await ferry.service.status()
        assert status.current is not None
        (sync,) = (one for one in status.current.syncs if one.record.id == sync_id)
        return sync.progress.state is SessionState.WATCHING

    await eventually(is_calm, within=20)
    return await count_received(ferry) - before


async def test_each_tools_root_is_listed_by_its_metadata_alone(sshd: Sshd, tmp_path: Path) -> None:
    moved: dict[str, tuple[int, int]] = {}
    async with Ferry(tmp_path / "ferry") as ferry:
        await ferry.connect(sshd)
        for tool in WHOLE:
            with ExitStack() as stack:
                root, runs, most = make_root(tool, tmp_path / "server")
                for database in root.rglob("*.db"):
                    size = database.stat().st_size
                    stack.enter_context(logging_to(database))
                    most += database.with_name(f"{database.name}-wal").stat().st_size + database.stat().st_size - size
                moved[tool] = await take(ferry, root, runs), most
    assert {tool: one for tool, one in moved.items() if one[0] > one[1]} == {}, moved
