"""What a hostile or broken agent can do: nothing but lose its connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runferry.agent import wire
from runferry.errors import ConnectionLost, RemoteFailed, RunferryError
from runferry.model import Change, ProcessQuestion, RootIdentity, ServerInfo
from runferry.remote.agent import AgentRemote
from runferry.remote.base import CHUNK, Priority
from runferry.remote.dialogue import Dialogue

MARKER = b"\n--marker--\n"


class Agent:
    """The server's side, played by the test: ``sent`` are the requests, ``say`` answers."""

    def __init__(self) -> None:
        self.sent: list[tuple[int, int, object]] = []
        self.ends = 0
        self.has_heard = asyncio.Event()
        self.dialogue = Dialogue(marker=MARKER, write=self._take, on_end=self._end)
        self.remote = AgentRemote(self.dialogue, ServerInfo("agent"), self._close, ping_interval=3600.0, begun={})
        self.dialogue.feed(MARKER)
        self.say(wire.HELLO, 0, {})

    def say(self, kind: int, number: int, body: object) -> None:
        self.dialogue.feed(wire.pack(kind, number, body))

    def say_raw(self, kind: int, number: int, payload: bytes) -> None:
        self.dialogue.feed(wire.HEADER.pack(kind, number, len(payload)) + payload)

    @property
    def last(self) -> int:
        return self.sent[-1][1]

    def _take(self, data: bytes) -> None:
        kind, compressed, number, _ = wire.unpack_header(data[: wire.HEADER.size])
        self.sent.append((kind, number, wire.unpack(data[wire.HEADER.size :], compressed)))
        self.has_heard.set()

    def _end(self) -> None:
        self.ends += 1

    async def _close(self) -> None:
        return


async def asked(agent: Agent, call: Awaitable[object]) -> asyncio.Task[object]:
    """Start a call and let it send its request."""
    agent.has_heard.clear()
    task = asyncio.ensure_future(call)
    async with asyncio.timeout(10):
        await agent.has_heard.wait()
    return task


async def is_dropped(agent: Agent, task: asyncio.Task[object]) -> None:
    with pytest.raises(RemoteFailed, match="broke the protocol"):
        await task
    assert agent.ends == 1
    with pytest.raises(ConnectionLost):  # a new agent may do better
        await agent.remote.ping()
    await agent.remote.close()


END: dict[str, object] = {"root": [1, 2], "clock": 3, "complete": True}
ROW = ["file", 0, 1, 2, 3, 4, 5, 1]

BAD_PARTS = [
    [],
    {"e": 1},
    {"e": [["", ROW]]},
    {"e": [["..", [ROW]]]},
    {"e": [["/etc", [ROW]]]},
    {"e": [["a//b", [ROW]]]},
    {"e": [["/".join("a" * 64), [ROW]]]},
    {"e": [["", [["../x", *ROW[1:]]]]]},
    {"e": [["", [["..", *ROW[1:]]]]]},
    {"e": [["", [["a\\b", *ROW[1:]]]]]},
    {"e": [["", [["x\0", *ROW[1:]]]]]},
    {"e": [["", [["", *ROW[1:]]]]]},
    {"e": [["", [["file", 7, *ROW[2:]]]]]},
    {"e": [["", [["file", 0, -1, *ROW[3:]]]]]},
    {"e": [["", [["file", 0, "1", *ROW[3:]]]]]},
    {"e": [["", [["file", 0, 1.5, *ROW[3:]]]]]},
    {"e": [["", [["file", True, *ROW[2:]]]]]},
    {"e": [["", [ROW[:7]]]]},
    {"r": ["/etc/passwd"]},
    {"r": ["a/../../b"]},
    {"r": [1]},
    {"p": [["a", "io"]]},
    {"p": [["/a\nb", "io", "x"]]},
    {"u": [".."]},
    {"end": 1},
    {"end": {"root": [1], "clock": 3, "complete": True}},
    {"end": {"root": [1, 2], "clock": "3", "complete": True}},
]


