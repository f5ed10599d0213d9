"""Cards of other tools' runs in smart mode: what was not got at a look, or came out of order, is told soon after."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.indexing import add_sync, list_local, source_of
from tests.support.tool_files import bytes_field, wandb_exit, wandb_file, wandb_item
from tests.support.waiting import eventually

from runferry.errors import ConnectionLost, DiskFull
from runferry.ingest.found_runs import FoundRuns
from runferry.model import Chunk, Entry, Problem, ProblemCode, Run, Version
from runferry.remote.base import Priority
from runferry.remote.local import LocalRemote
from runferry.service.run_finder import FinderPlaces, RunFinder
from runferry.store.db import Database
from runferry.store.runs import RunStore, SyncScope
from runferry.sync.spec import Commit

SOON = 8.0
"""Seconds: much less than passes between two glances at what has grown."""

RUN = "wandb/run-20260101_000000-abc"
RECORDS, CONFIG = f"{RUN}/run-abc.wandb", f"{RUN}/files/config.yaml"


class TroubledRemote(LocalRemote):
    """A directory of this machine whose reads fail so many times, by path, first as values and then with the link."""

    def __init__(self) -> None:
        super().__init__()
        self.failures: dict[str, int] = {}

    async def read(
        self, root: str, path: str, *, offset: int, length: int, priority: Priority, check: bool = False
    ) -> Chunk | Problem:
        left = self.failures.get(path, 0)
        if left:
            self.failures[path] = left - 1
            if left % 2:
                raise ConnectionLost("The link is gone.")
            return Problem(path, ProblemCode.CHANGING, "it is being written")
        return await super().read(root, path, offset=offset, length=length, priority=priority, check=check)


class TroubledRuns(FoundRuns):
    """Runs whose cards cannot be written at first: the disk is full."""

    failures = 0

    def read_cards(self, *given: object, **named: object) -> list[str]:
        if self.failures:
            self.failures -= 1
            raise DiskFull("The disk is full.")
        return super().read_cards(*given, **named)  # type: ignore[arg-type]  # as they came


class SmallCopy:
    """A session's copy of ``remote_root``, into which a test lands files."""

    is_listed = True

    def __init__(self, remote_root: Path, local_root: Path) -> None:
        self._remote_root, self._local_root = remote_root, local_root
        self._held: dict[str, Version] = {}

    @property
    def listing(self) -> Mapping[str, Entry]:
        return list_local(self._remote_root)

    def held_versions(self, paths: Iterable[str]) -> Mapping[str, Version]:
        return {path: self._held[path] for path in paths if path in self._held}

    async def reconsider(self, paths: Iterable[str]) -> None:
        """Nothing is fetched but by ``land``."""

    def land(self, path: str) -> Commit:
        target = self._local_root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(self._remote_root / path, target)
        self._held[path] = self.listing[path].version
        return Commit(frozenset({path}), frozenset(), frozenset(), self.listing)


class Place:
    """A server's directory, a copy of it, an index, and a finder at work between them."""

    def __init__(self, index: Database, folder: Path) -> None:
        self.root, local_root = folder / "server", folder / "local"
        self.root.mkdir()
        local_root.mkdir()
        self.remote = TroubledRemote()
        self.copy = SmallCopy(self.root, local_root)
        self._index = index
        self._scope: SyncScope = add_sync(index, "gpu1", str(self.root), mode="smart")
        self.found = TroubledRuns(index, source_of(self._scope, local_root))
        lock = asyncio.Lock()
        places = FinderPlaces(self.found, self.remote, str(self.root), is_smart=True, ingesting=lock, tell=print)
        self.finder = RunFinder(places, lambda: self.copy)

    def write(self, path: str, data: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(data)

    def run(self, path: str) -> Run | None:
        with self._index.reading() as connection:
            return RunStore(self._index).load(connection, self._scope.sync_id, [path]).get(path)

    async def tells(self, path: str, status: str, params: Mapping[str, object]) -> None:
        """Wait until the run's card says so."""

        def is_told() -> bool:
            run = self.run(path)
            return run is not None and (run.status, run.meta.get("params", {})) == (status, params)

        await eventually(is_told, within=SOON, what=f"{path}: {status}, {params}")

    @asynccontextmanager
    async def at_work(self) -> AsyncIterator[None]:
        task = asyncio.create_task(self.finder.run())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])
            await self.remote.close()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    db = Database(tmp_path / "index/runferry.db")
    db.open()
    yield Place(db, tmp_path)
    db.close()


def wandb_config(key: str, value: object) -> bytes:
    return bytes_field(5, wandb_item((key,), value))


async def test_documents_that_land_after_the_ends_of_records_were_read_are_told_with_them(place: Place) -> None:
    place.write(RECORDS, wandb_file(wandb_exit(0)))
    place.write(CONFIG, b"lr:\n  value: 0.1\n")
    async with place.at_work():
        await place.tells(RUN, "finished", {})
        place.finder.note(place.copy.land(CONFIG))
        await place.tells(RUN, "finished", {"lr": 0.1})
        place.write(CONFIG, b"lr:\n  value: 0.25\n")
        place.finder.note(place.copy.land(CONFIG))
        await place.tells(RUN, "finished", {"lr": 0.25})


async def test_ends_that_could_not_be_read_are_read_again_soon(place: Place) -> None:
    place.write(RECORDS, wandb_file(wandb_exit(1)))
    place.remote.failures[RECORDS] = 2
    async with place.at_work():
        await place.tells(RUN, "failed", {})


async def test_cards_that_could_not_be_written_are_written_soon(place: Place) -> None:
    place.write("job/.hydra/config.yaml", b"lr: 1\n")
    place.write("job/metrics.csv", b"step,loss\n1,2\n")
    place.copy.land("job/.hydra/config.yaml")
    place.found.failures = 2
    async with place.at_work():
        await place.tells("job", "", {"lr": 1})


async def test_a_run_in_several_files_goes_on_with_each_of_them(place: Place) -> None:
    """Of which some are read at another time than others, as they fail or grow."""
    later = "wandb/run-20260102_000000-abc"
    second = f"{later}/run-abc.wandb"
    place.write(RECORDS, wandb_file(wandb_config("lr", 1)))
    place.write(second, wandb_file(wandb_config("batch", 8)))
    place.remote.failures[second] = 1
    async with place.at_work():
        await eventually(lambda: place.run(RUN) or place.run(later), within=SOON)
        path = RUN if place.run(RUN) else later
        await place.tells(path, "running", {"lr": 1, "batch": 8})
        place.write(second, wandb_file(wandb_config("batch", 8), wandb_exit(0)))
        place.write(CONFIG, b"")
        place.finder.note(place.copy.land(CONFIG))  # whatever makes it look
        await place.tells(path, "finished", {"lr": 1, "batch": 8})
