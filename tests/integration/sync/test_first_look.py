"""The first look at a root, which is asked for along with the root's own path: once, and of no other root."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.ferry import Ferry, files_below
from tests.support.sshd import Sshd
from tests.support.trees import write
from tests.support.waiting import eventually

from runferry.agent import wire
from runferry.errors import NotFound
from runferry.remote.dialogue import Dialogue, Exchange
from runferry.service.modes import ModeRequest
from runferry.sync.spec import Mode


@pytest.fixture
async def ferry(tmp_path: Path, sshd: Sshd) -> AsyncIterator[Ferry]:
    async with Ferry(tmp_path) as ferry:
        await ferry.connect(sshd)
        yield ferry


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "root/a/file", "one")
    return tmp_path / "root"


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What was asked for, in order: the roots to be followed, and None for each path to be resolved."""
    told: list[object] = []
    ask = Dialogue.ask

    def note(dialogue: Dialogue, kind: int, body: dict[str, object], *, subject: str = "", limit: int) -> Exchange:
        if kind in {wire.RESOLVE, wire.FOLLOW}:
            told.append(body.get("root"))
        return ask(dialogue, kind, body, subject=subject, limit=limit)

    monkeypatch.setattr(Dialogue, "ask", note)
    return told


async def test_a_root_is_followed_from_the_look_that_was_asked_for_first(
    ferry: Ferry, root: Path, asked: list[object]
) -> None:
    local = await ferry.keep(root)
    assert asked == [None, str(root)]
    assert files_below(local) == {"a/file": b"one"}
    write(root / "a/file", "two, and longer")
    await eventually(lambda: files_below(local) == {"a/file": b"two, and longer"}, what="a change")


async def test_a_root_behind_a_link_is_followed_where_it_is(ferry: Ferry, root: Path, asked: list[object]) -> None:
    link = root.with_name("link")
    link.symlink_to(root)
    local = await ferry.keep(link)
    assert asked == [None, str(link), str(root)]
    assert files_below(local) == {"a/file": b"one"}
    assert (await ferry.sync()).record.remote_root == str(root)


async def test_a_root_that_is_not_there_leaves_nothing_behind(ferry: Ferry, root: Path, asked: list[object]) -> None:
    with pytest.raises(NotFound):
        await ferry.keep(root.with_name("missing"))
    assert files_below(await ferry.keep(root)) == {"a/file": b"one"}
    assert asked == [None, str(root.with_name("missing")), None, str(root)]


async def test_a_root_that_is_followed_already_is_asked_for_by_who_follows_it(
    ferry: Ferry, root: Path, asked: list[object]
) -> None:
    await ferry.keep(root)
    await ferry.keep(root)
    assert asked == [None, str(root), None], "the same request again changes nothing"
    await ferry.keep(root, interval=3.0)
    assert asked[3:] == [None, str(root)]
    await ferry.keep(root, Mode.SMART, interval=60.0)
    assert asked[5:] == [None, str(root)]


async def test_a_root_that_is_copied_on_demand_is_not_followed(ferry: Ferry, root: Path, asked: list[object]) -> None:
    view = await ferry.service.configure_mode(ModeRequest(Mode.MIRROR, str(root), 2.0, is_automatic=False))
    await ferry.in_step()
    assert files_below(Path(view.local_root)) == {"a/file": b"one"}
    assert asked == [None]


async def test_a_paused_sync_takes_a_look_of_its_own(ferry: Ferry, root: Path, asked: list[object]) -> None:
    local = await ferry.keep(root)
    sync = await ferry.sync()
    await ferry.service.pause_sync(sync.record.id)
    write(root / "b/file", "later")
    await ferry.service.resume_sync(sync.record.id)
    await eventually(lambda: files_below(local) == {"a/file": b"one", "b/file": b"later"}, what="what came meanwhile")
    assert asked == [None, str(root), str(root)]
