"""Fixtures of the API's tests: a server without limits, and one that is connected."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.integration.api.running import Running, run_server
from tests.support.sshd import Sshd


@pytest.fixture
def server(tmp_path: Path, home: Path) -> Iterator[Running]:
    """A server with an empty data directory, an empty home, and no rate limits."""
    with run_server(tmp_path / "data") as running:
        yield running


@pytest.fixture(scope="module")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One server for all tests of a module that leave nothing behind in it."""
    path = tmp_path_factory.mktemp("shared")
    (path / "home").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(path / "home"))
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        with run_server(path / "data") as running:
            yield running


@pytest.fixture
def connected(server: Running, sshd: Sshd) -> Running:
    """The same, connected to Debian's sshd with a key."""
    server.connect(sshd)
    return server
