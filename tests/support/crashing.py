"""A Runferry that is killed at the N-th step of its work on the disk: a program of the tests, no part of the product.

``python -m tests.support.crashing`` imports everything once and then forks a child for each line on its stdin: a JSON
object of a ``Job``. The child counts its steps (each call by which files land or go, each write half done and whole,
each statement of a migration, each commit) and ends itself with SIGKILL at the one it was told. The answer is a line of
JSON.
"""

from __future__ import annotations

import asyncio
import functools
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, event

from runferry.config import Settings
from runferry.errors import Ambiguous, NotFound
from runferry.service.connections import ConnectRequest
from runferry.service.logs import LogQuery
from runferry.service.modes import ModeRequest
from runferry.service.service import Service
from runferry.ssh.credentials import Credentials
from runferry.ssh.target import Target
from runferry.store.db import Database
from runferry.store.migrations import HEAD
from runferry.sync.spec import Mode, SessionState
from tests.support.ferry import files_below
from tests.support.waiting import eventually

RUN_ID, OTHER_ID = "20260101_000000_aaaaaa", "20260101_000001_bbbbbb"
RUN, OTHER = f"p/n/runs/{RUN_ID}", f"p/n/runs/{OTHER_ID}"
LINES = 40
OLD = 1_700_000_000


@dataclass(frozen=True, slots=True)
class Job:
    """Where to work, which server to ask, and at which step to die (0: at none)."""

    folder: str
    port: int
    key: str
    user: str
    die_at: int
    is_migration: bool = False


def make_events(lines: int, factor: float) -> bytes:
    """Return the events of a run whose loss at each step is ``factor`` divided by what the step counts as."""
    rows = (
        f'{{"ts": {step + 1}, "type": "metrics", "data": {{"loss": {factor / (step + 1)}, "global_step": {step}}}}}\n'
        for step in range(lines)
    )
    return "".join(rows).encode()


def make_meta(run_id: str) -> bytes:
    return f'{{"id": "{run_id}", "project": "p", "name": "n", "created_at": 1700000000.5}}'.encode()


