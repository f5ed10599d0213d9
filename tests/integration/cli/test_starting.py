"""Commands that are forked from a loaded process are those that a user starts: the same words, codes and ends."""

from __future__ import annotations

import signal
from pathlib import Path

import pytest
from tests.integration.cli.driver import Cli


@pytest.mark.parametrize(
    "words",
    [("--version",), ("sync", "--help"), ("nonsense",), ("runs", "--json"), ("serve", "--port", "x")],
)
def test_a_forked_command_tells_what_one_that_is_started_anew_tells(cli: Cli, words: tuple[str, ...]) -> None:
    assert cli.run(*words) == cli.run_anew(*words)


def test_a_forked_command_has_the_environment_it_is_given_and_the_directory_we_are_in(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    cli.environment["RUNFERRY_DATA_DIR"] = "here"
    assert cli.run("runs").code == 0
    assert (tmp_path / "here").is_dir()


@pytest.mark.parametrize(
    ("number", "codes"), [(signal.SIGKILL, {-9}), (signal.SIGINT, {0}), (signal.SIGTERM, {0, -15})]
)
def test_a_forked_server_ends_by_a_signal(cli: Cli, number: signal.Signals, codes: set[int]) -> None:
    with cli.start("serve", "--port", "0", "--no-browser") as server:
        server.wait_for("Runferry runs at")
        assert server.end(number) in codes
        assert server.process.poll() in codes
