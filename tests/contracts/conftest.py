"""One fixture, ``remote``, for every implementation of the contract; servers are shared by the tests of a module."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from tests.support.accounts import Account
from tests.support.connecting import key_of, open_to
from tests.support.sshd import Sshd
from tests.support.trees import public_folder

from runferry.remote.base import Remote
from runferry.remote.local import LocalRemote
from runferry.remote.open import open_remote
from runferry.remote.retry import RetryingRemote

KINDS = ("agent", "sftp", "local", "retry")
OTHERS = ("agent", "sftp", "retry")
"""Those that look with another account's eyes: the tests themselves run as root, who may read everything."""


@pytest.fixture(scope="module")
def server() -> Iterator[Sshd]:
    """Debian's sshd, whose user is not root."""
    with Account() as account, Sshd(account=account) as sshd:
        yield sshd


@pytest.fixture
def root() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def remote(kind: str, server: Sshd, tmp_path: Path) -> AsyncIterator[Remote]:
    """A remote of each kind; over the real server where it is not local."""
    if kind == "local":
        local = LocalRemote()
        yield local
        await local.close()
        return
    link = await open_to(server, key_of(server), tmp_path)
    made: Remote
    if kind == "retry":
        made = RetryingRemote(lambda: open_remote(link))
    else:
        made = await open_remote(link, prefer="agent" if kind == "agent" else "sftp")
        assert made.info.transport == kind, made.info
    try:
        yield made
    finally:
        await made.close()
        await link.close()