BEFORE: dict[str, bytes] = {
    f"{RUN}/meta.json": make_meta(RUN_ID),
    f"{RUN}/status.json": b'{"status": "running", "started_at": 1700000000.5}',
    f"{RUN}/events.jsonl": make_events(LINES // 2, 1.0),
    f"{RUN}/logs.txt": b"".join(b"first generation %d\n" % number for number in range(40)),
    f"{RUN}/model.pt": b"m" * 300_000,
    f"{OTHER}/meta.json": make_meta(OTHER_ID),
    f"{OTHER}/events.jsonl": make_events(LINES // 2, 2.0),
}
AFTER: dict[str, bytes] = BEFORE | {
    f"{RUN}/status.json": b'{"status": "finished", "started_at": 1700000000.5, "ended_at": 1700000100.5}',
    f"{RUN}/events.jsonl": make_events(LINES, 1.0),  # appended to
    f"{RUN}/logs.txt": b"".join(b"second generation %d\n" % number for number in range(60)),  # begun anew
    f"{RUN}/model.pt": b"n" * 300_001,
    f"{OTHER}/events.jsonl": make_events(LINES, 4.0),  # begun anew
}


def write_before(root: Path) -> None:
    """Lay out the server's tree as it is at first; everything looks old."""
    for name, data in BEFORE.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
        os.utime(file, (OLD, OLD))


def write_after(root: Path) -> None:
    """Bring the tree to its end, whatever of that has happened already: append, rename over, replace."""
    for name, data in AFTER.items():
        file = root / name
        held = file.read_bytes()
        if held == data:
            continue
        if data.startswith(held):
            with file.open("ab", buffering=0) as log:
                log.write(data[len(held) :])
        else:
            new = root.parent / "new"
            new.write_bytes(data)
            os.utime(new, (OLD + 5, OLD + 5))
            new.replace(file)


class Steps:
    """Counts, and dies at the one it was told. What is counted is wrapped here, in this process alone."""

    def __init__(self, die_at: int, data_dir: Path) -> None:
        self.count = 0
        self._die_at = die_at
        self._data_dir = os.fspath(data_dir)

    def take(self) -> None:
        self.count += 1
        if self.count == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)

    def watch(self) -> None:
        for name in ("replace", "rename", "mkdir", "unlink", "remove", "rmdir", "truncate", "link", "utime", "open"):
            self._wrap(name)
        for name in ("ftruncate", "fsync"):
            setattr(os, name, self._before(getattr(os, name)))
        os.pwrite = self._in_halves(os.pwrite)
        event.listen(Engine, "commit", lambda connection: self.take())
        event.listen(Engine, "before_cursor_execute", self._take_schema)

    def _wrap(self, name: str) -> None:
        call = getattr(os, name)

        @functools.wraps(call)
        def watched(path: Any, *args: Any, **kwargs: Any) -> Any:
            is_ours = isinstance(path, int) or os.fspath(path).startswith(self._data_dir)
            if is_ours and (name != "open" or (args and args[0] & (os.O_CREAT | os.O_RDWR | os.O_WRONLY))):
                self.take()
            return call(path, *args, **kwargs)

        setattr(os, name, watched)

    def _before(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def watched(*args: Any) -> Any:
            self.take()
            return call(*args)

        return watched

    def _in_halves(self, call: Callable[..., int]) -> Callable[..., int]:
        def watched(descriptor: int, data: Any, offset: int) -> int:
            self.take()
            half = call(descriptor, memoryview(data)[: len(data) // 2], offset)
            self.take()
            return half + call(descriptor, memoryview(data)[half:], offset + half) if half < len(data) else half

        return watched

    def _take_schema(self, _connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if statement.lstrip().upper().startswith(("CREATE", "ALTER", "DROP")):
            self.take()


async def work(job: Job) -> None:
    """Mirror the tree as it is, see it to its end, then fetch a file into a smart sync's cache and let it go."""
    folder = Path(job.folder)
    root = folder / "remote"
    settings = Settings(folder / "data", ssh_config=folder / "none", user_known_hosts=folder / "none")
    service = Service(settings)
    async with service:
        target = Target("127.0.0.1", job.port, job.user)
        await service.connect(ConnectRequest(target, Credentials(private_key_path=job.key, use_agent=False)))
        view = await service.configure_mode(ModeRequest(Mode.MIRROR, str(root), 2.0))
        local = Path(view.local_root)
        await in_step(service, local, root)
        write_after(root)
        await in_step(service, local, root)
        await eventually(lambda: has_curve(service, RUN_ID, 1.0), within=20, what="the curve")
        await eventually(lambda: has_curve(service, OTHER_ID, 4.0), within=20, what="the other curve")
        log = await service.logs.page(RUN_ID, LogQuery(path="logs.txt"))
        assert [line.text for line in log.lines] == AFTER[f"{RUN}/logs.txt"].decode().splitlines()
        await evict(service, root)
        assert files_below(local) == AFTER


async def in_step(service: Service, local: Path, root: Path) -> None:
    """Wait until all is here; tell what is missing where it does not come to that."""
    try:
        await eventually(lambda: files_below(local) == files_below(root), within=20)
    except AssertionError as error:
        mine, theirs = files_below(local), files_below(root)
        differing = {name: (len(theirs.get(name, b"")), len(mine.get(name, b""))) for name in mine | theirs
                     if mine.get(name) != theirs.get(name)}  # fmt: skip
        raise AssertionError(f"{differing}; {(await service.status()).current}") from error


async def has_curve(service: Service, run_id: str, factor: float) -> bool:
    """Say whether a curve is as it was written, each point once."""
    try:
        page = await service.series.points(run_id, "loss", offset=0, limit=1000)
    except (NotFound, Ambiguous):
        return False
    found = [list(zip(one[2].steps.tolist(), one[2].values, strict=True)) for one in page.series]
    return found == [[(float(step), factor / (step + 1)) for step in range(LINES)]]


async def evict(service: Service, root: Path) -> None:
    """Fetch a file into the cache of a smart sync, and let it go."""
    view = await service.configure_mode(ModeRequest(Mode.SMART, str(root), 60.0))
    held = Path(view.local_root, RUN, "model.pt")

    async def is_watching() -> bool:
        current = (await service.status()).current
        found = current.find_sync(Mode.SMART) if current is not None else None
        return found is not None and found.progress.state is SessionState.WATCHING

    await eventually(is_watching, within=20, what="the smart sync to be in step")
    async with asyncio.timeout(20):
        await service.demand.fetch(view.record.id, f"{RUN}/model.pt")
    assert held.read_bytes() == AFTER[f"{RUN}/model.pt"]
    await service.cache.clear()
    assert not held.exists()


def migrate(job: Job) -> None:
    """Bring an index of the newest schema about, from nothing."""
    db = Database(Path(job.folder) / "data/runferry.db")
    db.open()
    with db.reading() as connection:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    db.close()
    assert found == HEAD


def run_child(job: Job, answers: int) -> None:
    steps = Steps(job.die_at, Path(job.folder) / "data")
    try:
        steps.watch()
        migrate(job) if job.is_migration else asyncio.run(work(job))
    except BaseException:  # noqa: BLE001 - a child must never return into its parent's loop
        os.write(answers, json.dumps({"error": traceback.format_exc()}).encode())
    else:
        os.write(answers, json.dumps({"steps": steps.count}).encode())
    os._exit(0)


def serve() -> None:
    """Fork a child for each job, and tell how it ended."""
    for line in sys.stdin:
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            run_child(Job(**json.loads(line)), writing)
        os.close(writing)
        with os.fdopen(reading, "rb") as answers:
            said = answers.read()
        _, status = os.waitpid(pid, 0)
        answer = json.loads(said) if said else {}
        print(json.dumps({"is_killed": os.WIFSIGNALED(status), **answer}), flush=True)


if __name__ == "__main__":
    serve()
