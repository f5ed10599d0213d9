"""Follows one log for one reader: what is there, then what comes, each line once and in order, at the reader's pace.

It holds a place in the log, never its bytes: a reader that stops reading costs nothing. It sends nothing anywhere.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import dataclass, field, replace

from runferry.blocking import in_thread
from runferry.errors import LocalCopyDamaged
from runferry.service.log_source import LogSource, RemoteTail
from runferry.store.log_file import LogFile, LogLine, read_cursor
from runferry.store.log_lines import LAST_BYTES, LONGEST, decode, whole_characters
from runferry.store.log_state import FileState

PARTIAL_SECONDS = 2.0
"""How long a line without a newline is held back."""

DOUBT_SECONDS = 5.0
"""How long a copy that is shorter than what was shown may be behind rather than rewritten."""

DAMAGED_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class LogStart:
    """Where to begin: the last ``tail`` lines (None: at the beginning), or line ``line``, or behind ``cursor``."""

    tail: int | None = 10_000
    line: int | None = None
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class LogMessage:
    """A line, or the part of one that has come by now.

    ``number`` is the line's (from 0; None where it is not known). ``is_partial``: its newline is yet to come;
    ``is_rest``: the part before was sent already. ``cursor`` is the place behind it, to go on from. ``is_anew``: the
    log was rewritten, and this is the first line of what it holds now.
    """

    text: str
    cursor: str
    number: int | None = None
    is_partial: bool = False
    is_rest: bool = False
    is_anew: bool = False


@dataclass(slots=True)
class Taken:
    """What one look at the log gave. ``wait`` bounds the seconds until the next one; None: until bytes land.

    ``rewritten``: the log was, this is its generation.
    """

    messages: list[LogMessage] = field(default_factory=list)
    wait: float | None = None
    rewritten: int | None = None


class LogFollower:
    """The place of one reader in one log. Every ``take`` blocks; only one may be under way."""

    def __init__(self, source: LogSource, start: LogStart, clock: Callable[[], float] = time.monotonic) -> None:
        self._source = source
        self._start = start
        self._clock = clock
        self._cursor = start.cursor if start.cursor and read_cursor(start.cursor) is not None else None
        self._number: int | None = None
        self._generation: int | None = None
        self._open_since: tuple[int, float] | None = None
        self._doubted_since: float | None = None
        self._is_anew = False

    async def run(
        self, landed: asyncio.Event, on_rewritten: Callable[[int], None]
    ) -> AsyncGenerator[Sequence[LogMessage], None]:
        """Yield messages for ever; ``landed`` is set where bytes of the log are new.

        ``on_rewritten`` is told the generation of a log that begins anew: what comes then are its lines from the first.
        """
        while True:
            landed.clear()
            taken = await in_thread(self.take)
            if taken.rewritten is not None:
                on_rewritten(taken.rewritten)
            if taken.messages:
                yield taken.messages
                continue
            try:
                async with asyncio.timeout(taken.wait):
                    await landed.wait()
            except TimeoutError:
                continue

    def begin_with(self, tail: RemoteTail) -> list[LogMessage]:
        """Show the end of a log that is not here yet; what is taken then goes on behind it."""
        total = len(tail.lines)
        skipped = 0 if self._start.tail is None else max(0, total - self._start.tail)
        is_all = tail.start == 0
        self._cursor = tail.cursor
        self._number = total if is_all else None
        return [
            LogMessage(text, cursor, number if is_all else None)
            for number, (text, cursor) in enumerate(tail.lines)
            if number >= skipped
        ]

    def take(self) -> Taken:
        """Return what follows what was taken before: about 256 KiB of it at most."""
        try:
            with self._source.open() as (state, log):
                if state is None or log is None:
                    return Taken()
                return self._take(state, log)
        except LocalCopyDamaged:
            return Taken(wait=DAMAGED_SECONDS)

    def _take(self, state: FileState, log: LogFile) -> Taken:
        taken = Taken()
        position = (
            self._find_beginning(state, log, taken) if self._cursor is None else self._find_again(state, log, taken)
        )
        if position is None:
            return taken
        self._generation, self._doubted_since = state.generation, None
        if self._number is None:  # its lines may have been counted meanwhile
            self._number = self._source.find_index(state, log).number_at(log, position)
        is_rest = not log.is_line_start(position)
        block = next(log.blocks(position), None)
        for line in block.lines() if block is not None else ():
            if not line.is_whole:
                position = self._take_open(log, line, is_rest, taken)
                break
            position = line.end
            taken.messages.append(LogMessage(line.text, log.make_cursor(position), self._number, is_rest=is_rest))
            self._number = None if self._number is None else self._number + 1
            is_rest = False
        self._cursor = log.make_cursor(position)
        if self._is_anew and taken.messages:
            self._is_anew, taken.messages[0] = False, replace(taken.messages[0], is_anew=True)
        return taken

    def _take_open(self, log: LogFile, line: LogLine, is_rest: bool, taken: Taken) -> int:
        """Hold back a line that has not ended, or take what there is of it; returns the place reached."""
        now = self._clock()
        if self._open_since is None or self._open_since[0] != line.start:
            self._open_since = (line.start, now)
        left = self._open_since[1] + PARTIAL_SECONDS - now
        if left > 0:
            taken.wait = left
            return line.start
        end = line.end - LAST_BYTES if line.end - LAST_BYTES > line.start else line.start
        end += len(whole_characters(log.read(end, line.end)))
        if end == line.start:
            return end
        text = decode(log.read(line.start, end)) if end - line.start <= LONGEST else line.text
        self._open_since = None
        taken.messages.append(LogMessage(text, log.make_cursor(end), self._number, is_partial=True, is_rest=is_rest))
        return end

    def _find_beginning(self, state: FileState, log: LogFile, taken: Taken) -> int | None:
        start = self._start
        if start.line is not None and not self._source.count_on(to_line=start.line):
            taken.wait = 0.0  # a large log: so that a reader who leaves need not be waited for
            return None
        index = self._source.find_index(state, log)
        if start.line is None:
            position = 0 if start.tail is None else log.find_tail(start.tail)
            self._number = index.number_at(log, position)
            return position
        found = index.find(log, start.line)
        if found is None and log.is_line_start(log.size) and index.number_at(log, log.size) == start.line:
            found = log.size
        self._number = start.line
        return found  # None: that line is yet to come

    def _find_again(self, state: FileState, log: LogFile, taken: Taken) -> int | None:
        """Return the place reached in the log as it is now: 0 where it was rewritten, None where that is not sure."""
        assert self._cursor is not None  # noqa: S101 - its callers see to that; this tells mypy
        found = log.find_cursor(self._cursor)
        if found is not None:
            return found
        is_shorter = log.size < (read_cursor(self._cursor) or 0)
        if is_shorter and self._generation in (None, state.generation) and self._may_be_behind(state):
            taken.wait = DAMAGED_SECONDS
            return None
        self._is_anew, taken.rewritten = True, state.generation
        self._number, self._open_since = 0, None
        return 0

    def _may_be_behind(self, state: FileState) -> bool:
        now = self._clock()
        if state.local != "full":
            self._doubted_since = None
            return True
        self._doubted_since = now if self._doubted_since is None else self._doubted_since
        return now - self._doubted_since < DOUBT_SECONDS
