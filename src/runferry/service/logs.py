"""The logs of runs: pages, searches and live lines, wherever the bytes are. It parses no format and keeps no text.

In a smart sync a log is fetched when it is opened, its end first, and followed while somebody watches it.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncGenerator, Callable, Collection, Sequence
from contextlib import aclosing, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from runferry.blocking import in_thread
from runferry.errors import Conflict, ConnectTimeout, InvalidRequest, NotConnected, NotFound, RunferryError
from runferry.formats import READERS
from runferry.model import RunStatus
from runferry.service.demand import Demand
from runferry.service.events import EventBus
from runferry.service.landings import Landings
from runferry.service.log_follower import LogFollower, LogMessage, LogStart
from runferry.service.log_source import LogSource, RemoteTail, find_source
from runferry.service.tasks import Tasks
from runferry.store.db import Database
from runferry.store.log_file import LogFile
from runferry.store.log_index import LineIndexes
from runferry.store.log_state import FileState, LogState
from runferry.store.logs import Lines, Needle, NumberedLine, read_from, read_tail, search
from runferry.store.verdict import effective_status_of

FETCH_SECONDS = 10.0
"""How long a page waits for a log to be fetched before it shows what is here."""

NEWS_SECONDS = 0.25
MOST_NEWS = 30
"""Logs told of at once; when more land together, a first copy is under way, which is no news."""

LOG_ENDS = (".log", ".out", ".txt")
"""How the logs of other tools' runs end, which are known by the index."""

REMEMBERED_REWRITES = 256

NOTHING = Lines((), None, None, 0)


@dataclass(frozen=True, slots=True)
class LogQuery:
    """What of a log to show: ``limit`` lines from line ``offset`` on (with ``search``: those that have this text), or
    the last ``tail`` lines. ``path`` names the log, relative to the run's directory, where a run has several.
    """

    offset: int = 0
    limit: int = 1000
    tail: int | None = None
    search: str | None = None
    is_exact: bool = False
    path: str | None = None


@dataclass(frozen=True, slots=True)
class LogPage:
    """Part of a run's log. Sizes are in bytes: on the server as last listed, and here.

    ``total_lines`` is None until they are counted, ``next_offset`` at the end. ``local`` is full, partial or none.
    ``cursor`` is the place behind the last line, to follow from; empty where there is none.
    """

    run: str
    path: str
    paths: Sequence[str]
    lines: Sequence[NumberedLine]
    offset: int | None
    next_offset: int | None
    total_lines: int | None
    size_bytes: int
    held_bytes: int
    local: str
    is_live: bool
    cursor: str
    matches: int | None = None
    is_searched: bool = False


