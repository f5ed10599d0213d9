"""Fixtures of the command-line tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.cli.driver import Cli
from tests.support.sshd import Sshd


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """A user with an empty home and an empty data directory."""
    return Cli(tmp_path)


@pytest.fixture
def key(sshd: Sshd) -> tuple[str, str]:
    """The words that log in to ``sshd``."""
    return "-i", str(sshd.client_key_path)
