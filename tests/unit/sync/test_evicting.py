"""Letting go of a file that a worker has in hand."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from tests.support.keeping import Keeper, make_template

from runferry.model import Digest, Problem
from runferry.remote.base import Remote
from runferry.remote.local import LocalRemote

NAME = "model.pt"


class SlowDigests(LocalRemote):
    """Answers what a file's digest is when ``may_answer`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.is_asked = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def digest(self, root: str, path: str, *, length: int) -> Digest | Problem:
        self.is_asked.set()
        await self.may_answer.wait()
        return await super().digest(root, path, length=length)


@pytest.fixture
def remote() -> SlowDigests:
    return SlowDigests()


@pytest.fixture
async def keeper(tmp_path: Path, remote: SlowDigests) -> AsyncIterator[Keeper]:
    """A sync that is asking the server whether a file that was touched is still the same."""
    root = tmp_path / "remote"
    root.mkdir()
    (root / NAME).write_bytes(b"m" * 300_000)

    async def make_remote() -> Remote:
        return remote

    async with Keeper(tmp_path, root, make_remote=make_remote, template=make_template(tmp_path / "template.db")) as one:
        await one.in_step()
        os.utime(root / NAME, (1.5e9, 1.5e9))
        async with asyncio.timeout(20):
            await remote.is_asked.wait()
        yield one
        remote.may_answer.set()


def discard_from(keeper: Keeper, paths: Sequence[str]) -> None:
    for path in paths:
        (keeper.local / path).unlink()


async def test_a_file_being_compared_with_the_server_is_let_go_as_soon_as_it_was(
    keeper: Keeper, remote: SlowDigests
) -> None:
    evicting = asyncio.create_task(keeper.session.attendant.evict([NAME], lambda paths: discard_from(keeper, paths)))
    await asyncio.sleep(0)
    assert (keeper.local / NAME).exists()
    remote.may_answer.set()
    assert await evicting == [NAME]
    assert not (keeper.local / NAME).exists()
    assert keeper.records()[NAME].held is None


async def test_a_file_that_is_not_given_back_stays(keeper: Keeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runferry.sync.attendant.EVICT_PATIENCE", 0.05)
    assert await keeper.session.attendant.evict([NAME], lambda paths: discard_from(keeper, paths)) == []
    assert (keeper.local / NAME).exists()
