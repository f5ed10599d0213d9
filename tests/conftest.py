"""Fixtures every test may use: a real sshd, factories for more of them, accounts."""

from __future__ import annotations

import signal
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from runferry.cli.loading import loading
from tests.support.accounts import Account
from tests.support.sshd import Sshd

MakeSshd = Callable[..., Sshd]
"""Takes the options of ``tests.support.sshd.SshdOptions``."""

MakeAccount = Callable[..., Account]
"""Takes the arguments of ``tests.support.accounts.Account``."""


def pytest_configure() -> None:
    """A shell gives what it starts in the background an ignored SIGINT, which programs under test would inherit."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """All that collecting loads stays: the garbage collector takes a quarter of the time for looking at it."""
    with loading():
        return (yield)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The files that take long begin: at the end none is left with which one worker is alone."""
    items.sort(key=lambda item: "unit" in item.path.parts)


@pytest.fixture
def sshd() -> Iterator[Sshd]:
    """Debian's sshd for the current user, who logs in with a key."""
    with Sshd() as server:
        yield server


@pytest.fixture
def make_sshd() -> Iterator[MakeSshd]:
    """A factory of servers with options; they end with the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Sshd(**options))


@pytest.fixture
def make_account() -> Iterator[MakeAccount]:
    """A factory of temporary system users; they are removed after the test."""
    with ExitStack() as stack:
        yield lambda **options: stack.enter_context(Account(**options))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home directory for the program under test: no real keys, config or SSH agent are ever seen."""
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.delenv("RUNFERRY_DATA_DIR", raising=False)
    return path


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory of temporary files that is ours alone, to see what is left in it."""
    path = tmp_path / "tmp"
    path.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(path))
    return path
