"""Pages, tails, searches and places of a log, against the plainest reading of the same bytes, for tiny pieces."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runferry.errors import LocalCopyDamaged
from runferry.store import log_file, log_index, log_lines, logs
from runferry.store.log_file import LogFile, open_log
from runferry.store.log_index import LineIndex, LineIndexes
from runferry.store.logs import Lines, Needle, read_from, read_tail, search

PIECE, LONGEST = 32, 24


@pytest.fixture(autouse=True, scope="module")
def tiny_pieces() -> Iterator[None]:
    """Let every log of a few lines be a large one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(log_file, "PIECE", PIECE)
        patch.setattr(log_index, "STEP", PIECE)
        patch.setattr(log_lines, "LONGEST", LONGEST)
        patch.setattr(logs, "LONGEST", LONGEST)
        yield


@contextmanager
def opened(data: bytes, *, size: int | None = None) -> Iterator[LogFile]:
    descriptor = os.memfd_create("log")
    try:
        os.write(descriptor, data)
        yield LogFile(descriptor, len(data) if size is None else size)
    finally:
        os.close(descriptor)


def indexed(log: LogFile) -> LineIndex:
    index = LineIndex(0, log.inode)
    assert index.extend(log)
    return index


def split(data: bytes) -> list[bytes]:
    """Return the lines of a log, plainly."""
    lines = data.split(b"\n")
    return lines if lines[-1] else lines[:-1]


def show(raw: bytes) -> str:
    """Return a line as it is shown, plainly."""
    if len(raw) <= LONGEST:
        return raw.removesuffix(b"\r").decode(errors="replace")
    state = next(part for part in [*raw.split(b"\r")[::-1], b""] if part or not raw.strip(b"\r"))
    if len(state) <= LONGEST:
        return state.decode(errors="replace")
    return (
        f"{log_lines.whole_characters(state[:LONGEST]).decode(errors='replace')} [cut: the line has {len(raw):,} bytes]"
    )


def texts(found: Lines) -> list[str]:
    return [line.text for line in found.lines]


def numbers(found: Lines) -> list[int | None]:
    return [line.number for line in found.lines]


piece = st.sampled_from(
    [b"\n", b"\r", b"\r\n", b"a", b"B", b"\xff", "é".encode(), "😀".encode(), b"\x1b[31m", b"x" * 11]
)
written = st.lists(piece, max_size=60).map(b"".join)


@given(written, st.integers(0, 30), st.integers(1, 30))
@example(b"", 0, 1)
@example(b"a" * 100, 0, 1)
@example(b"a" * 100 + b"\nb\n", 1, 1)
def test_a_page_holds_the_lines_from_its_offset_on(data: bytes, offset: int, limit: int) -> None:
    lines = [show(raw) for raw in split(data)]
    with opened(data) as log:
        found = read_from(log, indexed(log), offset, limit)
        expected = lines[offset : offset + limit]
        assert texts(found) == expected
        assert numbers(found) == list(range(offset, offset + len(expected)))
        assert found.next_line == (offset + limit if offset + limit < len(lines) else None)


@given(written, st.integers(1, 9))
def test_pages_one_after_the_other_hold_every_line_once(data: bytes, limit: int) -> None:
    with opened(data) as log:
        index, shown, line = indexed(log), [], 0
        while line is not None:
            found = read_from(log, index, line, limit)
            shown += texts(found)
            line = found.next_line  # type: ignore[assignment]
    assert shown == [show(raw) for raw in split(data)]


@given(written, st.integers(0, 30))
def test_the_tail_holds_the_last_lines_with_the_right_numbers_or_none(data: bytes, count: int) -> None:
    lines = [show(raw) for raw in split(data)]
    expected = lines[len(lines) - count :] if count < len(lines) else lines
    with opened(data) as log:
        right = list(range(len(lines) - len(expected), len(lines)))
        for index in (indexed(log), LineIndex(0, log.inode)):
            found = read_tail(log, index, count)
            assert texts(found) == expected
            assert numbers(found) in (right, [None] * len(expected))
        assert numbers(read_tail(log, indexed(log), count)) == right


@given(written)
def test_the_index_counts_lines_as_they_are_and_knows_where_each_begins(data: bytes) -> None:
    lines = split(data)
    with opened(data) as log:
        index = indexed(log)
        assert index.total(log) == len(lines)
        at = 0
        for number, line in enumerate(lines):
            assert index.find(log, number) == at
            assert index.number_at(log, at) == number
            assert log.is_line_start(at)
            at += len(line) + 1
        assert index.find(log, len(lines)) is None


@given(written, written)
def test_an_index_goes_on_where_the_log_has_grown(before: bytes, after: bytes) -> None:
    with opened(before + after, size=len(before)) as log:
        index = LineIndex(0, log.inode)
        index.extend(log)
        log.size += len(after)
        assert index.is_of(log, 0)
        index.extend(log)
        assert index.total(log) == len(split(before + after))


@given(
    written,
    st.sampled_from(["a", "B", "b", "é", "É", "😀", "x" * 11, "[31m", "ab", "a\n", "cut", "\ufffd"]),
    st.booleans(),
)
def test_a_search_finds_the_lines_that_show_the_text(data: bytes, needle: str, is_exact: bool) -> None:
    def has(text: str) -> bool:
        said = text.split(log_lines.MARK)[0]
        return needle in said if is_exact else needle.casefold() in said.casefold()

    lines = [show(raw) for raw in split(data)]
    expected = [(number, text) for number, text in enumerate(lines) if has(text)]
    with opened(data) as log:
        found = search(log, indexed(log), Needle(needle, is_exact=is_exact), first=0, limit=100)
    assert list(zip(numbers(found), texts(found), strict=True)) == expected
    assert (found.matches, found.is_searched, found.next_line) == (len(expected), True, None)