@pytest.mark.parametrize("part", BAD_PARTS, ids=str)
async def test_a_part_that_cannot_be_true_drops_the_agent(part: object) -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.scan("/root"))
    agent.say(wire.PART, agent.last, part)
    await is_dropped(agent, task)


@pytest.mark.parametrize(("kind", "body"), [(wire.ERROR, []), (wire.RESULT, 7)])
async def test_a_ping_that_is_answered_with_nonsense_drops_the_agent(kind: int, body: object) -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.ping())
    agent.say(kind, agent.last, body)
    await is_dropped(agent, task)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (wire.HELLO, {}),
        (77, {}),
        (wire.RESULT, []),
        (wire.RESULT, {}),  # a scan without an end
    ],
)
async def test_a_frame_that_does_not_belong_drops_the_agent(kind: int, body: object) -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.scan("/root"))
    agent.say(kind, agent.last, body)
    await is_dropped(agent, task)


async def test_an_answer_to_nothing_asked_drops_the_agent() -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.ping())
    agent.say(wire.RESULT, agent.last + 1, {})
    await is_dropped(agent, task)


async def test_a_second_answer_drops_the_agent() -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.ping())
    agent.say(wire.RESULT, agent.last, {})
    await task
    other = await asked(agent, agent.remote.ping())
    agent.say(wire.RESULT, agent.last - 1, {})
    await is_dropped(agent, other)


async def test_text_that_is_not_json_drops_the_agent() -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.resolve("~"))
    agent.say_raw(wire.RESULT, agent.last, b'{"path": "/a\xff"}')
    await is_dropped(agent, task)


@pytest.mark.parametrize("body", [{}, {"path": 1}, {"path": "relative"}, {"path": "/a/../b"}, {"path": "/a\0"}])
async def test_a_root_that_cannot_be_drops_the_agent(body: object) -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.resolve("~"))
    agent.say(wire.RESULT, agent.last, body)
    await is_dropped(agent, task)


async def test_more_bytes_than_asked_for_drop_the_agent() -> None:
    agent = Agent()
    read = agent.remote.read("/root", "file", offset=0, length=10, priority=Priority.BULK)
    task = await asked(agent, read)
    agent.say_raw(wire.DATA, agent.last, b"x" * 11)
    agent.say(wire.RESULT, agent.last, {"v": [11, 1, 1, 1, 1], "stable": True, "clock": 1, "head": "", "tail": ""})
    await is_dropped(agent, task)


async def test_an_answer_without_end_drops_the_agent_before_the_memory_is_full() -> None:
    agent = Agent()
    read = agent.remote.read("/root", "file", offset=0, length=CHUNK, priority=Priority.BULK)
    task = await asked(agent, read)
    for _ in range(10):
        agent.say_raw(wire.DATA, agent.last, b"x" * CHUNK)
    await is_dropped(agent, task)


async def test_a_compression_bomb_drops_the_agent() -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.scan("/root"))
    agent.say(wire.PART, agent.last, {"n": ["a" * 30_000_000]})
    await is_dropped(agent, task)


RECORDS = [
    b"short",
    wire.CLOCK.pack(1) + b"x",
    wire.CLOCK.pack(1) + wire.RECORD.pack(5, 1, 1, 1, 1, 1, 1, 1) + b"x",
    wire.CLOCK.pack(1) + wire.RECORD.pack(0, 9, 1, 1, 1, 1, 1, 1) + b"x",
    wire.CLOCK.pack(1) + wire.RECORD.pack(0, 1, 1, 1, 1, 1, 1, 2**31) + b"x",
    wire.CLOCK.pack(1) + (wire.RECORD.pack(0, 1, 1, 1, 1, 1, 1, 1) + b"x") * 2,
]


@pytest.mark.parametrize("payload", RECORDS)
async def test_records_that_cannot_be_drop_the_agent(payload: bytes) -> None:
    agent = Agent()
    batches = agent.remote.read_many("/root", ["file"], priority=Priority.SMALL)
    task = await asked(agent, anext(batches))
    agent.say_raw(wire.RECORDS, agent.last, payload)
    await is_dropped(agent, task)


