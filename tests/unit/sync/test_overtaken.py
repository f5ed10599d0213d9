"""News that overtakes a read: what is here in the end is what the news told of."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path

import pytest
from tests.support.keeping import Keeper, make_template
from tests.support.waiting import eventually

from runferry.model import Content, Problem
from runferry.remote.base import Priority, Remote
from runferry.remote.local import LocalRemote


class SlowAnswers(LocalRemote):
    """Reads at once, and answers when ``may_answer`` is set."""

    def __init__(self) -> None:
        super().__init__()
        self.has_read = asyncio.Event()
        self.may_answer = asyncio.Event()

    async def read_many(
        self, root: str, paths: Sequence[str], *, priority: Priority
    ) -> AsyncGenerator[Sequence[Content | Problem], None]:
        answers = [batch async for batch in super().read_many(root, paths, priority=priority)]
        self.has_read.set()
        await self.may_answer.wait()
        for batch in answers:
            yield batch


@pytest.mark.parametrize("name", ["status.json", "model.bin"])
@pytest.mark.parametrize("size", [3, 3000, 300_000], ids=["shorter", "longer", "large"])
async def test_a_file_replaced_while_its_bytes_are_on_the_way_is_read_again(
    tmp_path: Path, name: str, size: int
) -> None:
    root = tmp_path / "remote"
    root.mkdir()
    (root / name).write_text('{"v": 1}' + " " * 100)
    os.utime(root / name, (1.6e9, 1.6e9))
    remote = SlowAnswers()

    async def make_remote() -> Remote:
        return remote

    template = make_template(tmp_path / "template.db")
    async with Keeper(tmp_path, root, make_remote=make_remote, template=template) as keeper:
        await remote.has_read.wait()
        (tmp_path / "new").write_text("2".ljust(size))
        os.utime(tmp_path / "new", (1.5e9, 1.5e9))
        (tmp_path / "new").replace(root / name)
        await eventually(lambda: keeper.session.listing[name].size == size, what="the news")
        remote.may_answer.set()
        await keeper.in_step()
        assert keeper.progress.copied_files == 2
