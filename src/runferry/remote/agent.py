"""A ``Remote`` that asks the agent on the server. It speaks through a ``Dialogue`` and knows nothing of channels."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import time
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence

from runferry.agent import wire
from runferry.errors import ConnectionLost, RunferryError
from runferry.model import (
    Change,
    Chunk,
    Content,
    Digest,
    Entry,
    Problem,
    ProcessQuestion,
    ProcessState,
    ServerInfo,
    Snapshot,
)
from runferry.remote import replies
from runferry.remote.base import BrowseEntry, Priority
from runferry.remote.dialogue import ANSWER_TIMEOUT, Dialogue, Exchange, read_body
from runferry.remote.parts import Assembly, is_empty, merge, to_snapshot
from runferry.remote.paths import check_path, check_range, check_root, check_text, is_resolved
from runferry.remote.records import BUDGET, UNDER_WAY, Batch, Batches, read_records
from runferry.remote.speed import Speed

_SILENCE = 3.0
"""Ping intervals without a byte from the server after which the link counts as lost."""

_MESSAGE = 4 * 1024 * 1024
_TREE = 1024 * 1024 * 1024
_BACKLOG = 256 * 1024 * 1024
_STATS = 1000
_MERGED = 256
_NOTES = 20


Following = tuple[str, float]
"""A root, and the interval (seconds) at which it is followed."""


class AgentRemote:
    """See ``base``. ``end`` closes the channel; ``ping_interval`` is in seconds.

    ``begun``: what was asked to be followed before the agent had introduced itself, or before its root was resolved.
    Who follows one of them takes it over; what nobody has taken by the next ping is cancelled.
    """

    def __init__(
        self,
        dialogue: Dialogue,
        info: ServerInfo,
        end: Callable[[], Awaitable[None]],
        *,
        ping_interval: float,
        begun: Mapping[Following, Exchange],
    ) -> None:
        self.begun = dict(begun)
        self._dialogue = dialogue
        self._info = info
        self._end = end
        self._speed = Speed(lambda: dialogue.received, time.monotonic)
        self._keeper = asyncio.get_running_loop().create_task(self._keep_alive(ping_interval))

    @property
    def info(self) -> ServerInfo:
        return self._info

    def add_tried(self, sentence: str) -> None:
        """Add to what ``info.tried`` tells."""
        self._info = dataclasses.replace(self._info, tried=(*self._info.tried, sentence)[-_NOTES:])

    async def resolve(self, path: str, *, follow_every: float | None = None) -> str:
        following: Following | None = None
        if follow_every is not None and is_resolved(path) and not self.begun:  # an agent follows only so many at once
            following = path, follow_every
        body: dict[str, object] = {"path": check_text(path)}
        root = ""
        try:
            with self._dialogue.strictly():
                async with self._dialogue.ask(wire.RESOLVE, body, subject=path, limit=_MESSAGE) as exchange:
                    if following is not None:
                        self.begun[following] = ask_to_follow(self._dialogue, *following)
                    root = replies.read_root(await _take_result(exchange))
            return root
        finally:
            if following is not None and root != path and following in self.begun:
                self.begun.pop(following).close()

    async def list_directory(self, path: str, *, depth: int = 1) -> Sequence[BrowseEntry]:
        listing = replies.Listing()
        body: dict[str, object] = {"path": check_text(path), "depth": depth}
        with self._dialogue.strictly():
            async with self._dialogue.ask(wire.LIST, body, subject=path, limit=_TREE) as exchange:
                while (frame := await exchange.take()).kind != wire.RESULT:
                    listing.add(read_body(frame))
                return listing.finish(read_body(frame))

    async def scan(self, root: str) -> Snapshot:
        assembly = Assembly()
        change: Change | None = None
        body: dict[str, object] = {"root": check_root(root)}
        with self._dialogue.strictly():
            async with self._dialogue.ask(wire.SCAN, body, subject=root, limit=_TREE) as exchange:
                while (frame := await exchange.take()).kind != wire.RESULT:
                    change = assembly.add(read_body(frame)) or change
            if change is None or not change.complete:
                raise wire.Violation("a scan without an end")
            return to_snapshot(change)

    async def follow(self, root: str, *, interval: float) -> AsyncGenerator[Change, None]:
        assembly = Assembly()
        has_begun = False
        async with self.begun.pop((root, interval), None) or ask_to_follow(self._dialogue, root, interval) as exchange:
            while True:
                patience = None if has_begun else ANSWER_TIMEOUT
                change = await self._take_change(exchange, assembly, patience=patience, may_be_part=not has_begun)
                if change.is_part:
                    yield change
                    continue
                for _ in range(_MERGED):
                    if not exchange.has_ready:
                        break
                    change = merge(change, await self._take_change(exchange, assembly))
                with self._dialogue.strictly():
                    if not has_begun and not change.complete:
                        raise wire.Violation("it does not follow from the start")
                has_begun = True
                if not is_empty(change):
                    yield change

    async def read(
        self, root: str, path: str, *, offset: int, length: int, priority: Priority, check: bool = False
    ) -> Chunk | Problem:
        check_range(offset, length)
        body = self._bulk(root, priority, path=check_path(path), offset=offset, length=length, check=check)
        limit = length + wire.MAX_PAYLOAD
        pieces: list[bytes] = []
        with self._dialogue.strictly(), self._speed.waiting():
            async with self._dialogue.ask(wire.READ, body, subject=root, limit=limit) as exchange:
                while (frame := await exchange.take()).kind != wire.RESULT:
                    pieces.extend([frame.data()] if frame.compressed else frame.pieces)
                data = b"".join(pieces)
                if len(data) > length:
                    raise wire.Violation("more bytes than were asked for")
                return replies.read_chunk(path, data, read_body(frame))

    async def read_many(
        self, root: str, paths: Sequence[str], *, priority: Priority
    ) -> AsyncGenerator[Sequence[Content | Problem], None]:
        batches = Batches([check_path(path) for path in paths])
        active: deque[tuple[Exchange, Batch]] = deque()
        try:
            while True:
                while len(active) < UNDER_WAY and (batch := batches.next()):
                    body = self._bulk(root, priority, paths=batch.paths, budget=BUDGET)
                    limit = BUDGET + 2 * wire.MAX_PAYLOAD
                    active.append((self._dialogue.ask(wire.READ_MANY, body, subject=root, limit=limit), batch))
                if not active:
                    return
                exchange, batch = active[0]
                answered = 0
                while (records := await self._take_records(exchange, batch, answered)) is not None:
                    answered += len(records)
                    yield records
                active.popleft()[0].close()
                with self._dialogue.strictly():
                    batches.give_back(batch, answered)
        finally:
            for exchange, _ in active:
                exchange.close()

    async def digest(self, root: str, path: str, *, length: int) -> Digest | Problem:
        body: dict[str, object] = {"root": check_root(root), "path": check_path(path), "length": length}
        with self._dialogue.strictly():
            return replies.read_digest(path, await self._ask(wire.DIGEST, body, root))

    async def stat(self, root: str, paths: Sequence[str]) -> Sequence[Entry | Problem]:
        found: list[Entry | Problem] = []
        for start in range(0, len(paths), _STATS):
            some = [check_path(path) for path in paths[start : start + _STATS]]
            with self._dialogue.strictly():
                body = await self._ask(wire.STAT, {"root": check_root(root), "paths": some}, root)
                found.extend(replies.read_stats(some, body))
        return found

    async def processes(self, questions: Sequence[ProcessQuestion]) -> Sequence[ProcessState]:
        states: list[ProcessState] = []
        for start in range(0, len(questions), _STATS):
            some = questions[start : start + _STATS]
            rows = [(question.pid, question.hostname, question.started_before) for question in some]
            with self._dialogue.strictly():
                body = await self._ask(wire.PROCESSES, {"questions": rows}, "")
                states.extend(replies.read_processes(some, body))
        return states

    async def ping(self) -> float:
        began = time.perf_counter()
        with self._dialogue.strictly():
            await self._ask(wire.PING, {}, "")
        return time.perf_counter() - began

    async def close(self) -> None:
        self._dialogue.fail(ConnectionLost("The connection to the server was closed."))
        self._keeper.cancel()
        await asyncio.gather(self._keeper, return_exceptions=True)
        await self._end()

    async def _ask(self, kind: int, body: dict[str, object], subject: str) -> dict[str, object]:
        async with self._dialogue.ask(kind, body, subject=subject, limit=_MESSAGE) as exchange:
            return await _take_result(exchange)

    def _bulk(self, root: str, priority: Priority, **fields: object) -> dict[str, object]:
        return {"root": check_root(root), "priority": int(priority), "squeeze": self._speed.is_slow, **fields}

    async def _take_change(
        self,
        exchange: Exchange,
        assembly: Assembly,
        *,
        patience: float | None = ANSWER_TIMEOUT,
        may_be_part: bool = False,
    ) -> Change:
        """Return the next change, of which the first part may take ``patience`` seconds (None: for ever).

        Where it ``may_be_part``, what has come of it is not waited with until more comes.
        """
        with self._dialogue.strictly():
            change = assembly.add(read_body(await exchange.take(timeout=patience)))
            while change is None:
                if may_be_part and not exchange.has_ready and (change := assembly.take_part()) is not None:
                    break
                change = assembly.add(read_body(await exchange.take(timeout=ANSWER_TIMEOUT)))
        while assembly.notes:
            self.add_tried(assembly.notes.pop(0))
        return change

    async def _take_records(
        self, exchange: Exchange, batch: Batch, answered: int
    ) -> Sequence[Content | Problem] | None:
        """Return the next files of a batch, or None after the last of its request."""
        with self._dialogue.strictly(), self._speed.waiting():
            frame = await exchange.take()
            if frame.kind == wire.RESULT:
                return None
            return read_records(frame.data(), batch.paths, answered)

    async def _keep_alive(self, interval: float) -> None:
        """Let the agent hear from us, and notice when nothing comes from there any more."""
        while self._dialogue.error is None:
            await asyncio.sleep(interval)
            while self.begun:
                self.begun.popitem()[1].close()
            if time.monotonic() - self._dialogue.heard > _SILENCE * interval:
                self._dialogue.fail(ConnectionLost("The agent on the server stopped answering."))
                return
            with contextlib.suppress(RunferryError):  # whoever asks for something will see it
                async with self._dialogue.ask(wire.PING, {}, limit=_MESSAGE) as exchange:
                    await exchange.take(timeout=interval)


def ask_to_follow(dialogue: Dialogue, root: str, interval: float) -> Exchange:
    """Ask for a root's whole tree, and its changes from then on."""
    body: dict[str, object] = {"root": check_root(root), "interval": interval}
    return dialogue.ask(wire.FOLLOW, body, subject=root, limit=_BACKLOG)


async def _take_result(exchange: Exchange) -> dict[str, object]:
    """Return the body of the RESULT; parts before it only say that the server is still at work."""
    while (frame := await exchange.take()).kind != wire.RESULT:
        pass
    return read_body(frame)
