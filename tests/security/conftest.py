"""Fixtures of the security tests: one server for a module, in an empty home."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.api.running import Running, run_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that every test of a module asks; the data directory's parents may be entered by everybody."""
    path = tmp_path_factory.mktemp("security")
    for parent in (path, path.parent, path.parent.parent):
        parent.chmod(0o755)
    (path / "home").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(path / "home"))
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        with run_server(path / "data") as running:
            yield running