async def test_files_that_are_never_answered_drop_the_agent() -> None:
    agent = Agent()
    batches = agent.remote.read_many("/root", ["file"], priority=Priority.SMALL)
    task = await asked(agent, anext(batches))
    agent.say(wire.RESULT, agent.last, {"done": 1})
    await is_dropped(agent, task)


async def test_an_answer_about_another_process_drops_the_agent() -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.processes([ProcessQuestion(1, "host", 0.0)]))
    agent.say(wire.RESULT, agent.last, {"answers": [[2, "alive", "x"]]})
    await is_dropped(agent, task)


async def test_a_violation_ends_every_call_under_way() -> None:
    agent = Agent()
    first = await asked(agent, agent.remote.ping())
    second = await asked(agent, agent.remote.scan("/root"))
    agent.say(77, agent.last, {})
    for task in (first, second):
        with pytest.raises(RemoteFailed):
            await task


async def test_what_a_server_says_is_made_printable_and_short() -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.scan("/root"))
    part = {"p": [["file", "io", "evil \x1b[2J\n" + "x" * 5000]], "end": END}
    agent.say(wire.PART, agent.last, part)
    agent.say(wire.RESULT, agent.last, {})
    snapshot = await task
    [problem] = snapshot.problems  # type: ignore[attr-defined]
    assert problem.message.isprintable()
    assert len(problem.message) < 1100


async def test_a_cancelled_call_is_cancelled_on_the_server_and_its_late_answer_ignored() -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.scan("/root"))
    number = agent.last
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert agent.sent[-1][:2] == (wire.CANCEL, number)
    agent.say(wire.PART, number, {"end": END})
    agent.say(wire.RESULT, number, {})
    other = await asked(agent, agent.remote.ping())
    agent.say(wire.RESULT, agent.last, {})
    await other
    await agent.remote.close()


async def test_a_change_that_is_taken_back_is_never_told() -> None:
    agent = Agent()
    changes = agent.remote.follow("/root", interval=1.0)
    task = await asked(agent, anext(changes))
    agent.say(wire.PART, agent.last, {"e": [["", [ROW]]], "end": END})
    await task
    waiting = asyncio.ensure_future(anext(changes))
    agent.say(wire.PART, agent.last, {"r": ["file"]})
    agent.say(wire.PART, agent.last, {"void": True})
    end = {**END, "complete": False}
    agent.say(wire.PART, agent.last, {"e": [["", [["new", *ROW[1:]]]]], "end": end})
    change = await waiting
    assert change.removed == ()
    assert [entry.path for entry in change.upserts] == ["new"]
    await changes.aclose()
    await agent.remote.close()


async def test_a_tree_is_told_while_it_is_still_looked_at_and_then_as_a_whole() -> None:
    agent = Agent()
    changes = agent.remote.follow("/root", interval=1.0)
    task = await asked(agent, anext(changes))
    agent.say(wire.PART, agent.last, {"begin": 7, "e": [["", [ROW]]]})
    part = await task
    assert part == Change(RootIdentity(0, 0), upserts=part.upserts, clock_ns=7, is_part=True)  # type: ignore[attr-defined]
    for name in ("second", "third"):  # one more is not worth it
        agent.say(wire.PART, agent.last, {"e": [["", [[name, *ROW[1:]]]]]})
    second = await anext(changes)
    agent.say(wire.PART, agent.last, {"e": [["", [["fourth", *ROW[1:]]]]], "end": END})
    whole = await anext(changes)
    assert [entry.path for entry in second.upserts] == ["second", "third"]
    assert [entry.path for entry in whole.upserts] == ["file", "second", "third", "fourth"]
    assert (whole.complete, whole.is_part) == (True, False)
    await changes.aclose()
    await agent.remote.close()


