"""A file under another name takes its bytes from the local copy, and never those that have just taken their place."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from tests.support.keeping import Keeper, make_template
from tests.support.trees import write
from tests.support.waiting import eventually

from runferry.model import Problem
from runferry.store.files import Landing, LocalTree

OLD = 1_600_000_000


class Meeting(LocalTree):
    """Takes the bytes of an old name after another file has landed there, and before that is known."""

    def __init__(self, root: Path, staging: Path) -> None:
        super().__init__(root, staging)
        self.is_taking, self.has_landed, self.has_taken = threading.Event(), threading.Event(), threading.Event()

    def land_many(self, landings: Sequence[Landing]) -> list[Problem]:
        problems = super().land_many(landings)
        if self.is_taking.is_set():
            self.has_landed.set()
            self.has_taken.wait(10)
        return problems

    def link(self, source: str, path: str, *, is_copy: bool, is_meant: Callable[[], bool] = lambda: True) -> bool:
        self.is_taking.set()
        self.has_landed.wait(10)
        try:
            return super().link(source, path, is_copy=is_copy, is_meant=is_meant)
        finally:
            self.has_taken.set()


async def test_a_directory_that_is_renamed_and_made_anew_keeps_its_own_files(tmp_path: Path) -> None:
    """``mv run run.old``, and a new run of the same file names: each of 1,500 files found its way, 36 did not."""
    trees: list[Meeting] = []

    def make_tree(root: Path, staging: Path) -> LocalTree:
        trees.append(Meeting(root, staging))
        return trees[-1]

    root = tmp_path / "remote"
    os.utime(write(root / "run/a.bin", "first"), (OLD, OLD))
    os.utime(write(tmp_path / "new/a.bin", "again"), (OLD + 1, OLD + 1))
    template = make_template(tmp_path / "template.db")
    async with Keeper(tmp_path, root, make_tree=make_tree, template=template) as keeper:
        await keeper.in_step()

        def is_certain() -> bool:
            held = keeper.records()["run/a.bin"].held
            return held is not None and not held.is_racy

        await eventually(is_certain)
        (root / "run").rename(root / "run.old")
        await eventually(trees[0].is_taking.is_set)
        (tmp_path / "new").rename(root / "run")
        await keeper.in_step()
        assert (keeper.local / "run.old/a.bin").read_text() == "first"
        assert (keeper.local / "run/a.bin").read_text() == "again"
