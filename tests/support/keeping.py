"""One sync and nothing around it: a session, its local tree and its index, on any ``Remote``. It can be crashed."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Awaitable, Callable
from pathlib import Path
from types import TracebackType

from runferry.model import Problem
from runferry.remote.base import Remote
from runferry.remote.retry import RetryingRemote
from runferry.store.db import Database
from runferry.store.files import LocalTree
from runferry.store.sync_state import FileRecord, SyncState
from runferry.sync.session import SyncSession
from runferry.sync.spec import Commit, Hooks, Mode, Progress, SessionState, SyncSpec
from tests.support.ferry import directories_below, files_below
from tests.support.indexing import add_sync
from tests.support.parted import PartedRemote
from tests.support.waiting import eventually

CALM = frozenset({SessionState.WATCHING, SessionState.IDLE, SessionState.HALTED})

MakeRemote = Callable[[], Awaitable[Remote]]
MakeTree = Callable[[Path, Path], LocalTree]


async def open_local() -> Remote:
    return PartedRemote(2)


class Keeper:
    """Keeps ``folder/copy`` in step with ``root``; what it knows is in ``folder/data``.

    ``make_remote`` is called for every link. ``template``: an index to begin with, so that none need be migrated.
    """

    def __init__(
        self,
        folder: Path,
        root: Path,
        *,
        make_remote: MakeRemote = open_local,
        make_tree: MakeTree = LocalTree,
        template: Path | None = None,
    ) -> None:
        self.root = root
        self.local = folder / "copy"
        self.staging = folder / "staging"
        self.index = folder / "data" / "runferry.db"
        self._make_remote = make_remote
        self._make_tree = make_tree
        if template is not None and not self.index.exists():
            self.index.parent.mkdir(parents=True)
            shutil.copy(template, self.index)
        self._db = Database(self.index)
        self._sync_id = 0
        self._session: SyncSession | None = None
        self._task: asyncio.Task[None] | None = None
        self._remote: RetryingRemote | None = None
        self.commits = 0
        self.unwanted: set[str] = set()
        """What is listed and not copied, as most is in smart mode."""

    async def start(self) -> None:
        """Open the data directory, as after any end, and go to work."""
        self._db = Database(self.index)
        await asyncio.to_thread(self._db.open)
        self._sync_id = self._sync_id or find_sync(self._db) or add_sync(self._db, "gpu", str(self.root)).sync_id
        self._remote = RetryingRemote(self._make_remote, pauses=(0.0, 0.05))
        self._session = SyncSession(
            SyncSpec(self._sync_id, Mode.MIRROR, str(self.root), 0.5),
            remote=self._remote,
            tree=self._make_tree(self.local, self.staging),
            state=SyncState(self._db, self._sync_id),
            wants=lambda path, size: path not in self.unwanted,
            skip_reason=lambda path, has: None,
            hooks=Hooks(on_progress=lambda progress: None, on_commit=self._note),
        )
        self._task = asyncio.create_task(self._session.run())

    async def stop(self) -> None:
        """End as a user does."""
        if self._session is not None:
            await self._session.stop()
        await self.crash()

    async def crash(self) -> None:
        """End without a word: what has landed and is not committed stays so."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        if self._remote is not None:
            await self._remote.close()
        self._session = self._remote = None
        self._db.close()

    async def disconnect(self) -> None:
        """Break the link under everything that is under way."""
        if self._remote is not None and self._remote.current is not None:
            await self._remote.current.close()

    @property
    def session(self) -> SyncSession:
        assert self._session is not None, "not started"
        return self._session

    @property
    def progress(self) -> Progress:
        return self.session.progress

    @property
    def problems(self) -> list[Problem]:
        return list(self.session.problems)

    def problem_of(self, path: str) -> Problem | None:
        return next((problem for problem in self.problems if problem.path == path), None)

    def records(self) -> dict[str, FileRecord]:
        """Return what the index says, read as another process would."""
        return SyncState(self._db, self._sync_id).load()

    def is_calm(self) -> bool:
        """Say whether nothing is left to do."""
        if self._task is not None and self._task.done():
            self._task.result()
        return self.progress.state in CALM

    def is_same(self) -> bool:
        """Say whether everything on the server is here, byte for byte."""
        remote, local = files_below(self.root), files_below(self.local)
        return remote.items() <= local.items() and directories_below(self.root) <= directories_below(self.local)

    async def in_step(self, *, within: float = 20.0) -> None:
        """Wait until it has nothing left to do and all is here."""

        def is_done() -> bool:
            return self.is_calm() and self.is_same()

        try:
            await eventually(is_done, within=within)
        except AssertionError as error:
            raise AssertionError(self.explain()) from error

    def explain(self) -> str:
        """Tell what is not as it should be."""
        remote, local = files_below(self.root), files_below(self.local)
        differing = {path: (len(remote[path]), len(local.get(path, b"")), path in local) for path in remote
                     if remote[path] != local.get(path)}  # fmt: skip
        missing = directories_below(self.root) - directories_below(self.local)
        return f"{self.progress.state}: differing {differing}, missing {missing}, {self.problems}, {self.progress}"

    async def _note(self, commit: Commit) -> None:
        self.commits += 1

    async def __aenter__(self) -> Keeper:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()


def find_sync(db: Database) -> int | None:
    """Return the id of the one sync there is in an index."""
    with db.reading() as connection:
        found = connection.exec_driver_sql("SELECT id FROM syncs").scalar()
    return None if found is None else int(found)


def make_template(path: Path) -> Path:
    """Make an index of the newest schema."""
    db = Database(path)
    db.open()
    with db.writing() as connection:
        connection.exec_driver_sql("SELECT 1")
    db.close()
    return path
