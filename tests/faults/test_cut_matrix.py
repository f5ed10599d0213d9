"""The link ends at every boundary of a frame, and a byte before and after: it resumes, and little is asked for again.

What is lost is the frame that has not come whole, or whose end has not: of a big file as much as is asked for at a
time, of small files those in it.

A spread of places by default; ``RUNFERRY_LONG=1`` runs them all.
"""

from __future__ import annotations

import os
import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.conftest import MakeSshd
from tests.support.cutting import CuttingCarrier
from tests.support.ferry import Ferry, files_below
from tests.support.keeping import Keeper, make_template
from tests.support.network import Proxy
from tests.support.waiting import eventually

from runferry.agent.wire import PIECE

IS_LONG = bool(os.environ.get("RUNFERRY_LONG"))
SPREAD = 5
SMALL_FILES, BIG, LOG = 40, 900_000, 400_000
OLD = 1_700_000_000


def make_tree(root: Path) -> None:
    chance = random.Random(7)
    for number in range(SMALL_FILES):
        file = root / f"run{number % 4}" / f"{number}.bin"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(chance.randbytes(4_000))
    (root / "model.pt").write_bytes(chance.randbytes(BIG))
    (root / "run0/train.log").write_bytes(chance.randbytes(LOG))
    for path in root.rglob("*"):
        os.utime(path, (OLD, OLD))


@dataclass
class Outcome:
    """``content`` are the bytes of files that came in whole frames, over all channels."""

    content: int
    channels: int
    ends: list[int]


async def keep(folder: Path, root: Path, template: Path, cut_at: int | None) -> Outcome:
    """Copy the tree from nothing over a link that is cut once."""
    carrier = CuttingCarrier(cut_at)
    async with Keeper(folder, root, make_remote=carrier.open, template=template) as keeper:
        await keeper.in_step()
        assert files_below(keeper.local) == files_below(root)
        assert all(record.held for path, record in keeper.records().items() if (root / path).is_file())
    await carrier.close()
    framings = list(carrier.framings())
    return Outcome(sum(one.content for one in framings), len(framings), framings[0].ends)


async def test_a_session_cut_at_any_boundary_of_a_frame_resumes_and_asks_again_for_what_was_lost_alone(
    tmp_path: Path,
) -> None:
    root, template = tmp_path / "remote", make_template(tmp_path / "template.db")
    make_tree(root)
    whole = await keep(tmp_path / "whole", root, template, None)
    assert whole.channels == 1
    places = [end + off for end in whole.ends for off in (-1, 0, 1)]
    chosen = places if IS_LONG else places[:: max(1, len(places) // SPREAD)]
    again: dict[int, int] = {}
    for place in chosen:
        with tempfile.TemporaryDirectory(dir=tmp_path) as folder:
            outcome = await keep(Path(folder), root, template, place)
        again[place] = outcome.content - whole.content
    print(
        f"{len(chosen)} of {len(places)} places of {len(whole.ends)} frames; at most {max(again.values())} bytes again"
    )
    # A frame is of one file, or of some small ones; only one is under way at a time.
    assert max(again.values()) <= PIECE, again


@pytest.mark.parametrize("part", [0.002, 0.3, 0.7] if not IS_LONG else [number / 40 for number in range(40)])
async def test_a_tcp_link_cut_at_any_byte_resumes_and_ends_identical(
    tmp_path: Path, make_sshd: MakeSshd, part: float
) -> None:
    root = tmp_path / "remote"
    make_tree(root)
    total = sum(map(len, files_below(root).values()))
    sshd = make_sshd()
    async with Ferry(tmp_path) as ferry, Proxy(sshd.port) as proxy:
        await ferry.connect(sshd, port=proxy.port)
        begun = proxy.down.carried
        proxy.down.cut_at = begun + int(total * part)
        local = await ferry.keep(root)
        await eventually(lambda: proxy.down.cut_at is None)
        await eventually(lambda: files_below(local) == files_below(root), within=20)
        # Beside the lost frame: two logins and two listings.
        assert proxy.down.carried - begun < total + PIECE + 200_000
