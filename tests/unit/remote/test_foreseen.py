"""A tree asked for along with its root's resolution: who follows the root takes it over, and else it is cancelled."""

from __future__ import annotations

import asyncio

import pytest
from tests.unit.remote.test_dialogue import END, ROW, Agent, asked

from runferry.agent import wire
from runferry.errors import NotFound

RESOLVE = (wire.RESOLVE, 1, {"path": "/root"})
FOLLOW = (wire.FOLLOW, 2, {"root": "/root", "interval": 2.0})
CANCEL: tuple[int, int, dict[str, object]] = (wire.CANCEL, 2, {})


async def test_who_follows_the_resolved_root_takes_over_what_has_come_of_it() -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.resolve("/root", follow_every=2.0))
    assert agent.sent == [RESOLVE, FOLLOW]
    agent.say(wire.PART, 2, {"begin": 7, "e": [["", [ROW]]], "end": END})
    agent.say(wire.RESULT, 1, {"path": "/root"})
    assert await task == "/root"
    changes = agent.remote.follow("/root", interval=2.0)
    change = await anext(changes)
    assert [entry.path for entry in change.upserts] == ["file"]
    assert change.complete
    assert not agent.remote.begun
    assert agent.sent == [RESOLVE, FOLLOW], "nothing is asked twice"
    await changes.aclose()
    assert agent.sent[2:] == [CANCEL]
    await agent.remote.close()


@pytest.mark.parametrize(("root", "interval"), [("/root/below", 2.0), ("/root", 1.0)])
async def test_who_follows_another_root_or_at_another_pace_asks_for_it(root: str, interval: float) -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.resolve("/root", follow_every=2.0))
    agent.say(wire.RESULT, 1, {"path": "/root"})
    await task
    following = await asked(agent, anext(agent.remote.follow(root, interval=interval)))
    assert agent.sent[2:] == [(wire.FOLLOW, 3, {"root": root, "interval": interval})]
    assert list(agent.remote.begun) == [("/root", 2.0)]
    following.cancel()
    await asyncio.wait([following])
    await agent.remote.close()


async def test_a_link_that_leads_elsewhere_is_not_followed() -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.resolve("/root", follow_every=2.0))
    agent.say(wire.PART, 2, {"begin": 7, "e": [["", [ROW]]]})
    agent.say(wire.RESULT, 1, {"path": "/elsewhere"})
    assert await task == "/elsewhere"
    assert agent.sent[2:] == [CANCEL]
    assert not agent.remote.begun
    agent.say(wire.PART, 2, {"end": END})  # what was on its way already
    agent.say(wire.ERROR, 2, {"code": "cancelled", "message": ""})
    assert agent.dialogue.error is None
    await agent.remote.close()


async def test_what_cannot_be_resolved_is_not_followed() -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.resolve("/root", follow_every=2.0))
    agent.say(wire.ERROR, 1, {"code": "not-found", "message": ""})
    with pytest.raises(NotFound):
        await task
    assert agent.sent[2:] == [CANCEL]
    assert not agent.remote.begun
    await agent.remote.close()


async def test_what_could_be_neither_resolved_nor_followed_leaves_nothing() -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.resolve("/root", follow_every=2.0))
    agent.say(wire.ERROR, 2, {"code": "not-found", "message": ""})
    agent.say(wire.ERROR, 1, {"code": "not-found", "message": ""})
    with pytest.raises(NotFound):
        await task
    assert agent.sent == [RESOLVE, FOLLOW]
    assert not agent.remote.begun
    await agent.remote.close()


async def test_who_does_not_wait_for_the_root_does_not_follow_it() -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.resolve("/root", follow_every=2.0))
    task.cancel()
    await asyncio.wait([task])
    assert set(map(str, agent.sent[2:])) == {str(CANCEL), str((wire.CANCEL, 1, {}))}
    assert not agent.remote.begun
    await agent.remote.close()


@pytest.mark.parametrize("path", ["", "~", "~/runs", "runs", "/", "/a/../root", "/a/./b", "/a//b", "//a", "/a/"])
async def test_a_path_that_is_certainly_resolved_to_another_one_is_only_resolved(path: str) -> None:
    agent = Agent()
    task = await asked(agent, agent.remote.resolve(path, follow_every=2.0))
    assert agent.sent == [(wire.RESOLVE, 1, {"path": path})]
    agent.say(wire.RESULT, 1, {"path": "/root"})
    assert await task == "/root"
    await agent.remote.close()


async def test_one_root_at_a_time_is_foreseen() -> None:
    """An agent that is asked to follow more roots than it may ends itself."""
    agent = Agent()
    first = await asked(agent, agent.remote.resolve("/root", follow_every=2.0))
    second = await asked(agent, agent.remote.resolve("/other", follow_every=2.0))
    third = await asked(agent, agent.remote.resolve("/root", follow_every=2.0))
    assert [kind for kind, _, _ in agent.sent] == [wire.RESOLVE, wire.FOLLOW, wire.RESOLVE, wire.RESOLVE]
    agent.say(wire.ERROR, 3, {"code": "not-found", "message": ""})
    agent.say(wire.RESULT, 1, {"path": "/root"})
    agent.say(wire.RESULT, 4, {"path": "/root"})
    with pytest.raises(NotFound):
        await second
    assert await first == await third == "/root"
    assert list(agent.remote.begun) == [("/root", 2.0)]
    await agent.remote.close()
