"""Servers whose SFTP lies, into a whole Runferry: it stays whole, small and clear, as with agents that lie."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest

from runferry.remote import parts, sftp_files
from runferry.service.modes import ModeRequest
from runferry.sync.spec import Mode
from tests.hostile.test_lying_agents import failing, memory
from tests.support.disks import shrink_disk
from tests.support.ferry import Ferry, files_below
from tests.support.sftp_liar import SftpLiar, directory, file, link
from tests.support.waiting import eventually

MB = 2**20


async def mirror(ferry: Ferry, liar: SftpLiar) -> Path:
    view = await ferry.service.connect(liar.request)
    assert view.info is not None
    assert view.info.transport == "sftp"
    return Path((await ferry.service.configure_mode(ModeRequest(Mode.MIRROR, "/r", 2.0))).local_root)


async def expect_failure(ferry: Ferry, local: Path, tmp_path: Path, *, words: str) -> None:
    """See the sync say what is wrong, with little memory and nothing written."""
    before = memory()
    error = str((await failing(ferry)).progress.last_error)
    assert words in error
    assert len(error) < 2000
    assert memory() - before < 150 * MB
    assert files_below(local) == {}
    assert {path.name for path in tmp_path.iterdir()} == {"data"}


async def test_names_that_lead_elsewhere_are_not_even_listed(tmp_path: Path) -> None:
    names = [
        b"../../../out",
        b"a/../../b",
        b"/etc/passwd",
        b"",
        b"..",
        b".",
        b"a\0b",
        b"C:\\x",
        b"a\\..\\..\\b",
        b"\xff\xfe",
    ]
    async with SftpLiar() as liar, Ferry(tmp_path) as ferry:
        liar.files = {name: file(3) for name in names} | {b"good.txt": file(3)}
        liar.contents = lambda path, offset, size: b"yes"[offset : offset + size]
        local = await mirror(ferry, liar)
        await eventually(lambda: files_below(local) == {"good.txt": b"yes"}, within=15)
        told = {problem.path for problem in (await ferry.sync()).problems}
        assert all("/" not in path and path.isprintable() for path in told)
        assert {path.name for path in tmp_path.iterdir()} == {"data"}


async def test_names_that_attack_screens_land_inside_the_copy(tmp_path: Path) -> None:
    names = ["<img src=x onerror=alert(1)>.txt", "\x1b[2J.txt", "\u202egpj.exe", "-rf", "~root", "x" * 255]
    async with SftpLiar() as liar, Ferry(tmp_path) as ferry:
        liar.files = {name.encode(): file(1) for name in names} | {b"link": link()}
        liar.target = b"\x1b[2J\xe2\x80\xae"
        liar.contents = lambda path, offset, size: b"z"[offset : offset + size]
        local = await mirror(ferry, liar)
        await eventually(lambda: set(files_below(local)) == set(names), within=15)
        assert all(problem.message.isprintable() for problem in (await ferry.sync()).problems)
        assert {path.name for path in tmp_path.iterdir()} == {"data"}


@pytest.mark.parametrize("size", [2**63, 2**64 - 1])
async def test_sizes_that_cannot_be_are_told(tmp_path: Path, size: int) -> None:
    async with SftpLiar() as liar, Ferry(tmp_path) as ferry:
        liar.files = {b"f": file(size)}
        await expect_failure(ferry, await mirror(ferry, liar), tmp_path, words="cannot be")


async def test_a_name_of_a_mebibyte_is_told_in_a_short_sentence(tmp_path: Path) -> None:
    async with SftpLiar() as liar, Ferry(tmp_path) as ferry:
        liar.files = {b"n" * MB: file(1)}
        await expect_failure(ferry, await mirror(ferry, liar), tmp_path, words="a name of 1048576 bytes")


async def test_a_directory_that_never_ends_is_left_at_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sftp_files, "MOST_IN_DIRECTORY", 3000)

    def endless(path: bytes) -> Iterator[asyncssh.SFTPName]:
        return (asyncssh.SFTPName(b"%d.txt" % number, attrs=file(1)) for number in itertools.count())

    async with SftpLiar() as liar, Ferry(tmp_path) as ferry:
        liar.listing = endless
        await expect_failure(ferry, await mirror(ferry, liar), tmp_path, words="more than 3000 names")


async def test_a_tree_without_end_is_left_at_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "MOST_ENTRIES", 2000)
    async with SftpLiar() as liar, Ferry(tmp_path) as ferry:
        liar.find = lambda path: directory()  # type: ignore[method-assign]
        liar.listing = lambda path: [asyncssh.SFTPName(b"d%d" % n, attrs=directory()) for n in range(3)]
        await expect_failure(ferry, await mirror(ferry, liar), tmp_path, words="more than 2000 names")


async def test_a_tree_of_ten_thousand_levels_is_read_down_to_the_limit_and_told(tmp_path: Path) -> None:
    async with SftpLiar() as liar, Ferry(tmp_path) as ferry:
        liar.find = lambda path: directory()  # type: ignore[method-assign]
        liar.listing = lambda path: [asyncssh.SFTPName(b"d", attrs=directory())] if path.count(b"d") < 10_000 else []
        await mirror(ferry, liar)
        await ferry.in_step()
        assert [problem.path.count("/") for problem in (await ferry.sync()).problems] == [64]


@pytest.mark.parametrize("name", ["f.bin", "f.jsonl", "big.bin"])
async def test_a_size_that_disagrees_with_the_bytes_is_told_and_never_read_in_a_loop(tmp_path: Path, name: str) -> None:
    listed = 2_000_000 if name.startswith("big") else 1000
    async with SftpLiar() as liar, Ferry(tmp_path) as ferry:
        liar.files = {name.encode(): file(listed)}
        liar.contents = lambda path, offset, size: (b"x" * 50)[offset : offset + size]
        local = await mirror(ferry, liar)

        async def is_told() -> bool:
            return name in {problem.path for problem in (await ferry.sync()).problems}

        await eventually(is_told, within=20, what="the disagreement to be told")
        assert liar.reads < 400
        assert files_below(local).get(name, b"") in {b"", b"x" * 50}


async def test_more_bytes_than_were_asked_for_are_not_taken(tmp_path: Path) -> None:
    async with SftpLiar() as liar, Ferry(tmp_path) as ferry:
        liar.files = {b"f.bin": file(10)}
        liar.contents = lambda path, offset, size: b"x" * 5 * MB
        local = await mirror(ferry, liar)

        async def is_told() -> bool:
            view = await ferry.sync()
            return bool(view.progress.last_error or view.problems)

        await eventually(is_told, within=15, what="the surplus to be told")
        assert sum(map(len, files_below(local).values())) <= 10


async def test_a_server_that_falls_silent_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with SftpLiar() as liar, Ferry(tmp_path) as ferry:
        local = await mirror(ferry, liar)
        await ferry.in_step()
        monkeypatch.setattr(sftp_files, "CALL_TIMEOUT", 0.3)
        liar.is_stalled = True
        await expect_failure(ferry, local, tmp_path, words="has not answered")


async def test_a_home_that_is_no_path_leaves_no_connection(tmp_path: Path) -> None:
    async with SftpLiar() as liar, Ferry(tmp_path) as ferry:
        liar.home = b"not/absolute\x1b[2J"
        with pytest.raises(Exception, match="a path that is none"):
            await ferry.service.connect(liar.request)


async def test_a_file_without_end_leaves_the_reserve_of_the_disk_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shrink_disk(monkeypatch, tmp_path, size=60 * MB)
    async with SftpLiar() as liar, Ferry(tmp_path, disk_reserve=20 * MB) as ferry:
        liar.files = {b"model.bin": file(2**42)}
        liar.contents = lambda path, offset, size: bytes(size)
        local = await mirror(ferry, liar)
        view = await failing(ferry)
        assert "disk_reserve_bytes" in str(view.progress.last_error)
        assert files_below(local) == {}
        assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 41 * MB
