"""A look at a large tree takes long: what it tells on the way is used at once, and nothing else is believed of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.ferry import files_below
from tests.support.keeping import Keeper, make_template
from tests.support.parted import PartedRemote
from tests.support.waiting import eventually

from runferry.remote.base import Remote
from runferry.sync.spec import SessionState

NAMES = tuple(f"run/{number}.txt" for number in range(9))


class Links:
    """Opens links on which a look ends when the test says so."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()
        self.count = 0

    async def open(self) -> Remote:
        self.count += 1
        return PartedRemote(3, may_end=self.may_end)


@pytest.fixture
def links() -> Links:
    return Links()


@pytest.fixture
async def keeper(tmp_path: Path, links: Links) -> AsyncIterator[Keeper]:
    root = tmp_path / "remote"
    (root / "run").mkdir(parents=True)
    for name in NAMES:
        (root / name).write_text(name)
    template = make_template(tmp_path / "template.db")
    async with Keeper(tmp_path, root, make_remote=links.open, template=template) as keeper:
        yield keeper


async def test_files_are_here_before_the_look_has_ended(keeper: Keeper, links: Links) -> None:
    await eventually(lambda: len(files_below(keeper.local)) >= 6, what="the files told of so far")
    assert keeper.progress.state is SessionState.SCANNING
    assert not keeper.session.is_listed
    links.may_end.set()
    await keeper.in_step()
    assert keeper.progress.copied_files == len(NAMES)


async def test_what_is_not_told_yet_does_not_count_as_gone(keeper: Keeper, links: Links) -> None:
    links.may_end.set()
    await keeper.in_step()
    (keeper.root / NAMES[0]).unlink()
    (keeper.root / "run/new.txt").write_text("new")
    await keeper.stop()
    links.may_end.clear()

    await keeper.start()
    await eventually(lambda: links.count == 2 and keeper.progress.state is SessionState.SCANNING)
    assert all(record.gone_at is None for record in keeper.records().values())
    links.may_end.set()
    await keeper.in_step()
    assert [path for path, record in keeper.records().items() if record.gone_at is not None] == [NAMES[0]]
    assert keeper.progress.copied_files == 1


async def test_a_link_lost_in_the_middle_of_a_look_begins_it_anew(keeper: Keeper, links: Links) -> None:
    await eventually(lambda: len(files_below(keeper.local)) >= 6, what="the files told of so far")
    await keeper.disconnect()
    links.may_end.set()
    await eventually(lambda: links.count == 2, what="a second link")
    await keeper.in_step()
    assert keeper.progress.copied_files == len(NAMES)
