"""The files that smart syncs fetched on demand: room for new ones, least recently used out first, pins.

Never evicted: what is pinned, what somebody reads, follows or downloads, what is gone from the server, metadata, and
whatever a mirror holds. It fetches nothing.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from runferry.blocking import in_thread
from runferry.config import Settings
from runferry.errors import Conflict, DiskFull, RunferryError
from runferry.service.landings import Landings
from runferry.service.records import Records
from runferry.service.syncs import Syncs
from runferry.service.tasks import Tasks
from runferry.store.cache import CachedFile, CacheStore, Place
from runferry.store.contained import remove_file
from runferry.store.db import Database
from runferry.store.files import check_path
from runferry.store.runs import RunRow, RunStore
from runferry.sync.attention import Attentions
from runferry.sync.spec import Mode

log = logging.getLogger(__name__)

LOOK_SECONDS = 30.0
"""How often uses are written down and the disk is looked at."""

_PAGE = 500


@dataclass(frozen=True, slots=True)
class CacheView:
    """How full the cache is, in bytes. ``used`` counts what is under way; ``free`` is that of the disk."""

    limit_bytes: int
    used_bytes: int
    reserve_bytes: int
    free_bytes: int
    files: int
    pinned_bytes: int


@dataclass(frozen=True, slots=True)
class Evicted:
    """What left the cache, and how many files had to stay: pinned, in use, or gone from the server."""

    files: int
    bytes: int
    kept: int


@dataclass(slots=True)
class _Room:
    """What there is and what is promised, in bytes."""

    used: int
    free: int
    promised: int
    staged: Mapping[Place, int]


class Cache:
    """Admits what is to be fetched and evicts what nobody uses. ``free_space`` tells a disk's free bytes."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        *,
        attentions: Attentions,
        syncs: Callable[[], Syncs],
        clock: Callable[[], float],
    ) -> None:
        self.free_space: Callable[[Path], int] = find_free_space
        self.limit = settings.cache_limit_bytes
        self.reserve = settings.disk_reserve_bytes
        self._store = CacheStore(db)
        self._runs = RunStore(db)
        self._records = Records(db)
        self._data_dir = settings.data_dir
        self._attentions = attentions
        self._syncs = syncs
        self._clock = clock
        self._lock = asyncio.Lock()
        self._in_use: Counter[Place] = Counter()
        self._uses: dict[Place, float] = {}
        self._promises: dict[Place, int] = {}
        self._roots: dict[int, Path] = {}
        self._tasks = Tasks()

    async def open(self, landings: Landings) -> None:
        """Remove what an abrupt end left half evicted or half fetched; before any sync is at work."""
        leftovers = await in_thread(self._store.find_leftovers)
        for sync_id in {sync_id for sync_id, _ in leftovers}:
            await in_thread(self._discard, sync_id, [path for number, path in leftovers if number == sync_id])
        landings.listen(self._note_landing)
        self._tasks.start(self._keep_room(), name="cache")

    async def close(self) -> None:
        await self._tasks.close()
        await self._write_uses()

    # Using

    @contextmanager
    def using(self, sync_id: int, paths: Iterable[str]) -> Iterator[None]:
        """While inside, these files are not evicted; they count as used now."""
        places = [(sync_id, path) for path in paths]
        self._in_use.update(places)
        self._uses.update(dict.fromkeys(places, self._clock()))
        try:
            yield
        finally:
            self._in_use.subtract(places)
            for place in places:
                if self._in_use[place] <= 0:
                    del self._in_use[place]

    async def admit(self, sync_id: int, needs: Mapping[str, int]) -> Mapping[str, RunferryError]:
        """Make room for what each file still needs, in bytes; returns those there is no room for, and why."""
        async with self._lock:
            await in_thread(self._store.add, [(sync_id, path) for path in needs], at=self._clock())
            room = await in_thread(self._measure)
            refused: dict[str, RunferryError] = {}
            for path, need in needs.items():
                place = (sync_id, path)
                room.promised -= max(0, self._promises.pop(place, 0) - room.staged.get(place, 0))
                rest = max(0, need - room.staged.get(place, 0))
                if rest and not await self._make_room(room, rest, keep=place):
                    refused[path] = DiskFull(self._explain(path, rest, room))
                    continue
                self._promises[place] = need
                room.promised += rest
            return refused

    def check_fits(self, what: str, need: int) -> None:
        """Raise DiskFull for what would not even fit into an empty cache."""
        if need > self.limit:
            raise DiskFull(
                f"{what} needs {format_size(need)}; the cache may hold {format_size(self.limit)} (cache_limit_bytes)."
            )

    # Looking and letting go, for people

    async def view(self) -> CacheView:
        room = await in_thread(self._measure)
        files = await in_thread(self._store.list_files)
        return CacheView(
            limit_bytes=self.limit,
            used_bytes=room.used,
            reserve_bytes=self.reserve,
            free_bytes=room.free,
            files=sum(file.size > 0 or file.staged is None for file in files),
            pinned_bytes=sum(file.size for file in files if file.is_pinned),
        )

    async def list_files(self, *, limit: int, offset: int = 0) -> Sequence[CachedFile]:
        """Return what is in the cache, the longest unused first."""
        await self._write_uses()
        return await in_thread(self._store.list_files, limit=limit, offset=offset)

    async def clear(self) -> Evicted:
        """Evict all that may be."""
        async with self._lock:
            return await self._evict_all(await in_thread(self._store.list_files))

    async def evict(self, run: str, paths: Sequence[str] = ()) -> Evicted:
        """Evict a run's files, or those at or below some paths of it.

        Raises NotFound and Ambiguous (the run), InvalidRequest (a path), Conflict (a mirror holds it).
        """
        row = await self._find_run(run)
        places = [join(row.path, path) for path in paths] or [row.path]
        async with self._lock:
            return await self._evict_all(await in_thread(self._store.list_files, sync_id=row.sync_id, below=places))

    async def pin(self, run: str, paths: Sequence[str] = (), *, is_pinned: bool) -> None:
        """Pin or unpin a run, or paths of it, with all that lies below. Raises as ``evict`` does."""
        row = await self._find_run(run)
        places = [join(row.path, path) for path in paths] or [row.path]
        await in_thread(self._store.pin, row.sync_id, places, is_pinned=is_pinned, at=self._clock())

    async def drop(self, sync_id: int, path: str) -> None:
        """Remove a file that must not be taken for good, used or not as it may be."""
        async with self._lock:
            for file in await in_thread(self._store.list_files, sync_id=sync_id, below=[path]):
                await self._remove([file], is_forced=True)

    async def _find_run(self, run: str) -> RunRow:
        row = await in_thread(self._runs.find, run)
        if row.mode != Mode.SMART:
            raise Conflict(f"{row.key} is kept by a mirror: it is not in the cache, and nothing evicts it.")
        return row

    # Making room

    def _measure(self) -> _Room:
        staged = {
            place: measure_file(self._data_dir / "staging" / str(place[0]) / name)
            for place, name in self._store.staged()
        }
        promised = 0
        for place, need in list(self._promises.items()):
            if self._attentions.of(place[0]).is_attended(place[1]):
                promised += max(0, need - staged.get(place, 0))
            else:
                self._promises.pop(place, None)
        used = self._store.held_bytes() + sum(staged.values())
        return _Room(used, self.free_space(self._data_dir), promised, staged)

    def _find_shortfall(self, room: _Room, need: int) -> int:
        over_limit = room.used + room.promised + need - self.limit
        over_disk = self.reserve + room.promised + need - room.free
        return max(over_limit, over_disk)

    async def _make_room(self, room: _Room, need: int, *, keep: Place) -> bool:
        """Evict as much as ``need`` asks for, or nothing where that would not do."""
        shortfall = self._find_shortfall(room, need)
        if shortfall <= 0:
            return True
        freed = await self._evict_oldest(room, shortfall, keep=keep, is_enough_only=True)
        return freed >= shortfall

    async def _evict_oldest(self, room: _Room, amount: int, *, keep: Place | None, is_enough_only: bool) -> int:
        await self._write_uses()
        chosen: list[CachedFile] = []
        found = offset = 0
        while found < amount:
            page = await in_thread(self._store.list_files, limit=_PAGE, offset=offset)
            offset += len(page)
            for file in page:
                size = file.size + room.staged.get(file.place, 0)
                if found < amount and size and file.place != keep and self._may_go(file):
                    chosen.append(file)
                    found += size
            if len(page) < _PAGE:
                break
        if found < amount and is_enough_only:
            return 0
        removed = await self._remove(chosen)
        freed = sum(file.size + room.staged.get(file.place, 0) for file in removed)
        room.used -= freed
        room.free += freed
        return freed

    def _may_go(self, file: CachedFile) -> bool:
        is_attended = self._attentions.of(file.sync_id).is_attended(file.path)
        return not (file.is_pinned or file.is_gone or is_attended or file.place in self._in_use)

    async def _evict_all(self, files: Sequence[CachedFile]) -> Evicted:
        removed = await self._remove([file for file in files if self._may_go(file)])
        return Evicted(len(removed), sum(file.size for file in removed), len(files) - len(removed))

    async def _remove(self, chosen: Sequence[CachedFile], *, is_forced: bool = False) -> list[CachedFile]:
        removed: list[CachedFile] = []
        for sync_id in dict.fromkeys(file.sync_id for file in chosen):
            group = {file.path: file for file in chosen if file.sync_id == sync_id}
            try:
                gone = await self._remove_of(sync_id, list(group), is_forced=is_forced)
            except (RunferryError, OSError) as error:
                log.warning("files of the sync %s could not be evicted: %s", sync_id, error)
                continue
            removed += [group[path] for path in gone]
        return removed

    async def _remove_of(self, sync_id: int, paths: list[str], *, is_forced: bool) -> list[str]:
        """Let go of one sync's files: the record first, then the bytes, then the row that tells of leftovers."""

        def discard(paths: Sequence[str]) -> None:
            self._discard(sync_id, paths)

        sync = self._syncs().find(sync_id)
        if sync is not None:
            attendant = sync.attendant
            return [] if attendant is None else await attendant.evict(paths, discard, is_forced=is_forced)
        async with self._syncs().pausing(()):  # none can start meanwhile
            if self._syncs().find(sync_id) is not None:
                return []
            await in_thread(self._store.let_go, sync_id, paths)
            await in_thread(discard, paths)
        return paths

    def _discard(self, sync_id: int, paths: Sequence[str]) -> None:
        root = self._find_root(sync_id)
        for path in paths:
            remove_file(root, path)
        for name in self._store.forget([(sync_id, path) for path in paths]):
            with suppress(FileNotFoundError):
                (self._data_dir / "staging" / str(sync_id) / name).unlink()

    def drop_root(self, sync_id: int) -> None:
        """Remember nothing of a sync that is to vanish: another one may get its number."""
        self._roots.pop(sync_id, None)

    def _find_root(self, sync_id: int) -> Path:
        if sync_id not in self._roots:
            self._roots.update({one.id: self._data_dir / one.local_dir for one in self._records.list_syncs()})
        return self._roots[sync_id]

    # Keeping

    async def _keep_room(self) -> None:
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self._write_uses()
                async with self._lock:
                    room = await in_thread(self._measure)
                    shortfall = self._find_shortfall(room, 0)
                    if shortfall > 0:
                        await self._evict_oldest(room, shortfall, keep=None, is_enough_only=False)
            except RunferryError as error:
                log.warning("the cache could not be looked after: %s", error)

    async def _write_uses(self) -> None:
        uses, self._uses = self._uses, {}
        await in_thread(self._store.note_use, uses)

    def _note_landing(self, sync_id: int, paths: Iterable[str]) -> None:
        if self._promises:
            for path in paths:
                self._promises.pop((sync_id, path), None)

    def _explain(self, path: str, need: int, room: _Room) -> str:
        if room.used + room.promised + need > self.limit:
            why = (
                f"the cache may hold {format_size(self.limit)} (cache_limit_bytes) and has "
                f"{format_size(room.used + room.promised)} that cannot be evicted for it"
            )
            if need > self.limit:
                why = f"the cache may hold {format_size(self.limit)} (cache_limit_bytes)"
        else:
            why = (
                f"{format_size(room.free)} are free on the disk of {self._data_dir}, of which "
                f"{format_size(self.reserve)} stay free (disk_reserve_bytes)"
            )
        return f"{path} needs {format_size(need)}; {why}."


def join(directory: str, path: str) -> str:
    """Return a path of a run relative to its sync's root. Raises InvalidRequest for one that leads elsewhere."""
    parts = check_path(path.rstrip("/"))
    return "/".join([directory, *parts] if directory else parts)


def find_free_space(directory: Path) -> int:
    return shutil.disk_usage(directory).free


def measure_file(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0


def format_size(count: int) -> str:
    """Return SI units: ``512 bytes``, ``1.5 MB``, ``20.0 GB``."""
    if count < 1000:
        return f"{count} bytes"
    value, units = count / 1000, ["PB", "TB", "GB", "MB", "kB"]
    while value >= 999.95 and len(units) > 1:
        value /= 1000
        units.pop()
    return f"{value:.1f} {units[-1]}"
