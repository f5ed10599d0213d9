"""Pages of a log: from a line on, from its end, and the lines with a text. Bounded work and memory for each.

It reads one open log and its index, and nothing else. Everything here blocks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from runferry.store.log_file import Block, LogFile
from runferry.store.log_index import LineIndex
from runferry.store.log_lines import LONGEST, show_line, strip_mark

PAGE_TEXT = 8 * 1024 * 1024
"""Characters of one page; the next one goes on where it ends."""

TAIL_BYTES = 64 * 1024 * 1024
"""Bytes that are looked at for the last lines."""

SEARCHED = 32 * 1024 * 1024
"""Bytes that one search looks at; the next one goes on from there."""


@dataclass(frozen=True, slots=True)
class NumberedLine:
    """A line of a page; ``number`` counts from 0, None where it is not known yet."""

    number: int | None
    text: str


@dataclass(frozen=True, slots=True)
class Lines:
    """Part of a log. ``next_line`` is where the next part begins, None at the log's end.

    ``end`` is the byte behind the last line. ``matches`` counts the lines a search found, also those beyond the page;
    None where this was no search. ``is_searched``: it looked as far as the log's end.
    """

    lines: tuple[NumberedLine, ...]
    first: int | None
    next_line: int | None
    end: int
    matches: int | None = None
    is_searched: bool = False


def read_from(log: LogFile, index: LineIndex, line: int, limit: int) -> Lines:
    """Return up to ``limit`` lines from ``line`` on; ``index`` must know where that begins."""
    start = index.find(log, line)
    if start is None:
        return Lines((), line, None, log.size)
    found: list[NumberedLine] = []
    length, end = 0, start
    for block in log.blocks(start):
        for item in block.lines():
            if found and (len(found) >= limit or length + len(item.text) > PAGE_TEXT):
                return Lines(tuple(found), line, line + len(found), end)
            found.append(NumberedLine(line + len(found), item.text))
            length, end = length + len(item.text), item.end
    return Lines(tuple(found), line, None, end)


def read_tail(log: LogFile, index: LineIndex, count: int) -> Lines:
    """Return the last ``count`` lines, or as many of them as fit a page; numbered where ``index`` knows."""
    start = log.find_tail(count, within=TAIL_BYTES)
    kept: deque[tuple[int, str]] = deque()
    length = 0
    for block in log.blocks(start):
        for item in block.lines():
            kept.append((item.start, item.text))
            length += len(item.text)
            while length > PAGE_TEXT and len(kept) > 1:
                length -= len(kept.popleft()[1])
    first = index.number_at(log, kept[0][0] if kept else log.size)
    numbers: Iterator[int | None] = (
        iter(range(first, first + len(kept))) if first is not None else iter(lambda: None, 0)
    )
    return Lines(tuple(NumberedLine(next(numbers), text) for _, text in kept), first, None, log.size)


def search(log: LogFile, index: LineIndex, needle: Needle, *, first: int, limit: int) -> Lines:
    """Return up to ``limit`` lines with ``needle`` from line ``first`` on, and count those that follow.

    ``index`` must know where ``first`` begins. ``SEARCHED`` bytes are looked at; ``next_line`` goes on from there.
    """
    start = index.find(log, first)
    if start is None:
        return Lines((), first, None, log.size, 0, is_searched=True)
    found: list[NumberedLine] = []
    line, matches, length, next_line = first, 0, 0, None
    for block in log.blocks(start):
        if block.start - start >= SEARCHED:
            return Lines(tuple(found), first, line if next_line is None else next_line, block.start, matches)
        for number, hit in needle.find_lines(block):
            matches += 1
            if next_line is not None:
                continue
            text = hit if isinstance(hit, str) else show_line(hit)
            if len(found) < limit and (not found or length + len(text) <= PAGE_TEXT):
                found.append(NumberedLine(line + number, text))
                length += len(text)
            else:
                next_line = line + number
        line += block.newlines
    return Lines(tuple(found), first, next_line, log.size, matches, is_searched=True)


class Needle:
    """What to look for: plain text, in the lines as they are shown. Not a pattern, so no text can make it slow."""

    def __init__(self, text: str, *, is_exact: bool = False) -> None:
        """With ``is_exact`` upper and lower case differ."""
        self._fold: Callable[[str], str] = str if is_exact else str.casefold
        self._text = self._fold(text)
        self._raw = text.encode("utf-8", "replace")
        self._fold_raw: Callable[[bytes], bytes] | None = bytes if is_exact else bytes.lower if text.isascii() else None
        if not is_exact:
            self._raw = self._raw.lower()
        if "\ufffd" in text:
            self._fold_raw = None  # it stands for bytes of any kind that are no UTF-8: only shown lines have it

    def find_lines(self, block: Block) -> Iterator[tuple[int, str | bytes]]:
        """Yield the lines of a block that have it, as text or as bytes, each with its number within the block."""
        if block.folded is not None or self._fold_raw is None:
            yield from self._compare(block)
        elif "\n" not in self._text:
            yield from self._scan(block.data, self._fold_raw(block.data))

    def _compare(self, block: Block) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(block.lines()):
            if self._text in self._fold(strip_mark(line.text, line.end - line.start)):
                yield number, line.text

    def _scan(self, data: bytes, folded: bytes) -> Iterator[tuple[int, str | bytes]]:
        """Look for it in all of a block at once: only lines that have it cost more than reading them."""
        number = counted = 0
        at = folded.find(self._raw)
        while at >= 0:
            begin = folded.rfind(b"\n", counted, at) + 1 or counted
            number += folded.count(b"\n", counted, begin)
            counted = begin
            stop = folded.find(b"\n", at)
            stop = len(folded) if stop < 0 else stop
            raw = data[begin:stop]
            if len(raw) <= LONGEST or self._text in self._fold(strip_mark(show_line(raw), len(raw))):
                yield number, raw
            at = folded.find(self._raw, stop + 1)