@given(written, st.integers(1, 4), st.integers(1, 64))
def test_a_search_in_small_steps_finds_every_line_once(data: bytes, limit: int, budget: int) -> None:
    with pytest.MonkeyPatch.context() as patch, opened(data) as log:
        patch.setattr(logs, "SEARCHED", budget)
        index, shown, line = indexed(log), [], 0
        while line is not None:
            found = search(log, index, Needle("a"), first=line, limit=limit)
            shown += texts(found)
            line = found.next_line  # type: ignore[assignment]
    assert shown == [text for text in map(show, split(data)) if "a" in text.split(log_lines.MARK)[0].casefold()]


@given(written, st.integers(0, 300), written)
def test_a_cursor_finds_its_place_again_and_no_place_in_another_log(data: bytes, place: int, other: bytes) -> None:
    position = min(place, len(data))
    with opened(data) as log:
        cursor = log.make_cursor(position)
    with opened(data + other) as grown:
        assert grown.find_cursor(cursor) == position
    with opened(other) as rewritten:
        is_same = other[:position] == data[:position]
        assert (rewritten.find_cursor(cursor) == position) is is_same


@pytest.mark.parametrize("text", ["", "-", "5", "5-", "-5-x", "²-x", "x-5", "9" * 30 + "-x", "１-x"])
def test_what_is_no_cursor_has_no_place(text: str) -> None:
    assert log_file.read_cursor(text) is None


@given(st.text(max_size=8), st.integers(0, 3))
def test_half_a_character_is_left_for_later(text: str, cut: int) -> None:
    data = text.encode(errors="ignore")
    part = data[: len(data) - cut]
    whole = log_lines.whole_characters(part)
    assert part.startswith(whole)
    assert whole.decode() == part.decode(errors="ignore")


def test_only_committed_bytes_are_read() -> None:
    with opened(b"one\ntwo\nuncommitted\n", size=8) as log:
        assert texts(read_from(log, indexed(log), 0, 10)) == ["one", "two"]


def test_a_copy_that_is_shorter_than_the_index_says_is_an_error_not_a_short_log() -> None:
    with opened(b"one\n", size=8) as log, pytest.raises(LocalCopyDamaged):
        read_from(log, LineIndex(0, log.inode), 0, 10)


def test_a_missing_file_is_no_log(tmp_path: Path) -> None:
    with open_log(str(tmp_path / "logs.txt"), 5) as log:
        assert log is None


def test_a_link_in_the_place_of_a_log_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "logs.txt").symlink_to("secret")
    with pytest.raises(LocalCopyDamaged), open_log(str(tmp_path / "logs.txt"), 5):
        pass


def test_a_page_of_long_lines_is_cut_where_it_would_be_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "PAGE_TEXT", 10)
    with opened(b"1234567\n" * 3) as log:
        index = indexed(log)
        first = read_from(log, index, 0, 100)
        assert (len(first.lines), first.next_line) == (1, 1)
        assert numbers(read_tail(log, index, 3)) == [2]
        assert search(log, index, Needle("4"), first=0, limit=9).next_line == 1


def test_an_index_of_a_rewritten_log_is_made_anew() -> None:
    indexes = LineIndexes()
    with opened(b"a\n" * 40) as log:
        index = indexes.get((1, "logs.txt"), log, 0)
        index.extend(log)
        assert indexes.get((1, "logs.txt"), log, 0) is index
        assert indexes.get((1, "logs.txt"), log, 1) is not index
        assert indexes.get((2, "logs.txt"), log, 0) is not index
        mended = indexes.get((1, "logs.txt"), log, 0)
        mended.extend(log)
        os.pwrite(log._descriptor, b"bb", 60)
        assert indexes.get((1, "logs.txt"), log, 0) is not mended


def test_only_the_indexes_used_last_are_kept() -> None:
    indexes = LineIndexes()
    with opened(b"a\n" * 40) as log:
        first = indexes.get((0, "logs.txt"), log, 0)
        for number in range(log_index.MOST_INDEXES + 1):
            indexes.get((number, "logs.txt"), log, 0)
        assert indexes.get((0, "logs.txt"), log, 0) is not first


MEASURE = """
import resource, sys
from runferry.store.log_file import open_log
from runferry.store.log_index import LineIndex
from runferry.store.logs import Needle, read_from, read_tail, search

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with open_log(sys.argv[1], int(sys.argv[2])) as log:
    index = LineIndex(0, log.inode)
    tail = read_tail(log, index, 1000)
    assert tail.first is None and [line.text for line in tail.lines] == [f"line {n}" for n in range(1000)]
    while not index.extend(log):
        pass
    assert index.total(log) == 1001
    assert [line.number for line in read_tail(log, index, 1000).lines] == list(range(1, 1001))
    page = read_from(log, index, 0, 2)
    assert page.lines[0].text.endswith("[cut: the line has 2,147,483,648 bytes]"), page.lines[0].text[-50:]
    assert page.lines[1].text == "line 0"
    assert search(log, index, Needle("LINE 999"), first=0, limit=10).next_line == 1
    assert search(log, index, Needle("LINE 999"), first=1, limit=10).lines[0].number == 1000
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_log_of_two_gigabytes_with_hardly_a_newline_costs_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "logs.txt"
    with path.open("wb") as file:
        file.truncate(2**31)  # a hole: it reads as zeros, and takes no room
        file.seek(0, os.SEEK_END)
        file.write(b"\n" + b"".join(b"line %d\n" % number for number in range(1000)))
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(path), str(path.stat().st_size)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) * 1024 < 32 * 1024 * 1024, f"{done.stdout} KiB more"
