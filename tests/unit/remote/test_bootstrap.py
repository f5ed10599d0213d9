"""The command that starts the agent, run by real shells against Pythons that are good, bad or missing."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.support.pythons import find_python

from runferry.agent import wire
from runferry.remote.bootstrap import Launch, bundle_modules, explain_exit, prepare

SHELLS = ("/bin/bash", "/bin/dash", "/usr/bin/fish", "/usr/bin/tcsh")
NONCE = "0123456789abcdef"


@pytest.fixture
def launch() -> Launch:
    return prepare(NONCE, idle_timeout=60.0, watch_budget=None)


def run(shell: str, launch: Launch, path: Path, stdin: bytes) -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": str(path), "HOME": str(path)}
    return subprocess.run(
        [shell, "-c", launch.command], input=stdin, env=environment, capture_output=True, timeout=30, check=False
    )


def put(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    (folder / name).chmod(0o755)


def has_platform_python() -> bool:
    return Path("/usr/libexec/platform-python").exists()


def test_the_command_holds_nothing_that_a_login_shell_would_touch(launch: Launch) -> None:
    assert launch.command.startswith("exec /bin/sh -c '")
    assert launch.command.endswith("'")
    inside = launch.command[len("exec /bin/sh -c '") : -1]
    assert not set(inside) & set("'\\!\n\r")
    assert launch.command.isascii()
    assert NONCE not in launch.command, "what is secret or changes is never seen in a list of processes"


def test_the_modules_are_bundled_once_for_all_servers() -> None:
    first, second = prepare("ab", idle_timeout=60.0, watch_budget=None), prepare("cd", idle_timeout=9.0, watch_budget=7)
    bundle = bundle_modules()
    assert bundle is bundle_modules()
    assert first.stdin.endswith(bundle)
    assert second.stdin.endswith(bundle)
    assert first.stdin != second.stdin


@pytest.mark.parametrize("shell", SHELLS)
def test_the_agent_starts_from_every_shell_and_ends_with_its_stdin(launch: Launch, tmp_path: Path, shell: str) -> None:
    (tmp_path / "python3").symlink_to(find_python("3.11"))
    done = run(shell, launch, tmp_path, launch.stdin)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(f"\n--runferry-agent {NONCE}--\n".encode())


@pytest.mark.parametrize("shell", SHELLS)
def test_a_server_without_python_is_told_by_its_exit_code(launch: Launch, tmp_path: Path, shell: str) -> None:
    assert not has_platform_python()
    assert run(shell, launch, tmp_path, launch.stdin).returncode == wire.NO_PYTHON


def test_a_python_that_is_too_old_is_told_by_its_exit_code(launch: Launch, tmp_path: Path) -> None:
    put(tmp_path, "python3", "#!/bin/sh\nexit 1\n")
    put(tmp_path, "python", "#!/bin/sh\nexit 2\n")
    assert run("/bin/sh", launch, tmp_path, launch.stdin).returncode == wire.TOO_OLD


def test_the_first_python_that_is_new_enough_is_taken(launch: Launch, tmp_path: Path) -> None:
    put(tmp_path, "python3", "#!/bin/sh\nexit 1\n")
    (tmp_path / "python3.8").symlink_to(find_python("3.8"))
    assert b'"python":"3.8.' in inflate_hello(run("/bin/sh", launch, tmp_path, launch.stdin).stdout)


def test_a_python_that_eats_its_stdin_while_it_is_tried_does_no_harm(launch: Launch, tmp_path: Path) -> None:
    put(tmp_path, "python3", "#!/bin/sh\nwhile read line; do :; done\nexit 1\n")
    (tmp_path / "python3.11").symlink_to(find_python("3.11"))
    assert run("/bin/sh", launch, tmp_path, launch.stdin).returncode == 0


def test_an_agent_that_arrives_cut_or_damaged_is_told_by_its_exit_code(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(find_python("3.11"))
    cut = run("/bin/sh", launch, tmp_path, launch.stdin[:-100])
    assert cut.returncode == wire.UNDECODABLE
    damaged = launch.stdin[:-100] + bytes(100)
    assert run("/bin/sh", launch, tmp_path, damaged).returncode == wire.UNDECODABLE


def test_an_agent_that_crashes_says_so_and_where(tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(find_python("3.11"))
    launch = prepare("no hexadecimal: ü", idle_timeout=60.0, watch_budget=None)
    done = run("/bin/sh", launch, tmp_path, launch.stdin)
    assert done.returncode == wire.CRASHED
    assert b"UnicodeEncodeError" in done.stderr
    assert b"<runferry agent>/hello.py" in done.stderr


def test_a_request_that_breaks_the_protocol_ends_the_agent(launch: Launch, tmp_path: Path) -> None:
    (tmp_path / "python3").symlink_to(find_python("3.11"))
    bodies = [
        wire.HEADER.pack(99, 1, 2) + b"{}",
        wire.HEADER.pack(wire.PING, 1, 3) + b"{]}",
        wire.HEADER.pack(wire.PING, 1, 2**31),
        wire.pack(wire.READ, 1, {"root": "/", "path": "../etc", "offset": 0, "length": 1, "check": False}),
        wire.pack(wire.SCAN, 1, {"root": "relative"}),
        wire.pack(wire.READ_MANY, 1, {"root": "/", "paths": ["/etc/passwd"], "budget": 1}),
    ]
    for body in bodies:
        feed = subprocess.Popen(
            ["/bin/sh", "-c", launch.command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={"PATH": str(tmp_path), "HOME": "/"},
        )
        assert feed.stdin is not None
        feed.stdin.write(launch.stdin + body)
        feed.stdin.flush()
        assert feed.wait(timeout=20) == wire.VIOLATION, body
        for stream in (feed.stdin, feed.stdout, feed.stderr):
            assert stream is not None
            stream.close()


def test_the_agent_reads_no_settings_of_the_account(launch: Launch, tmp_path: Path) -> None:
    """A module of the same name in the home directory, or PYTHONPATH, must not get into the agent."""
    (tmp_path / "python3").symlink_to(find_python("3.11"))
    put(tmp_path, "struct.py", "raise SystemExit(77)")
    environment = {"PATH": str(tmp_path), "HOME": str(tmp_path), "PYTHONPATH": str(tmp_path), "PYTHONSTARTUP": "x"}
    done = subprocess.run(
        ["/bin/sh", "-c", launch.command],
        input=launch.stdin,
        env=environment,
        cwd=tmp_path,
        capture_output=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["python3", "struct.py"]


def test_every_exit_has_a_sentence() -> None:
    for status in (101, 102, 103, 104, 105, 106, 1, 255, None):
        assert explain_exit(status, "").endswith(".")
    assert "command not found" in explain_exit(127, "sh: command not found")


def inflate_hello(output: bytes) -> bytes:
    at = output.index(b"--\n") + 3
    _, compressed, _, length = wire.unpack_header(output[at : at + wire.HEADER.size])
    payload = output[at + wire.HEADER.size :][:length]
    return wire.inflate(payload) if compressed else payload
