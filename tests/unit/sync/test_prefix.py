"""Appending in place: only behind a beginning that was compared."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support.keeping import Keeper, make_template
from tests.support.trees import write

from runferry.store.files import LocalTree

OLD = 1_600_000_000
LINES = b"".join(b"%07d step\n" % step for step in range(40_000))


class Observed(LocalTree):
    """Keeps what each file held right after something was appended to it."""

    def __init__(self, root: Path, staging: Path) -> None:
        super().__init__(root, staging)
        self.seen: list[bytes] = []

    def append(self, path: str, data: bytes, *, offset: int, mtime_ns: int) -> None:
        super().append(path, data, offset=offset, mtime_ns=mtime_ns)
        self.seen.append((self.root / path).read_bytes())


async def test_a_long_log_that_another_one_replaced_is_compared_as_a_whole_before_anything_is_appended(
    tmp_path: Path,
) -> None:
    """``sed -i`` of one line in its middle: the beginning and the end are as they were."""
    trees: list[Observed] = []

    def make_tree(root: Path, staging: Path) -> LocalTree:
        trees.append(Observed(root, staging))
        return trees[-1]

    log = write(tmp_path / "remote" / "run.log", LINES)
    template = make_template(tmp_path / "template.db")
    async with Keeper(tmp_path, tmp_path / "remote", make_tree=make_tree, template=template) as keeper:
        await keeper.in_step()
        with log.open("ab") as file:
            file.write(b"compared as a whole\n")
        await keeper.in_step()
        edited = bytearray(log.read_bytes() + b"of the other one\n")
        edited[300_000:300_007] = b"edited!"
        new = write(tmp_path / "new", bytes(edited))
        os.utime(new, (OLD, OLD))
        new.replace(log)
        await keeper.in_step()
    generations = LINES + b"compared as a whole\n", bytes(edited)
    assert all(any(one.startswith(seen) for one in generations) for seen in trees[0].seen)
