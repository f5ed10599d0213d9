"""The backlog: urgent first, one worker per path, nothing asked meanwhile is forgotten."""

from __future__ import annotations

import asyncio

import pytest

from runferry.remote.base import Priority
from runferry.sync.backlog import Backlog
from runferry.sync.plan import Step


async def test_metadata_is_served_before_other_small_files() -> None:
    backlog = Backlog()
    backlog.add("a.png", Step.SMALL, 10)
    backlog.add("status.json", Step.SMALL, 10)
    batch = await backlog.take_small(files=10, size=1000)
    assert (batch.paths, batch.priority) == (("status.json",), Priority.METADATA)


async def test_a_batch_is_bounded_by_count_and_by_bytes_but_never_empty() -> None:
    backlog = Backlog()
    for number in range(10):
        backlog.add(f"{number}.png", Step.SMALL, 100)
    assert len((await backlog.take_small(files=3, size=10_000)).paths) == 3
    assert len((await backlog.take_small(files=10, size=250)).paths) == 2
    assert len((await backlog.take_small(files=10, size=1)).paths) == 1


async def test_what_is_asked_for_while_a_worker_has_it_is_looked_at_afterwards() -> None:
    backlog = Backlog()
    backlog.add("a.json", Step.SMALL, 1)
    await backlog.take_small(files=1, size=1)
    backlog.add("a.json", Step.SMALL, 2)
    assert backlog.finish("a.json")
    backlog.add("a.json", Step.SMALL, 2)
    await backlog.take_small(files=1, size=1)
    assert not backlog.finish("a.json")
    assert backlog.is_empty


async def test_a_later_step_replaces_one_that_has_not_begun() -> None:
    backlog = Backlog()
    backlog.add("log.txt", Step.SMALL, 5)
    backlog.add("log.txt", Step.GROW, 9)
    assert await backlog.take(Step.GROW) == ("log.txt", Step.GROW)
    assert (backlog.files_total, backlog.bytes_total) == (1, 9)


async def test_a_worker_waits_until_there_is_work() -> None:
    backlog = Backlog()
    waiting = asyncio.create_task(backlog.take(Step.BIG))
    await backlog.announce()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.01)
    backlog.add("model.pt", Step.BIG, 5)
    await backlog.announce()
    assert await waiting == ("model.pt", Step.BIG)


async def test_totals_start_over_when_everything_was_done() -> None:
    backlog = Backlog()
    backlog.add("a.json", Step.SMALL, 5)
    await backlog.take_small(files=1, size=5)
    backlog.note_bytes(7)
    backlog.finish("a.json")
    assert (backlog.files_done, backlog.files_total, backlog.bytes_done, backlog.bytes_total) == (1, 1, 5, 5)
    backlog.add("b.json", Step.SMALL, 2)
    assert (backlog.files_done, backlog.files_total, backlog.bytes_done, backlog.bytes_total) == (0, 1, 0, 2)


async def test_a_claimed_path_waits_for_its_holder_and_one_in_hand_cannot_be_claimed() -> None:
    backlog = Backlog()
    assert backlog.claim("a.json")
    assert not backlog.claim("a.json")
    assert not backlog.is_empty
    backlog.add("a.json", Step.SMALL, 1)
    assert backlog.finish("a.json"), "it was asked for meanwhile"
    assert backlog.is_empty
    backlog.add("b.json", Step.SMALL, 1)
    await backlog.take_small(files=1, size=1)
    assert not backlog.claim("b.json")
