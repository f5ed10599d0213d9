"""A whole Runferry in the test's event loop, and trees to compare: what users have, without HTTP in between."""

from __future__ import annotations

import asyncio
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType

from runferry.config import DEFAULT_DISK_RESERVE, Settings
from runferry.service.connections import ConnectRequest
from runferry.service.modes import ModeRequest
from runferry.service.service import Service
from runferry.service.views import ConnectionView, SyncView
from runferry.ssh.credentials import Credentials
from runferry.ssh.target import Target
from runferry.store.db import Database
from runferry.store.files import probe_volume
from runferry.store.sync_state import FileRecord, SyncState
from runferry.sync.plan import RACY_NS
from runferry.sync.safety import SECOND_LOOK_AFTER
from runferry.sync.spec import Mode, SessionState
from tests.support.sshd import Sshd
from tests.support.waiting import eventually


class Ferry:
    """A service on its own data directory, connected to test servers; an asynchronous context manager."""

    def __init__(
        self,
        folder: Path,
        *,
        second_look_after: float = SECOND_LOOK_AFTER,
        probe_volume: Callable[[Path], bool] = probe_volume,
        disk_reserve: int = DEFAULT_DISK_RESERVE,
    ) -> None:
        self.data_dir = folder / "data"
        settings = Settings(
            self.data_dir,
            ssh_config=folder / "no-config",
            user_known_hosts=folder / "no-known-hosts",
            disk_reserve_bytes=disk_reserve,
        )
        self.service = Service(settings, second_look_after=second_look_after, probe_volume=probe_volume)

    async def __aenter__(self) -> Ferry:
        await self.service.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.service.close()

    async def connect(self, sshd: Sshd, *, port: int | None = None) -> ConnectionView:
        target = Target(sshd.host, port or sshd.port, sshd.username)
        credentials = Credentials(private_key_path=str(sshd.client_key_path), use_agent=False)
        return await self.service.connect(ConnectRequest(target, credentials))

    async def keep(self, root: Path | str, mode: Mode = Mode.MIRROR, *, interval: float = 2.0) -> Path:
        """Configure a sync, wait for its first round, and return the local root."""
        view = await self.service.configure_mode(ModeRequest(mode, str(root), interval))
        await self.in_step(mode)
        return Path(view.local_root)

    def begin(self, root: Path | str, mode: Mode = Mode.MIRROR) -> asyncio.Task[Path]:
        """Do as ``keep`` does, in a task."""
        return asyncio.create_task(self.keep(root, mode))

    async def sync(self, mode: Mode = Mode.MIRROR) -> SyncView:
        status = await self.service.status()
        assert status.current is not None
        found = status.current.find_sync(mode)
        assert found is not None
        return found

    def records(self, sync_id: int) -> dict[str, FileRecord]:
        """Return what the index, read from outside, says of every file."""
        db = Database(self.data_dir / "runferry.db")
        db.open()
        try:
            return SyncState(db, sync_id).load()
        finally:
            db.close()

    def record_of(self, sync_id: int, path: str) -> FileRecord:
        return self.records(sync_id)[path]

    async def in_step(self, mode: Mode = Mode.MIRROR, *, within: float = 30.0) -> SyncView:
        """Wait until the sync has nothing left to do."""

        async def is_in_step() -> SyncView | None:
            view = await self.sync(mode)
            return view if view.progress.state in {SessionState.WATCHING, SessionState.IDLE} else None

        view = await eventually(is_in_step, within=within, what="the sync to be in step")
        assert view is not None
        return view


def files_below(root: Path) -> dict[str, bytes]:
    """Return the bytes of every regular file by its relative path."""
    found: dict[str, bytes] = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            with suppress(FileNotFoundError):
                if stat.S_ISREG(path.lstat().st_mode):
                    found[path.relative_to(root).as_posix()] = path.read_bytes()
    return found


async def until_left_alone(root: Path) -> None:
    """Wait until no file below was written a moment ago: one that is read any sooner may stand for two contents."""
    newest = max(path.lstat().st_ctime_ns for path in (root, *root.rglob("*")))
    await eventually(lambda: time.time_ns() - newest > RACY_NS, what=f"{root} to have been left alone")


def directories_below(root: Path) -> set[str]:
    return {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_dir() and not path.is_symlink()}


def write_run(root: Path, project: str, name: str, run_id: str, *, lines: int = 20) -> Path:
    """Write a small finished run in the Runicorn 0.4 layout and return its directory."""
    run = root / project / name / "runs" / run_id
    (run / "media").mkdir(parents=True)
    (run / "meta.json").write_text(
        f'{{"id": "{run_id}", "project": "{project}", "name": "{name}", "created_at": 1700000000.5, "pid": 4242,'
        ' "hostname": "gpu1"}'
    )
    (run / "status.json").write_text('{\n  "status": "finished",\n  "started_at": 1700000000.5\n}')
    (run / "summary.json").write_text('{"best_metric_value": 0.9, "best_metric_name": "acc"}')
    events = (
        f'{{"ts": 1, "type": "metrics", "data": {{"loss": {1 / (step + 1):.6f}, "global_step": {step}}}}}\n'
        for step in range(lines)
    )
    (run / "events.jsonl").write_text("".join(events))
    (run / "events.jsonl.lock").touch()
    (run / "logs.txt").write_text("".join(f"12:00:00 | step {step}\n" for step in range(lines)))
    (run / "media" / "1_abcdef_sample.png").write_bytes(os.urandom(500))
    return run


def run_directories(count: int) -> Iterator[tuple[str, str, str]]:
    """Yield (project, name, run id) for as many runs."""
    for number in range(count):
        yield f"project{number % 7}", f"name{number % 3}", f"20260101_{number:06d}_{number:06x}"
