"""The protocol's frames, changed at random, in both directions: a connection is lost at most, never more."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from runferry.agent import wire
from runferry.agent.hello import marker
from runferry.errors import ConnectionLost, RunferryError
from runferry.model import ProcessQuestion
from runferry.remote.agent import AgentRemote
from runferry.remote.base import Priority
from runferry.remote.bootstrap import prepare
from tests.support.fuzzing import Mutator
from tests.unit.remote.test_dialogue import END, ROW, Agent

ENTRY = {"e": [["", [ROW, ["sub", 1, *ROW[2:]]]], ["sub", [ROW]]]}
STATE = {"stable": True, "clock": 3, "v": [4, 5, 6, 7, 8], "head": "00", "tail": "00"}
RECORDS = wire.CLOCK.pack(3) + wire.RECORD.pack(0, wire.STABLE, 4, 5, 6, 7, 8, 4) + b"data"
BULK = Priority.BULK

Call = Callable[[AgentRemote], Awaitable[object]]


async def read_many(remote: AgentRemote) -> object:
    return [batch async for batch in remote.read_many("/r", ["a", "b"], priority=BULK)]


async def follow(remote: AgentRemote) -> object:
    return [change async for change in remote.follow("/r", interval=1.0)]


CALLS: list[tuple[Call, list[tuple[int, object]]]] = [
    (lambda remote: remote.resolve("~"), [(wire.RESULT, {"path": "/home"})]),
    (lambda remote: remote.list_directory("/r"), [(wire.PART, {"rows": [["a", 0, 1, 2]]}), (wire.RESULT, {})]),
    (lambda remote: remote.scan("/r"), [(wire.PART, ENTRY), (wire.PART, {"end": END}), (wire.RESULT, {})]),
    (follow, [(wire.PART, {**ENTRY, "end": END}), (wire.PART, {"r": ["file"], "u": ["sub"], "end": END})]),
    (
        lambda remote: remote.read("/r", "a", offset=0, length=4, priority=BULK, check=True),
        [(wire.DATA, b"data"), (wire.RESULT, STATE)],
    ),
    (read_many, [(wire.RECORDS, RECORDS), (wire.RESULT, {})]),
    (lambda remote: remote.digest("/r", "a", length=4), [(wire.RESULT, {"n": 4, "digest": "00" * 16, **STATE})]),
    (lambda remote: remote.stat("/r", ["a"]), [(wire.RESULT, {"rows": [ROW]})]),
    (
        lambda remote: remote.processes([ProcessQuestion(1, "host", 2.0)]),
        [(wire.RESULT, {"states": [["alive", "pid 1 is alive"]]})],
    ),
    (lambda remote: remote.ping(), [(wire.ERROR, {"code": "io", "message": "no"})]),
]


def pack(kind: int, number: int, body: object) -> bytes:
    if isinstance(body, bytes):
        return wire.HEADER.pack(kind, number, len(body)) + body
    return wire.pack(kind, number, body)


def change_answer(frames: list[tuple[int, object]], number: int, mutator: Mutator) -> bytes:
    """Return the frames of an answer, something in their bodies changed, or in their bytes."""
    packed = []
    for kind, body in frames:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        if mutator.chance.random() < 0.7:
            raw = mutator.mutate(raw, json.dumps(ENTRY).encode())
        packed.append(pack(kind, number, raw))
    whole = b"".join(packed)
    return mutator.mutate(whole) if mutator.chance.random() < 0.3 else whole


async def ask(call: Call, frames: list[tuple[int, object]], mutator: Mutator) -> None:
    agent = Agent()

    async def work() -> object:
        return await call(agent.remote)

    task = asyncio.ensure_future(work())
    async with asyncio.timeout(10):
        await agent.has_heard.wait()
        for piece in mutator.cut(change_answer(frames, agent.last, mutator)):
            agent.dialogue.feed(piece)
        await asyncio.sleep(0)
        agent.dialogue.fail(ConnectionLost("The test is over."))
        try:
            await task
        except RunferryError:
            pass
        finally:
            await agent.remote.close()


async def test_answers_in_which_something_changed_raise_what_is_documented_or_are_taken(seeds: Iterator[int]) -> None:
    for seed in seeds:
        mutator = Mutator(seed)
        call, frames = CALLS[seed % len(CALLS)]
        try:
            await ask(call, frames, mutator)
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise


def requests_of(root: str) -> list[dict[str, Any]]:
    where = {"root": root, "priority": 1, "squeeze": False}
    return [
        {"kind": wire.PING, "body": {}},
        {"kind": wire.RESOLVE, "body": {"path": root}},
        {"kind": wire.LIST, "body": {"path": root, "depth": 2}},
        {"kind": wire.SCAN, "body": {"root": root}},
        {"kind": wire.FOLLOW, "body": {"root": root, "interval": 1.0}},
        {"kind": wire.READ, "body": {**where, "path": "a.txt", "offset": 0, "length": 10, "check": True}},
        {"kind": wire.READ_MANY, "body": {**where, "paths": ["a.txt"], "budget": 1000}},
        {"kind": wire.DIGEST, "body": {**where, "path": "a.txt", "length": 3}},
        {"kind": wire.STAT, "body": {"root": root, "paths": ["a.txt", "b"]}},
        {"kind": wire.PROCESSES, "body": {"questions": [[1, "host", 2.0]]}},
        {"kind": wire.CANCEL, "body": {}},
    ]


def test_an_agent_that_is_asked_nonsense_answers_or_ends_and_touches_nothing(
    tmp_path: Path, seeds: Iterator[int]
) -> None:
    (tmp_path / "a.txt").write_text("abc")
    before = sorted(tmp_path.rglob("*"))
    launch = prepare("ab", idle_timeout=30.0, watch_budget=None)
    for seed in seeds:
        mutator = Mutator(seed)
        sent = launch.stdin
        for number, request in enumerate(requests_of(str(tmp_path)), start=1):
            raw = json.dumps(request["body"]).encode()
            frame = pack(request["kind"], number, mutator.mutate(raw) if mutator.chance.random() < 0.2 else raw)
            sent += mutator.mutate(frame) if mutator.chance.random() < 0.05 else frame
        done = subprocess.run(
            ["/bin/sh", "-c", launch.command], input=sent, capture_output=True, timeout=20, check=False
        )
        assert done.returncode in (0, wire.VIOLATION), (seed, done.returncode, done.stderr[-500:])
        assert marker("ab") in done.stdout, seed
    assert sorted(tmp_path.rglob("*")) == before
    assert (tmp_path / "a.txt").read_text() == "abc"


@pytest.mark.parametrize("compressed", [False, True])
def test_a_frame_of_any_bytes_is_unpacked_or_is_a_violation(compressed: bool, seeds: Iterator[int]) -> None:
    honest = wire.pack(wire.PART, 1, {"e": ENTRY["e"] * 100})
    for seed in seeds:
        data = Mutator(seed).mutate(honest).ljust(wire.HEADER.size, b"\0")  # who reads them waits for a whole header
        try:
            wire.unpack_header(data[: wire.HEADER.size])
            wire.unpack(data[wire.HEADER.size :], compressed)
        except wire.Violation:
            continue
        except Exception as error:
            error.add_note(f"seed {seed}")
            raise
