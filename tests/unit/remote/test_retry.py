"""What is asked again on a new link, how often, and what is not."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence

import pytest

from runferry.errors import ConnectionFailed, ConnectionLost, NotFound
from runferry.model import Content, Problem, Version
from runferry.remote.base import Priority
from runferry.remote.local import LocalRemote
from runferry.remote.retry import RetryingRemote


class Flaky(LocalRemote):
    """A local remote whose calls are lost ``losses`` times altogether; it can also lose files half way."""

    losses = 0
    opened = 0
    closed = 0

    async def ping(self) -> float:
        if type(self).losses:
            type(self).losses -= 1
            raise ConnectionLost("lost")
        return 1.0

    async def read_many(
        self, root: str, paths: Sequence[str], *, priority: Priority
    ) -> AsyncGenerator[Sequence[Content | Problem], None]:
        for path in paths:
            yield [Content(path, b"x", Version(1, 1), True)]
            if type(self).losses:
                type(self).losses -= 1
                raise ConnectionLost("lost")

    async def close(self) -> None:
        type(self).closed += 1
        await super().close()


def flaky(losses: int) -> tuple[type[Flaky], RetryingRemote]:
    class Here(Flaky):
        pass

    Here.losses = losses

    async def open_one() -> Flaky:
        Here.opened += 1
        return Here()

    return Here, RetryingRemote(open_one, pauses=(0.0, 0.0))


async def test_a_lost_call_is_asked_again_on_a_new_remote() -> None:
    kind, remote = flaky(2)
    assert await remote.ping() == 1.0
    assert (kind.opened, kind.closed) == (3, 2)
    await remote.close()
    assert kind.closed == 3


async def test_it_gives_up_after_some_tries() -> None:
    kind, remote = flaky(100)
    with pytest.raises(ConnectionLost):
        await remote.ping()
    assert kind.opened == 3
    assert remote.current is None
    await remote.close()


async def test_files_that_were_answered_are_not_asked_for_again() -> None:
    kind, remote = flaky(5)
    paths = [f"file-{number}" for number in range(8)]
    found = [answer.path async for batch in remote.read_many("/", paths, priority=Priority.SMALL) for answer in batch]
    assert found == paths
    assert kind.opened == 6
    await remote.close()


async def test_what_is_not_a_lost_connection_is_not_asked_again() -> None:
    kind, remote = flaky(0)
    with pytest.raises(NotFound):
        await remote.scan("/no/such/directory")
    assert kind.opened == 1
    await remote.close()


async def test_why_it_cannot_be_opened_is_raised_as_it_is() -> None:
    async def refuse() -> Flaky:
        raise ConnectionFailed("refused")

    remote = RetryingRemote(refuse)
    with pytest.raises(ConnectionFailed, match="refused"):
        await remote.ping()
    with pytest.raises(ConnectionFailed, match="refused"):
        await remote.ensure_open()
    await remote.close()


async def test_info_stays_known_while_there_is_no_link() -> None:
    _, remote = flaky(1)
    assert remote.info.transport == ""
    assert (await remote.ensure_open()).transport == "local"
    await remote.ping()
    await remote.close()
    assert remote.info.transport == "local"
