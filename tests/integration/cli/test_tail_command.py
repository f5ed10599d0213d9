"""``runferry tail`` against real servers: nothing lost, nothing twice, nothing that acts on the terminal."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.integration.cli.driver import RUNFERRY, Cli, TerminalSession, at
from tests.support.ferry import write_run
from tests.support.sshd import Sshd

RUN = "20260101_120000_abc123"


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The log of a run on the server: 20 lines."""
    return write_run(tmp_path / "remote", "p", "n", RUN) / "logs.txt"


@pytest.fixture
def served(cli: Cli, sshd: Sshd, log: Path, key: tuple[str, str]) -> Iterator[Cli]:
    """A server that mirrors it."""
    with cli.serve():
        sync(cli, sshd, log, key)
        yield cli


def sync(cli: Cli, sshd: Sshd, log: Path, key: tuple[str, str], mode: str = "mirror") -> None:
    assert cli.run("connect", at(sshd), *key).code == 0
    with cli.start("sync", at(sshd, str(log.parents[4])), "--mode", mode, *key) as following:
        following.wait_for("Following")
        following.end(signal.SIGINT)  # the server goes on


def append(log: Path, text: str) -> None:
    with log.open("a") as file:
        file.write(text)


def test_it_goes_on_across_a_restart_of_the_server_with_every_line_once(
    cli: Cli, sshd: Sshd, log: Path, key: tuple[str, str]
) -> None:
    with ExitStack() as stack:
        with cli.serve():
            sync(cli, sshd, log, key)
            tail = stack.enter_context(cli.start("tail", RUN, "-n", "2"))
            tail.wait_for("step 19")
            append(log, "one\n")
            tail.wait_for("one")
        tail.wait_for("has gone")
        append(log, "two\nthree\n")
        with cli.serve():
            tail.wait_for("is back")
            tail.wait_for("three")
            append(log, "four\n")
            tail.wait_for("four")
            assert tail.end(signal.SIGINT) == 130
    shown = [line for line in tail.output.splitlines() if "Runferry server" not in line]
    assert shown == ["12:00:00 | step 18", "12:00:00 | step 19", "one", "two", "three", "four"]


@pytest.mark.parametrize("mode", ["mirror", "smart"])
def test_without_following_it_shows_the_last_lines_and_ends(
    cli: Cli, sshd: Sshd, log: Path, key: tuple[str, str], mode: str
) -> None:
    with cli.serve():
        sync(cli, sshd, log, key, mode)
        done = cli.run("tail", RUN, "-n", "2", "--no-follow")
    assert (done.code, done.out, done.err) == (0, "12:00:00 | step 18\n12:00:00 | step 19\n", "")


def test_without_a_server_it_shows_what_is_here(cli: Cli, sshd: Sshd, log: Path, key: tuple[str, str]) -> None:
    with cli.serve():
        sync(cli, sshd, log, key)
    done = cli.run("tail", RUN, "-n", "1")
    assert (done.code, done.out) == (0, "12:00:00 | step 19\n")
    assert "nothing is followed" in done.err
    assert "the server is not being asked" in done.err


def test_a_log_that_was_never_opened_says_offline_that_it_is_not_here(
    cli: Cli, sshd: Sshd, log: Path, key: tuple[str, str]
) -> None:
    with cli.serve():
        sync(cli, sshd, log, key, "smart")
        assert cli.run("disconnect", f"{sshd.username}@{sshd.host}:{sshd.port}").code == 0
        done = cli.run("tail", RUN, "--no-follow")
    assert (done.code, done.out) == (3, "")
    assert "is here: connect to its server to see it." in done.err


def test_an_unknown_run_ends_with_the_documented_code(served: Cli) -> None:
    for words in (["tail", "nowhere"], ["tail", "nowhere", "--no-follow"]):
        done = served.run(*words)
        assert done.code == 12
        assert "Run not found" in done.err


def test_colours_are_kept_on_a_terminal_only_and_nothing_else_acts_on_it(served: Cli, log: Path) -> None:
    append(log, "\x1b]0;title\x07\x1b[2J\x1b[32mgreen\x1b[0m\x1b]52;c;ZXZpbA==\x07\n")
    with served.start("tail", RUN, "-n", "1") as tail:
        tail.wait_for("green")
        assert tail.output.splitlines()[-1] == "green"
    session = TerminalSession(served, "tail", RUN, "-n", "1", "--no-follow")
    try:
        session._read_until(lambda: "green" in session.output and session.output.endswith("\n"))
        assert session.output == "\x1b[32mgreen\x1b[0m\x1b[0m\r\n"
    finally:
        session.close()


def test_a_reader_that_has_seen_enough_ends_it_quietly(served: Cli, log: Path) -> None:
    append(log, "".join(f"line {number}\n" for number in range(9000)))
    command = f"{RUNFERRY} tail {RUN} -n 9000 | head -n 2"
    done = subprocess.run(
        ["bash", "-c", command], capture_output=True, text=True, timeout=40, env=served.environment, check=False
    )
    assert len(done.stdout.splitlines()) == 2
    assert done.stderr == ""
