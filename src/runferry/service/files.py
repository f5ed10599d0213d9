"""The files of runs: what there is, and the bytes of each, fetched from the server where they are not here.

It writes no file: sessions do. Paths never lead out of a run's directory, here or there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace

from runferry.blocking import in_thread
from runferry.config import Settings
from runferry.errors import (
    Conflict,
    ConnectTimeout,
    Gone,
    InvalidRequest,
    NotConnected,
    NotFound,
    RemoteFailed,
    RunferryError,
)
from runferry.model import Kind, Problem
from runferry.service.cache import Cache, join
from runferry.service.content import ArrivingContent, Content, HeldContent, RemoteContent, end_quietly
from runferry.service.demand import Demand
from runferry.service.digests import DigestMismatch, Digests, Expected
from runferry.service.file_facts import (
    FileFacts,
    FileSpot,
    Freshness,
    check_is_file,
    is_continued,
    last_seen,
    make_etag,
    make_facts,
)
from runferry.store.contained import open_file
from runferry.store.db import Database
from runferry.store.file_list import FileList, FileRow, Totals
from runferry.store.runs import RunRow, RunStore
from runferry.store.sync_state import FileRecord, SyncState
from runferry.sync.attention import Attention, Attentions

PREVIEW = 16 * 1024 * 1024
"""Ranges up to this many bytes of a file that is not here are read from the server, without fetching the file."""

MOST_TRIES = 4
REST_TRIES, REST_SECONDS = 200, 0.01
"""How long to wait for a file that is just being replaced."""


@dataclass(frozen=True, slots=True)
class FilePage:
    """Part of a run's files; paths are relative to the run's directory. ``count`` is of all pages."""

    run: str
    root: str
    totals: Totals
    count: int
    files: Sequence[FileRow]
    problems: dict[str, Problem]


class OpenedFile:
    """A file ready to be read. Use ``chunks`` once, then ``close``."""

    def __init__(self, facts: FileFacts, content: Content, descriptor: int = -1) -> None:
        self.facts = facts
        self.descriptor = descriptor
        self._content = content

    def chunks(self, start: int, end: int) -> AsyncGenerator[bytes, None]:
        return self._content.chunks(start, end)

    async def close(self) -> None:
        await self._content.close()


class Files:
    """Lists and opens files. Every ``OpenedFile`` must be closed by whoever asked for it."""

    def __init__(
        self,
        db: Database,
        settings: Settings,
        demand: Demand,
        cache: Cache,
        attentions: Attentions,
        *,
        clock: Callable[[], float],
    ) -> None:
        self.digests = Digests()
        self._db = db
        self._runs = RunStore(db)
        self._list = FileList(db)
        self._data_dir = settings.data_dir
        self._demand = demand
        self._cache = cache
        self._attentions = attentions
        self._clock = clock

    # What there is

    async def list(
        self, run: str, *, prefix: str = "", is_flat: bool = True, limit: int = 1000, offset: int = 0
    ) -> FilePage:
        """Return a page of a run's files, sorted by path: all that lie below ``prefix``, or what lies directly in it.

        Raises NotFound and Ambiguous (the run), InvalidRequest (the prefix).
        """
        row = await in_thread(self._runs.find, run)
        directory = join(row.path, prefix) if prefix.strip("/") else row.path
        totals = await in_thread(self._list.totals, row.sync_id, row.path)
        found, count = await in_thread(
            self._list.page, row.sync_id, directory, is_flat=is_flat, limit=limit, offset=offset
        )
        start = len(row.path) + 1 if row.path else 0
        find_problem, find_damage = self._demand.problem_finder(row.sync_id), self._demand.damage_finder(row.sync_id)
        told = {one.path[start:]: find_problem(one.path) or find_damage(one.path) for one in found}
        problems = {path: problem for path, problem in told.items() if problem is not None}
        files = [replace(one, path=one.path[start:]) for one in found]
        return FilePage(row.key, row.remote_dir, totals, count, files, problems)

    async def locate(self, run: str, path: str) -> FileSpot:
        """Return where a run's file is. Raises NotFound and Ambiguous (the run), InvalidRequest (the path)."""
        row = await in_thread(self._runs.find, run)
        return self.spot_of(row, path)

    def spot_of(self, row: RunRow, path: str) -> FileSpot:
        local_root, is_gone = self._data_dir / row.local_dir, row.gone_at is not None
        return FileSpot(row.sync_id, join(row.path, path), local_root, row.last_sync_at, is_gone)

    async def locate_within(self, text: str) -> FileSpot:
        """Return the file that ``<run>/files/<path>`` means: a run's key and a path may both hold ``/files/``."""
        start = text.find("/files/")
        failure: RunferryError = NotFound("Run not found")
        while start > 0:
            try:
                return await self.locate(text[:start], text[start + len("/files/") :])
            except NotFound as error:
                failure = error
            start = text.find("/files/", start + 1)
        raise failure

    # What it is

    async def examine(self, spot: FileSpot) -> FileFacts:
        """Return what the file is now: on the server where that can be asked, else what is held here.

        Raises NotFound, Gone (it was there), NotConnected (nothing is held), AccessDenied, Conflict.
        """
        record = await self._find_record(spot)
        held = record.held if record else None
        try:
            entry = await self._demand.look(spot.sync_id, spot.path)
        except (NotConnected, ConnectTimeout) as error:
            if held is not None:
                return make_facts(held, last_seen(spot, record), Freshness.OFFLINE)
            raise self._explain_absence(spot, record, error) from None
        except RunferryError as error:
            if held is not None and not isinstance(error, (InvalidRequest, Conflict)):
                is_gone = isinstance(error, (Gone, NotFound))
                return make_facts(held, last_seen(spot, record), Freshness.GONE if is_gone else Freshness.STALE)
            is_lost = isinstance(error, NotFound) and spot.is_gone
            raise Gone(f"{spot.path} is no longer on the server.") if is_lost else error from None
        check_is_file(entry)
        if held is not None and held.version == entry.version:
            return make_facts(held, self._clock(), Freshness.LIVE)
        return FileFacts(entry.version, make_etag(entry.version), self._clock(), Freshness.LIVE)

    async def open(self, spot: FileSpot, *, is_whole: bool = True) -> OpenedFile:
        """Open the file as it is now: from here, or as it comes while it is fetched.

        Not ``is_whole``: only part of it will be read, so a manifest's digest is compared first. Raises as ``examine``
        and ``Demand.fetch`` do, and DigestMismatch.
        """
        for _ in range(MOST_TRIES):
            facts = await self.examine(spot)
            self.digests.is_proven(spot.place, facts.version)
            if facts.held is None and not is_whole and await self._find_expected(spot) is not None:
                await self._demand.fetch(spot.sync_id, spot.path)
                await self.check(spot)
            opened = await self._open_arriving(spot) if facts.held is None else None
            opened = opened or await self._open_held(spot, facts.freshness)
            if opened is not None:
                return opened
        raise Conflict(f"{spot.path} keeps changing while it is read; try again.")

    async def open_range(self, spot: FileSpot, facts: FileFacts, start: int, end: int) -> OpenedFile | None:
        """Open a range of the version that ``facts`` are about: of what is here, or straight from the server.

        None where it is that version no longer, or the range is too long for that: then ``open`` the whole file.
        """
        if facts.held is not None:
            await self.check(spot)
            opened = await self._open_held(spot, facts.freshness)
            if opened is not None and not is_continued(facts, opened.facts):
                await opened.close()
                return None
            return opened
        if end - start > PREVIEW:
            return None
        content = RemoteContent(self._demand, spot.place, facts.version)
        return OpenedFile(facts, content) if await content.open(start, end) else None

    async def read_checked(
        self, opened: OpenedFile, spot: FileSpot, start: int, end: int
    ) -> AsyncGenerator[bytes, None]:
        """Yield the bytes of an open file; all of them only where they are what a manifest promises.

        Raises DigestMismatch, after which the file is no longer taken for good.
        """
        version = opened.facts.version
        expected = await self._find_expected(spot)
        chunks = opened.chunks(start, end)
        is_whole = (start, end) == (0, version.size)
        if expected is not None and is_whole and not self.digests.is_proven(spot.place, version):
            chunks = self.digests.guard(chunks, spot.place, version, expected)
        try:
            async for chunk in chunks:
                yield chunk
        except DigestMismatch:
            await opened.close()
            await self.reject(spot)
            raise
        finally:
            await chunks.aclose()

    async def is_here(self, spot: FileSpot) -> bool:
        """Say whether a file is held as it was last listed, or as it was before it left the server."""
        record = await self._find_record(spot)
        if record is None or record.held is None:
            return False
        return record.held.version == record.entry.version or record.gone_at is not None

    async def check(self, spot: FileSpot) -> None:
        """Compare what is held with what a manifest promises.

        Raises DigestMismatch, and lets the bytes go then.
        """
        record = await self._find_record(spot)
        expected = await self._find_expected(spot)
        if record is None or record.held is None or expected is None:
            return
        opened = (
            None
            if self.digests.is_proven(spot.place, record.held.version)
            else await self._open_held(spot, Freshness.STALE)
        )
        if opened is None:
            return
        try:
            await self.digests.check(opened.descriptor, spot.place, opened.facts.version, expected)
        except DigestMismatch:
            await opened.close()
            await self.reject(spot)
            raise
        finally:
            await opened.close()

    async def _find_expected(self, spot: FileSpot) -> Expected | None:
        if spot.sha256 is not None:
            return Expected(spot.sha256, "its manifest")
        return await in_thread(self.digests.find, spot.local_root, spot.path)

    async def reject(self, spot: FileSpot) -> None:
        """Let go of bytes that must not be taken for good; those of a mirror stay and are never served."""
        with suppress(RunferryError):
            await self._demand.fetch(spot.sync_id, spot.path)  # what has just landed is written down by then
        await self._cache.drop(spot.sync_id, spot.path)

    async def _open_held(self, spot: FileSpot, freshness: Freshness) -> OpenedFile | None:
        """Open what is held, together with the facts that are true of it; None where nothing is."""
        for _ in range(REST_TRIES):
            before = self._demand.rest(spot.sync_id, spot.path)
            record = await self._find_record(spot)
            if record is None or record.held is None:
                return None
            content = await self._open_local(spot) if before is not None else None
            if content is not None and self._demand.rest(spot.sync_id, spot.path) == before:
                as_of = self._clock() if freshness is Freshness.LIVE else last_seen(spot, record)
                facts = make_facts(record.held, as_of, freshness)
                try:
                    self.digests.is_proven(spot.place, facts.version)
                except DigestMismatch:
                    await content.close()
                    raise
                return OpenedFile(facts, content, content.descriptor)
            if content is not None:
                await content.close()
            await asyncio.sleep(REST_SECONDS)  # it is being replaced at this moment
        return None

    async def _open_local(self, spot: FileSpot) -> HeldContent | None:
        try:
            descriptor = await in_thread(open_file, spot.local_root, spot.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise RemoteFailed(f"The local copy of {spot.path} cannot be read: {error.strerror}.") from error
        return HeldContent(descriptor, self._cache.using(spot.sync_id, [spot.path]))

    async def _open_arriving(self, spot: FileSpot) -> OpenedFile | None:
        """Begin or join a fetch; None once it has ended and the file is here."""
        fetching = asyncio.create_task(self._demand.fetch(spot.sync_id, spot.path))
        attention = self._attentions.of(spot.sync_id)
        try:
            while not fetching.done():
                arrival = attention.arrivals.get(spot.path)
                if arrival is not None:
                    using = self._cache.using(spot.sync_id, [spot.path])
                    content = ArrivingContent(spot.place, arrival, attention, fetching, using)
                    if await in_thread(content.open, self._data_dir / "staging" / str(spot.sync_id)):
                        facts = FileFacts(arrival.version, make_etag(arrival.version), self._clock(), Freshness.LIVE)
                        return OpenedFile(facts, content)
                    await content.close()
                    return None
                await wait_for_either(fetching, attention)
        except BaseException:
            await end_quietly(fetching)
            raise
        fetching.result()
        return None

    async def _find_record(self, spot: FileSpot) -> FileRecord | None:
        found = self._demand.record(spot.sync_id, spot.path)
        return found or await in_thread(SyncState(self._db, spot.sync_id).find, spot.path)

    def _explain_absence(self, spot: FileSpot, record: FileRecord | None, error: RunferryError) -> RunferryError:
        if spot.is_gone or (record is not None and record.gone_at is not None):
            return Gone(f"{spot.path} is no longer on the server, and nothing of it is held here.")
        if record is None:
            return NotFound(f"There is no file {spot.path}.")
        if record.entry.kind is not Kind.FILE:
            return Conflict(f"{spot.path} is no regular file.")
        return error


async def wait_for_either(fetching: asyncio.Task[None], attention: Attention) -> None:
    news = asyncio.ensure_future(attention.wait_for_news(0.25))
    try:
        await asyncio.wait([fetching, news], return_when=asyncio.FIRST_COMPLETED)
    finally:
        news.cancel()