async def test_a_tree_that_another_one_replaces_is_told_only_as_a_whole() -> None:
    agent = Agent()
    changes = agent.remote.follow("/root", interval=1.0)
    task = await asked(agent, anext(changes))
    agent.say(wire.PART, agent.last, {"begin": 7, "end": END})
    await task
    waiting = asyncio.ensure_future(anext(changes))
    agent.say(wire.PART, agent.last, {"begin": 8, "e": [["", [ROW]]]})
    agent.say(wire.PART, agent.last, {"end": END})
    assert (await waiting).complete
    await changes.aclose()
    await agent.remote.close()


@pytest.mark.parametrize("clock", [0, -1, 2**63, 1.5, "now", None, True])
async def test_a_tree_that_begins_at_no_time_drops_the_agent(clock: object) -> None:
    agent = Agent()
    task = await asked(agent, anext(agent.remote.follow("/root", interval=1.0)))
    agent.say(wire.PART, agent.last, {"begin": clock})
    await is_dropped(agent, task)


async def test_following_that_does_not_begin_with_everything_drops_the_agent() -> None:
    agent = Agent()
    task = await asked(agent, anext(agent.remote.follow("/root", interval=1.0)))
    agent.say(wire.PART, agent.last, {"end": {**END, "complete": False}})
    await is_dropped(agent, task)


async def test_what_waited_is_told_at_once_and_notes_are_kept() -> None:
    agent = Agent()
    changes = agent.remote.follow("/root", interval=1.0)
    task = await asked(agent, anext(changes))
    agent.say(wire.PART, agent.last, {"n": ["polled"], "end": END})
    await task
    assert agent.remote.info.tried == ("polled",)
    for number in range(5):
        part = {"e": [["", [[f"f{number}", *ROW[1:]]]]], "end": {**END, "complete": False}}
        agent.say(wire.PART, agent.last, part)
    change = await anext(changes)
    assert len(change.upserts) == 5
    await changes.aclose()
    await agent.remote.close()


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400), st.sampled_from([b"", MARKER, MARKER + wire.pack(wire.HELLO, 0, {})]))
def test_no_bytes_whatever_raise_anything(noise: bytes, start: bytes) -> None:
    async def feed() -> None:
        dialogue = Dialogue(marker=MARKER, write=lambda data: None, on_end=lambda: None)
        dialogue.feed(start)
        dialogue.feed(noise)
        dialogue.fail(ConnectionLost("over"))

    asyncio.run(feed())


CALLS: list[Callable[[AgentRemote], Awaitable[object]]] = [
    lambda remote: remote.resolve("~"),
    lambda remote: remote.list_directory("~", depth=2),
    lambda remote: remote.scan("/root"),
    lambda remote: remote.read("/root", "f", offset=0, length=9, priority=Priority.TAIL),
    lambda remote: remote.digest("/root", "f", length=3),
    lambda remote: remote.stat("/root", ["f"]),
    lambda remote: remote.processes([ProcessQuestion(1, "h", 0.0)]),
]

NAMES = "path read rows in e r p u n begin end v stable clock head problem digest length answers done root complete"
KEYS = st.sampled_from([*NAMES.split(), "code", "void"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**65) | st.sampled_from(["", "a", "..", "/x", "file", "00" * 16]),
    lambda inner: st.lists(inner, max_size=9) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=40,
)


@settings(max_examples=100, deadline=None)
@given(
    st.sampled_from(CALLS),
    st.dictionaries(KEYS, JSON, max_size=6),
    st.sampled_from([wire.RESULT, wire.PART, wire.ERROR]),
)
def test_any_message_whatever_gives_an_answer_or_an_error_of_ours(
    call: Callable[[AgentRemote], Awaitable[object]], body: object, kind: int
) -> None:
    async def ask() -> None:
        agent = Agent()
        task = await asked(agent, call(agent.remote))
        agent.say(kind, agent.last, body)
        agent.say(wire.RESULT, agent.last, body)
        try:
            await task
        except RunferryError:
            pass
        finally:
            await agent.remote.close()

    asyncio.run(ask())
