"""Servers whose agents lie, over a real SSH connection and into a whole Runferry: it stays whole, small and clear."""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import zlib
from pathlib import Path
from typing import Any

import pytest

from runferry.agent import wire
from runferry.remote import agent as remote_agent
from runferry.remote import parts
from runferry.service.modes import ModeRequest
from runferry.service.views import SyncView
from runferry.sync import copy
from runferry.sync.spec import Mode, SessionState
from tests.support.disks import shrink_disk
from tests.support.ferry import Ferry, files_below
from tests.support.liar import CLOCK, OLD, Liar, Talk, row
from tests.support.sshd import Sshd
from tests.support.waiting import eventually


def memory() -> int:
    """Return how many bytes this process holds in memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


async def mirror(ferry: Ferry, liar: Liar) -> Path:
    await ferry.service.connect(liar.request)
    view = await ferry.service.configure_mode(ModeRequest(Mode.MIRROR, "/r", 2.0))
    return Path(view.local_root)


async def failing(ferry: Ferry) -> SyncView:
    """Wait until the sync says what is wrong with the server."""

    async def says_so() -> SyncView | None:
        view = await ferry.sync()
        return view if view.progress.last_error else None

    view = await eventually(says_so, within=20, every=0.02, what="the sync to say what is wrong")
    assert view is not None
    return view


LARGEST = 2**63
UNHOLDABLE = [
    ["f", 0, 2**64 - 1, 1, 1, 7, 1, 1],
    ["f", 0, LARGEST, 1, 1, 7, 1, 1],
    ["f", 0, 1, LARGEST, 1, 7, 1, 1],
    ["f", 0, 1, 1, LARGEST, 7, 1, 1],
    ["f", 0, 1, 1, 1, 7, 1, LARGEST],
    ["f", 0, 1, 1, 1, -1 - LARGEST // 2, 1, 1],
]


@pytest.mark.parametrize("entry", UNHOLDABLE, ids=str)
async def test_numbers_no_index_can_hold_break_the_agents_link_and_nothing_else(
    tmp_path: Path, entry: list[Any]
) -> None:
    async with Liar() as liar, Ferry(tmp_path) as ferry:
        liar.rows = {"": [entry]}
        await mirror(ferry, liar)
        view = await failing(ferry)
        assert "broke the protocol" in str(view.progress.last_error)


async def bomb(talk: Talk, number: int) -> None:
    worker = zlib.compressobj(9)
    payload = b"".join(worker.compress(bytes(1024 * 1024)) for _ in range(512)) + worker.flush()
    await talk.say_raw(wire.PART | wire.COMPRESSED, number, payload)


async def nested(talk: Talk, number: int) -> None:
    await talk.say_raw(wire.PART, number, b"[" * 500_000 + b"]" * 500_000)


async def huge_frame(talk: Talk, number: int) -> None:
    await talk.say_bytes(wire.HEADER.pack(wire.PART, number, 2**32 - 1) + bytes(100_000))


async def unasked(talk: Talk, number: int) -> None:
    await talk.say(wire.RESULT, number + 1000, {})


async def traversal(talk: Talk, number: int) -> None:
    await talk.say(wire.PART, number, {"e": [["a/../../..", [row("passwd", 3)]]]})


async def absolute(talk: Talk, number: int) -> None:
    await talk.say(wire.PART, number, {"e": [["/etc", [row("passwd", 3)]]]})


async def nul(talk: Talk, number: int) -> None:
    await talk.say(wire.PART, number, {"e": [["", [row("a\0b", 3)]]]})


async def long_name(talk: Talk, number: int) -> None:
    await talk.say(wire.PART, number, {"e": [["", [row("n" * 2**20, 3)]]]})


async def deep(talk: Talk, number: int) -> None:
    await talk.say(wire.PART, number, {"e": [["/".join("d" * 10_000), [row("f", 3)]]]})


async def endless(talk: Talk, number: int) -> None:
    part = {"p": [[f"x/{'y' * 100}{n}", "io", "m" * 900] for n in range(900)]}
    for _ in range(150):
        await talk.say(wire.PART, number, part)
    await unasked(talk, number)


LIES = [bomb, nested, huge_frame, unasked, traversal, absolute, nul, long_name, deep, endless]


@pytest.mark.parametrize("lie", LIES, ids=lambda lie: str(lie.__name__))
async def test_a_lie_in_the_listing_costs_the_link_little_memory_and_no_file(tmp_path: Path, lie: Any) -> None:
    async def tell(talk: Talk, number: int, body: dict[str, Any]) -> None:
        await lie(talk, number)

    async with Liar() as liar, Ferry(tmp_path) as ferry:
        liar.lies[wire.FOLLOW] = tell
        before = memory()
        local = await mirror(ferry, liar)
        view = await failing(ferry)
        assert "broke the protocol" in str(view.progress.last_error)
        assert len(str(view.progress.last_error)) < 2000
        assert memory() - before < 150 * 2**20
        assert files_below(local) == {}
        assert all(path.is_relative_to(ferry.data_dir) for path in tmp_path.rglob("*"))


@pytest.mark.parametrize("name", ["f.bin", "f.jsonl", "big.bin", "big.jsonl"])
async def test_a_size_that_disagrees_with_the_bytes_is_told_and_never_read_in_a_loop(tmp_path: Path, name: str) -> None:
    listed = 2_000_000 if name.startswith("big") else 1000
    async with Liar() as liar, Ferry(tmp_path) as ferry:
        liar.rows, liar.contents = {"": [row(name, listed), row("good.txt", 3)]}, {name: b"x" * 50, "good.txt": b"yes"}
        local = await mirror(ferry, liar)
        await eventually(lambda: files_below(local).get("good.txt") == b"yes", within=10)

        async def is_told() -> bool:
            return name in {problem.path for problem in (await ferry.sync()).problems}

        began = len(liar.asked)
        await eventually(is_told, within=15, what="the disagreement to be told")
        assert len(liar.asked) - began < 60
        assert files_below(local).get(name, b"") in {b"", b"x" * 50}


async def list_for_ever(liar: Liar, talk: Talk, number: int) -> None:
    for part in itertools.count():
        await talk.say(wire.PART, number, {"e": [["", [row(f"{part}-{n}", 1) for n in range(1000)]]]})


async def change_for_ever(liar: Liar, talk: Talk, number: int) -> None:
    await liar.list_to(talk, number, {})
    end = {"root": [1, 2], "clock": CLOCK, "complete": False}
    for part in range(100):
        rows = [row(f"{part}-{n}", 0, kind=1) for n in range(100)]
        await talk.say(wire.PART, number, {"e": [["", rows]], "end": end})


async def answer_pings_alone(liar: Liar, talk: Talk, number: int) -> None:
    """Say nothing, and go on answering whatever else is asked."""


ENDLESS = [
    (list_for_ever, (parts, "MOST_ENTRIES", 10_000), "more than 10000 names"),
    (change_for_ever, (copy, "MOST_ENTRIES", 3000), "More than 3000 names"),
    (answer_pings_alone, (remote_agent, "ANSWER_TIMEOUT", 0.5), "has not answered"),
]


@pytest.mark.parametrize(("lie", "limit", "told"), ENDLESS, ids=[lie.__name__ for lie, _, _ in ENDLESS])
async def test_a_listing_that_never_ends_or_never_begins_is_left_at_the_limit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lie: Any, limit: tuple[Any, str, float], told: str
) -> None:
    monkeypatch.setattr(*limit)

    async with Liar() as liar, Ferry(tmp_path) as ferry:

        async def tell(talk: Talk, number: int, body: dict[str, Any]) -> None:
            await lie(liar, talk, number)

        liar.lies[wire.FOLLOW] = tell
        local = await mirror(ferry, liar)
        assert told in str((await failing(ferry)).progress.last_error)
        assert files_below(local) == {}


async def test_a_file_without_end_leaves_the_reserve_of_the_disk_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 2**42
    shrink_disk(monkeypatch, tmp_path, size=60 * 2**20)

    async def tell(talk: Talk, number: int, body: dict[str, Any]) -> None:
        for start in range(0, body["length"], 2**18):
            await talk.say_raw(wire.DATA, number, bytes(min(2**18, body["length"] - start)))
        end = {"stable": True, "clock": CLOCK, "v": [size, OLD, OLD, 7, 1], "head": "", "tail": ""}
        await talk.say(wire.RESULT, number, end)

    async with Liar() as liar, Ferry(tmp_path, disk_reserve=20 * 2**20) as ferry:
        liar.rows, liar.lies[wire.READ] = {"": [row("model.bin", size)]}, tell
        local = await mirror(ferry, liar)
        assert "disk_reserve_bytes" in str((await failing(ferry)).progress.last_error)
        assert files_below(local) == {}
        assert sum(path.stat().st_size for path in tmp_path.rglob("*") if path.is_file()) < 41 * 2**20


async def test_names_that_cannot_both_be_and_names_that_attack_screens_land_inside_the_copy(tmp_path: Path) -> None:
    names = ["<img src=x onerror=alert(1)>.txt", "\x1b[2J.txt", "\u202egpj.exe", "CON", "-rf", "~root", "x" * 255]
    async with Liar() as liar, Ferry(tmp_path) as ferry:
        liar.rows = {"": [row(name, 1) for name in names] + [row("a", 1)], "a": [row("b", 1)], "a/b": [row("c", 1)]}
        liar.contents = dict.fromkeys((*names, "a", "a/b", "a/b/c"), b"z")
        local = await mirror(ferry, liar)
        await ferry.in_step()
        found = files_below(local)
        assert set(names) <= set(found)
        assert set(found.values()) == {b"z"}
        assert {path.name for path in tmp_path.iterdir()} == {"data"}


async def test_a_liar_beside_an_honest_server_takes_nothing_from_it(tmp_path: Path) -> None:
    async with Liar() as liar, Liar() as honest, Ferry(tmp_path) as ferry:
        honest.rows, honest.contents = {"": [row(f"{n}.txt", 4) for n in range(500)]}, {}
        honest.contents = {f"{n}.txt": b"true" for n in range(500)}
        liar.lies[wire.FOLLOW] = lambda talk, number, body: bomb(talk, number)
        await mirror(ferry, liar)
        await failing(ferry)
        local = await mirror(ferry, honest)
        await eventually(lambda: len(files_below(local)) == 500, within=20, every=0.05)


@pytest.mark.parametrize("seed", range(8))
async def test_mutated_frames_never_end_a_sync_with_an_error_that_is_not_ours(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)
    honest = b"".join(
        (
            wire.pack(wire.PART, 1, {"e": [["", [row(f"{n}.txt", n) for n in range(5)]]]}),
            wire.pack(wire.PART, 1, {"end": {"root": [1, 2], "clock": CLOCK, "complete": True}}),
        )
    )

    async def tell(talk: Talk, number: int, body: dict[str, Any]) -> None:
        data = bytearray(honest.replace(wire.HEADER.pack(wire.PART, 1, 0)[:5], bytes([3]) + number.to_bytes(4, "big")))
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data))] = chance.randrange(256)
        await talk.say_bytes(bytes(data))
        await talk.say(wire.HELLO, 0, {})  # whatever was believed, here it ends

    async with Liar() as liar, Ferry(tmp_path) as ferry:
        liar.lies[wire.FOLLOW] = tell
        await mirror(ferry, liar)
        for _ in range(5):
            await failing(ferry)
            assert (await ferry.sync()).progress.state is not SessionState.STOPPED
            await asyncio.sleep(0.02)
        assert (await ferry.service.status()).current is not None


async def test_an_honest_file_from_the_year_2400_is_copied_like_any_other(tmp_path: Path, sshd: Sshd) -> None:
    root = tmp_path / "remote"
    root.mkdir()
    for name in ("a.bin", "b.jsonl"):
        (root / name).write_bytes(b"later")
        os.utime(root / name, (13_569_465_600, 13_569_465_600))
    (root / "big.bin").write_bytes(bytes(300_000))
    os.utime(root / "big.bin", (13_569_465_600, 13_569_465_600))
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        await ferry.keep(root)
        local = Path((await ferry.sync()).local_root)
        await eventually(lambda: files_below(local) == files_below(root), within=10)
