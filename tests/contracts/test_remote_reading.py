"""What ``remote.base`` promises of reading files, for every implementation."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from tests.contracts.asking import code_of, hash_of, read_all, read_chunk
from tests.contracts.conftest import OTHERS
from tests.support.trees import write

from runferry.errors import InvalidRequest
from runferry.model import Content, Digest, Entry, Kind, ProblemCode
from runferry.remote.base import CHUNK, SMALL_FILE, Priority, Remote

BAD_PATHS = (
    "",
    ".",
    "..",
    "../x",
    "a/../b",
    "a//b",
    "/etc/passwd",
    "a/",
    "a/./b",
    "a\\b",
    "C:x",
    "a\0b",
    "a/" * 64 + "b",
)

denied_to = pytest.mark.parametrize("kind", OTHERS, indirect=True)


async def test_a_read_gives_the_range_asked_for(remote: Remote, root: Path) -> None:
    data = os.urandom(3 * CHUNK // 2)
    write(root / "dir/data", data)
    assert (await read_chunk(remote, root, "dir/data")).data == data[:CHUNK]
    assert (await read_chunk(remote, root, "dir/data", offset=CHUNK)).data == data[CHUNK:]
    assert (await read_chunk(remote, root, "dir/data", offset=1000, length=10)).data == data[1000:1010]
    chunk = await read_chunk(remote, root, "dir/data", offset=len(data) + 5)
    assert chunk.data == b""
    assert chunk.stable
    assert chunk.version == (await remote.scan(str(root))).entries["dir/data"].version


async def test_a_checked_read_carries_hashes_of_what_lies_before(remote: Remote, root: Path) -> None:
    data = os.urandom(300_000)
    write(root / "log", data)
    for offset in (0, 1, 100, 4095, 4096, 5000, SMALL_FILE, SMALL_FILE + 1, 300_000):
        chunk = await read_chunk(remote, root, "log", offset=offset, check=True)
        head = data[:offset] if offset <= SMALL_FILE else data[:4096]
        assert chunk.head == hash_of(head)
        assert chunk.tail == hash_of(data[max(0, offset - 4096) : offset])
        assert chunk.data == data[offset:]


async def test_the_hashes_are_empty_where_the_file_is_shorter_or_none_are_wanted(remote: Remote, root: Path) -> None:
    write(root / "log", b"short")
    beyond = await read_chunk(remote, root, "log", offset=6, check=True)
    assert (beyond.head, beyond.tail, beyond.data) == (b"", b"", b"")
    plain = await read_chunk(remote, root, "log", offset=2)
    assert (plain.head, plain.tail) == (b"", b"")


async def test_a_read_out_of_range_is_refused(remote: Remote, root: Path) -> None:
    for offset, length in [(0, CHUNK + 1), (-1, 10), (0, -1)]:
        with pytest.raises(InvalidRequest):
            await remote.read(str(root), "x", offset=offset, length=length, priority=Priority.BULK)


async def test_a_path_that_leads_out_of_the_root_is_refused(remote: Remote, root: Path) -> None:
    for path in BAD_PATHS:
        with pytest.raises(InvalidRequest):
            await remote.read(str(root), path, offset=0, length=1, priority=Priority.BULK)
        with pytest.raises(InvalidRequest):
            await remote.digest(str(root), path, length=1)
        with pytest.raises(InvalidRequest):
            await remote.stat(str(root), ["ok", path])
        with pytest.raises(InvalidRequest):
            await read_all(remote, root, ["ok", path])


async def test_a_root_that_is_not_absolute_is_refused(remote: Remote) -> None:
    with pytest.raises(InvalidRequest):
        await remote.scan("runs")
    with pytest.raises(InvalidRequest):
        await anext(remote.follow("runs", interval=1.0))


async def test_many_small_files_are_read_whole_and_each_is_answered_once(remote: Remote, root: Path) -> None:
    wanted = {f"dir-{number % 7}/file-{number}": os.urandom(number % 2000) for number in range(1500)}
    for path, data in wanted.items():
        write(root / path, data)
    found = await read_all(remote, root, list(wanted))
    assert set(found) == set(wanted)
    for path, answer in found.items():
        assert isinstance(answer, Content)
        assert answer.data == wanted[path]
        assert answer.stable
    versions = {path: entry.version for path, entry in (await remote.scan(str(root))).entries.items()}
    assert all(isinstance(answer, Content) and answer.version == versions[path] for path, answer in found.items())


async def test_files_of_the_largest_small_size_are_read_too(remote: Remote, root: Path) -> None:
    wanted = {f"file-{number}": os.urandom(SMALL_FILE) for number in range(40)}
    for path, data in wanted.items():
        write(root / path, data)
    found = await read_all(remote, root, list(wanted))
    assert {path: answer.data for path, answer in found.items() if isinstance(answer, Content)} == wanted


async def test_one_files_trouble_does_not_touch_the_others(remote: Remote, root: Path) -> None:
    write(root / "good", "good")
    write(root / "empty")
    write(root / "large", b"x" * (SMALL_FILE + 1))
    (root / "dir").mkdir()
    (root / "link").symlink_to("good")
    found = await read_all(remote, root, ["missing", "good", "large", "dir", "link", "empty", "good/below"])
    good, empty = found["good"], found["empty"]
    assert isinstance(good, Content)
    assert isinstance(empty, Content)
    assert (good.data, empty.data) == (b"good", b"")
    assert code_of(found["missing"]) is ProblemCode.VANISHED
    assert code_of(found["good/below"]) is ProblemCode.VANISHED
    assert code_of(found["large"]) is ProblemCode.CHANGING
    assert code_of(found["link"]) is ProblemCode.LINK
    assert code_of(found["dir"]) is ProblemCode.SPECIAL


async def test_reading_no_files_gives_nothing(remote: Remote, root: Path) -> None:
    assert await read_all(remote, root, []) == {}


async def test_what_cannot_be_read_is_a_problem(remote: Remote, root: Path) -> None:
    (root / "dir").mkdir()
    (root / "link").symlink_to("/etc/hostname")
    for name in ("missing", "link", "dir", "missing/below"):
        chunk = await remote.read(str(root), name, offset=0, length=10, priority=Priority.BULK)
        digest = await remote.digest(str(root), name, length=10)
        code = {"link": ProblemCode.LINK, "dir": ProblemCode.SPECIAL}.get(name, ProblemCode.VANISHED)
        assert code_of(chunk) is code_of(digest) is code


@denied_to
async def test_a_file_the_account_may_not_read_is_denied(remote: Remote, root: Path) -> None:
    write(root / "secret", "x").chmod(0o600)
    chunk = await remote.read(str(root), "secret", offset=0, length=10, priority=Priority.BULK)
    assert code_of(chunk) is ProblemCode.DENIED
    assert code_of((await read_all(remote, root, ["secret"]))["secret"]) is ProblemCode.DENIED


async def test_a_digest_covers_the_bytes_asked_for_or_what_there_is(remote: Remote, root: Path) -> None:
    data = os.urandom(2_500_000)
    write(root / "data", data)
    for length in (0, 1, 2_000_000, 2_500_000, 9_000_000):
        digest = await remote.digest(str(root), "data", length=length)
        assert isinstance(digest, Digest)
        assert (digest.length, digest.digest) == (min(length, len(data)), hash_of(data[:length]))
        assert digest.version.size == len(data)


async def test_stat_answers_in_order(remote: Remote, root: Path) -> None:
    write(root / "dir/file", "123")
    (root / "link").symlink_to("dir")
    found = await remote.stat(str(root), ["missing", "dir/file", "dir", "link", "dir/file/x"])
    assert code_of(found[0]) is code_of(found[4]) is ProblemCode.VANISHED
    kinds = [(entry.path, entry.kind) for entry in found[1:4] if isinstance(entry, Entry)]
    assert kinds == [("dir/file", Kind.FILE), ("dir", Kind.DIR), ("link", Kind.LINK)]
    assert found[1] == (await remote.scan(str(root))).entries["dir/file"]