class Logs:
    """Reads the logs of all runs. ``start`` before use; an owner closes it."""

    def __init__(
        self,
        db: Database,
        data_dir: Path,
        demand: Demand,
        landings: Landings,
        events: EventBus,
        *,
        clock: Callable[[], float],
    ) -> None:
        self._db = db
        self._data_dir = data_dir
        self._demand = demand
        self._landings = landings
        self._events = events
        self._clock = clock
        self._state = LogState(db)
        self._indexes = LineIndexes()
        self._tasks = Tasks()
        self._counting: set[tuple[int, str]] = set()
        self._landed: dict[tuple[int, str], None] = {}
        self._has_landed = asyncio.Event()
        self._rewrites: OrderedDict[tuple[int, str, int], None] = OrderedDict()
        landings.listen(self._note)

    def start(self) -> None:
        self._tasks.start(self._tell_news(), name="news of logs")

    async def close(self) -> None:
        await self._tasks.close()

    async def page(self, run: str, query: LogQuery) -> LogPage:
        """Return part of a log, of what is here by now.

        Raises NotFound and Ambiguous (the run), InvalidRequest, and, where nothing is here, why it cannot be fetched:
        Gone, AccessDenied, DiskFull, RemoteFailed.
        """
        if query.tail is not None and (query.offset or query.search):
            raise InvalidRequest("tail: give either tail, or offset and search.")
        source = await self.find(run, query.path)
        source.is_reached = self._demand.can_reach(source.row.sync_id)
        tail = await self._make_present(source, is_tail=query.tail is not None)
        if tail is not None:
            return await self._show_remote(source, query, tail)
        while query.offset and not await in_thread(source.count_on, to_line=query.offset):
            pass
        page = await in_thread(self._read, source, query)
        if page.total_lines is None and page.local != "none":
            self._count(source)
        return page

    async def find(self, run: str, path: str | None = None) -> LogSource:
        """Return a run's log, for ``follow``; ``path`` as in ``LogQuery``. Raises NotFound, Ambiguous."""
        return await in_thread(find_source, self._db, self._data_dir, run, path, self._indexes)

    async def follow(self, source: LogSource, start: LogStart) -> AsyncGenerator[Sequence[LogMessage], None]:
        """Yield lines in the order they were written, for as long as somebody reads; see ``LogStart`` for the first.

        A log that is rewritten goes on with the first line of what it holds then.
        """
        follower = LogFollower(source, start)
        with self._landings.watch(*source.key) as landed, self._demand.follow(source.key[0], [source.path]):
            is_from_end = start.tail is not None and start.line is None and start.cursor is None
            tail = await self._read_ahead(source) if is_from_end else None
            if tail is not None:
                yield follower.begin_with(tail)
            batches = follower.run(landed, lambda generation: self._tell_rewritten(source, generation))
            async with aclosing(batches):
                async for messages in batches:
                    yield messages

    async def _make_present(self, source: LogSource, *, is_tail: bool) -> RemoteTail | None:
        """Have a smart sync fetch the log; returns its end where that is wanted and nothing else is here yet."""
        sync_id, path = source.key
        self._demand.touch(sync_id, [path])
        if not source.is_smart or not self._demand.can_reach(sync_id):
            return None
        tail = await self._read_ahead(source) if is_tail else None
        if tail is not None:
            return tail
        try:
            async with asyncio.timeout(FETCH_SECONDS):
                await self._demand.fetch(sync_id, path)
        except (TimeoutError, NotConnected, ConnectTimeout, NotFound, Conflict):
            return None  # what is here is shown, and how much of the log that is
        except RunferryError:
            state = await in_thread(source.find_state)
            if state is None or state.held_size is None:
                raise
        return None

    async def _read_ahead(self, source: LogSource) -> RemoteTail | None:
        """Return the end of a log straight from the server, where nothing of it is here."""
        if not source.is_smart or not self._demand.can_reach(source.row.sync_id):
            return None
        state = await in_thread(source.find_state)
        if state is None or state.held_size is not None:
            return None
        return await source.read_remote_tail(self._demand)

    def _read(self, source: LogSource, query: LogQuery) -> LogPage:
        with source.open() as (state, log):
            if state is None or log is None:
                return self._make_page(source, state, NOTHING)
            index = source.find_index(state, log)
            if query.search:
                needle = Needle(query.search, is_exact=query.is_exact)
                lines = search(log, index, needle, first=query.offset, limit=query.limit)
            elif query.tail is not None:
                lines = read_tail(log, index, query.tail)
            else:
                lines = read_from(log, index, query.offset, query.limit)
            return self._make_page(source, state, lines, log, index.total(log))

    def _make_page(
        self,
        source: LogSource,
        state: FileState | None,
        lines: Lines,
        log: LogFile | None = None,
        total: int | None = None,
    ) -> LogPage:
        row = source.row
        status = effective_status_of(row.status, row.check)
        return LogPage(
            run=row.key,
            path=source.name,
            paths=source.names,
            lines=lines.lines,
            offset=lines.first,
            next_offset=lines.next_line,
            total_lines=total,
            size_bytes=state.size if state else 0,
            held_bytes=log.size if log else 0,
            local=state.local if state and log else "none",
            is_live=source.is_reached and status == RunStatus.RUNNING and not (state and state.is_gone),
            cursor=log.make_cursor(lines.end) if log else "",
            matches=lines.matches,
            is_searched=lines.is_searched,
        )

    async def _show_remote(self, source: LogSource, query: LogQuery, tail: RemoteTail) -> LogPage:
        """Make a page of a log's end as it is on the server."""
        texts = [text for text, _ in tail.lines] + ([tail.rest] if tail.rest else [])
        is_all = tail.start == 0
        skipped = max(0, len(texts) - (query.tail or 0))
        lines = tuple(NumberedLine(n if is_all else None, text) for n, text in enumerate(texts) if n >= skipped)
        state = FileState(tail.size, None, 0, is_gone=False)
        shown = Lines(lines, skipped if is_all else None, None, 0)
        page = await in_thread(self._make_page, source, state, shown, None, len(texts) if is_all else None)
        return replace(page, cursor=tail.cursor if not tail.rest else "")

    # Counting

    def _count(self, source: LogSource) -> None:
        """Count the lines of a large log behind the scenes."""
        if source.key not in self._counting:
            self._counting.add(source.key)
            self._tasks.start(self._keep_counting(source), name=f"lines of {source.path}")

    async def _keep_counting(self, source: LogSource) -> None:
        try:
            while not await in_thread(source.count_on):
                pass
        except RunferryError:
            return  # whoever asks for the next page is told
        finally:
            self._counting.discard(source.key)

    # Telling

    def _note(self, sync_id: int, paths: Collection[str]) -> None:
        logs = [path for path in paths if path.endswith(LOG_ENDS)]
        for reader in READERS:
            logs += [path for path in paths if reader.find_log_run(path) is not None]
        self._landed.update(dict.fromkeys((sync_id, path) for path in logs))
        if self._landed:
            self._has_landed.set()

    async def _tell_news(self) -> None:
        """Publish which logs have grown, at most four times a second."""
        while True:
            await self._has_landed.wait()
            self._has_landed.clear()
            landed, self._landed = list(self._landed), {}
            if len(landed) <= MOST_NEWS:
                with suppress(RunferryError):
                    await self._publish_news(landed)
            await asyncio.sleep(NEWS_SECONDS)

    async def _publish_news(self, landed: Sequence[tuple[int, str]]) -> None:
        asked = [
            (sync_id, directory, path)
            for sync_id, path in landed
            for directory in {reader.find_log_run(path) for reader in READERS}
            if directory is not None
        ]
        others = [(sync_id, path) for sync_id, path in landed if path.endswith(LOG_ENDS)]
        for news in await in_thread(lambda: [*self._state.describe(asked), *self._state.describe_found(others)]):
            self._events.publish("log", {"run": news.run, "path": news.path, "size": news.size})

    def _tell_rewritten(self, source: LogSource, generation: int) -> None:
        """Publish once, for all who follow it, that a log begins anew."""
        key = (*source.key, generation)
        if key in self._rewrites:
            return
        self._rewrites[key] = None
        while len(self._rewrites) > REMEMBERED_REWRITES:
            self._rewrites.popitem(last=False)
        self._events.publish("log", {"run": source.row.key, "path": source.name, "rewritten": True})
