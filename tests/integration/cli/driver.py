"""Runs the real ``runferry`` command as a person would: in a home and a data directory of its own, with or without a
terminal. It ends every process it starts.
"""

from __future__ import annotations

import contextlib
import json
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

from tests.support.loaded import Command, start_loaded
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now

RUNFERRY = str(Path(sys.executable).with_name("runferry"))
SECONDS = 40.0


@dataclass(frozen=True)
class Done:
    """How a command ended and what it printed."""

    code: int
    out: str
    err: str


class Cli:
    """One user: a home without keys or settings, and one data directory."""

    def __init__(self, directory: Path) -> None:
        self.home = directory / "home"
        self.data_dir = directory / "data"
        (self.home / ".ssh").mkdir(parents=True, mode=0o700)
        self.environment = {
            "HOME": str(self.home),
            "PATH": os.environ["PATH"],
            "RUNFERRY_DATA_DIR": str(self.data_dir),
            "PYTHONWARNINGS": "error",
        }

    def run(self, *words: str, stdin: str = "") -> Done:
        """Run a command to its end, without a terminal."""
        with TemporaryFile() as given, TemporaryFile() as out, TemporaryFile() as err:
            given.write(stdin.encode())
            given.seek(0)
            command = start_loaded(
                *words, environment=self.environment, stdin=given.fileno(), stdout=out.fileno(), stderr=err.fileno()
            )
            try:
                code = command.wait(SECONDS)
            finally:
                command.kill()
            return Done(code, read_whole(out), read_whole(err))

    def run_anew(self, *words: str) -> Done:
        """Do as ``run`` does, in a process that loads Runferry itself."""
        done = subprocess.run(
            [RUNFERRY, *words],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            env=self.environment,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    def read_json(self, *words: str) -> Any:
        done = self.run(*words, "--json")
        assert done.code == 0, done
        return json.loads(done.out)

    @contextlib.contextmanager
    def start(self, *words: str) -> Iterator[Started]:
        """Start a command, without a terminal; it is ended with the context."""
        ours, theirs = os.pipe()
        with os.fdopen(ours, "rb", buffering=0) as stream:
            command = start_loaded(*words, environment=self.environment, stdout=theirs, stderr=theirs)
            os.close(theirs)
            try:
                yield Started(command, stream)
            finally:
                command.kill()

    @contextlib.contextmanager
    def serve(self) -> Iterator[str]:
        """Run a server on a free port; yield its address."""
        with self.start("serve", "--port", "0", "--no-browser") as server:
            line = server.wait_for("Runferry runs at")
            yield line.split("at ", 1)[1].split()[0]
            assert server.end(signal.SIGTERM) in (0, -signal.SIGTERM, 143)

    def write_ssh_config(self, text: str) -> None:
        (self.home / ".ssh" / "config").write_text(text)

    def write_settings(self, text: str) -> None:
        self.data_dir.mkdir(exist_ok=True)
        (self.data_dir / "settings.toml").write_text(text)


class Started:
    """A command that is running; its output, both streams, is collected."""

    def __init__(self, process: Command, stream: IO[bytes]) -> None:
        self.process = process
        self._stream = stream
        self.output = ""
        os.set_blocking(stream.fileno(), False)

    def wait_for(self, text: str, *, within: float = SECONDS) -> str:
        """Return the first line of the output with ``text`` in it."""

        def find_line() -> str:
            self.output += (self._stream.read() or b"").decode(errors="replace")
            found = next((line for line in self.output.splitlines(keepends=True) if text in line), "")
            assert found or self.process.poll() is None, f"it ended: {self.output}"
            return found if found.endswith("\n") else ""

        return eventually_now(find_line, within=within, what=f"{text!r} in {self.output!r}").strip()

    def end(self, number: signal.Signals) -> int:
        """Send a signal and return the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(SECONDS)
        self.output += (self._stream.read() or b"").decode(errors="replace")
        return code


class TerminalSession:
    """A command with a person at its terminal, who answers what it asks."""

    def __init__(self, cli: Cli, *words: str) -> None:
        self.output = ""
        self._terminal, inner = pty.openpty()
        self._process = start_loaded(
            *words,
            environment=cli.environment | {"TERM": "xterm", "COLUMNS": "120"},
            stdin=inner,
            stdout=inner,
            stderr=inner,
            has_own_session=True,
        )
        os.close(inner)

    def answer(self, prompt: str, text: str) -> None:
        """Wait for a prompt and type a line."""
        self._read_until(lambda: prompt in self.output)
        self.output = self.output.split(prompt, 1)[1]
        os.write(self._terminal, f"{text}\n".encode())

    def interrupt(self, prompt: str) -> None:
        """Wait for a prompt and press Ctrl-C."""
        self._read_until(lambda: prompt in self.output)
        self._process.send_signal(signal.SIGINT)

    def is_silent(self) -> bool:
        """Say whether what is typed is not shown."""
        return not termios.tcgetattr(self._terminal)[3] & termios.ECHO

    def finish(self, *, keeps_terminal: bool = False) -> tuple[int, str]:
        """Read to the end; return the exit code and what was shown since the last answer, without colours."""
        self._read_until(never)
        code = self._process.wait(SECONDS)
        if not keeps_terminal:
            self.close()
        return code, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.output)

    def close(self) -> None:
        """End the command, however far it is; may be called again."""
        if self._terminal >= 0:
            self._process.kill()
            os.close(self._terminal)
            self._terminal = -1

    def _read_until(self, is_enough: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not is_enough():
            readable, _, _ = select.select([self._terminal], [], [], max(0.0, deadline - time.monotonic()))
            if not readable:
                self.close()
                raise AssertionError(f"nothing more came: {self.output!r}")
            try:
                data = os.read(self._terminal, 65536)
            except OSError:  # how Linux says that the other side has closed
                data = b""
            if not data:
                assert is_enough is never, f"it ended before that: {self.output!r}"
                return
            self.output += data.decode(errors="replace")


def never() -> bool:
    """The condition of somebody who reads to the end."""
    return False


def read_whole(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode()


def at(server: Sshd, path: str = "") -> str:
    """Return the address of a server, or of a path on it, as a user writes it."""
    target = f"{server.username}@{server.host}:{server.port}"
    return f"{target}:{path}" if path else target
