"""``runferry`` commands as processes of their own, each forked from one that has loaded Runferry already.

Loading takes a second or two of processor time, is the same for every command, and the tests start hundreds. What makes
commands differ is as with a new process: words, environment, directory, standard streams, session. Not so ``/proc``'s
``cmdline`` and ``environ``, and what Python itself reads of the environment: who looks at those starts a command anew.

``python -m tests.support.loaded`` is the process that forks. Each request on its standard input, a socket, makes a
keeper, which forks the command, waits for it, and writes down how it ended. It ends when the socket is closed.
"""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).parents[2]
LOADED = ("runferry.demo.hosting", "runferry.demo.show", "runferry.demo.stage", "alembic.command")
"""What commands load when they know that they need it."""

LONGEST = 2**17
"""Bytes of a request: more than an environment has."""


class Command:
    """A command that runs; the part of ``subprocess.Popen`` that the tests need."""

    def __init__(self, told: IO[bytes]) -> None:
        self._told = told
        self._code: int | None = None
        self.pid = int(told.readline())

    def poll(self) -> int | None:
        """Return the exit code, or None while the command runs; minus the signal that ended it."""
        return self._look(0)

    def wait(self, timeout: float) -> int:
        """Return the exit code. Raises subprocess.TimeoutExpired."""
        code = self._look(timeout)
        if code is None:
            raise subprocess.TimeoutExpired(f"runferry, pid {self.pid}", timeout)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """Kill it and wait for its end; nothing happens where it has ended."""
        self.send_signal(signal.SIGKILL)
        self.wait(10)

    def _look(self, seconds: float) -> int | None:
        if self._code is None and select.select([self._told], [], [], seconds)[0]:
            self._code = int(self._told.readline())
            self._told.close()
        return self._code


def start_loaded(
    *words: str,
    environment: Mapping[str, str],
    stdout: int,
    stderr: int,
    stdin: int | None = None,
    has_own_session: bool = False,
) -> Command:
    """Start ``runferry`` with these words, environment and descriptors, in the directory where we are.

    Without ``stdin`` it reads nothing.
    """
    request = {"words": words, "environment": dict(environment), "folder": str(Path.cwd()), "session": has_own_session}
    here, there = os.pipe()
    nothing = os.open(os.devnull, os.O_RDONLY)
    try:
        descriptors = [there, nothing if stdin is None else stdin, stdout, stderr]
        socket.send_fds(reach_forker(), [json.dumps(request).encode()], descriptors)
    finally:
        close(there, nothing)
    return Command(os.fdopen(here, "rb", buffering=0))


@cache
def reach_forker() -> socket.socket:
    """Return the socket of this process's own forker, which begins with the first call and ends with this process."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    # OpenBLAS's threads would not live on in what is forked.
    environment = {"PATH": os.environ["PATH"], "PYTHONWARNINGS": "error", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-m", "tests.support.loaded"]
    forker = subprocess.Popen(command, stdin=theirs.fileno(), cwd=ROOT, env=environment, start_new_session=True)
    theirs.close()

    def end() -> None:
        ours.close()
        forker.wait(10)

    atexit.register(end)
    return ours


def fork_commands(requests: socket.socket) -> None:
    """Fork a command for each request, and return in each of them."""
    signal.signal(signal.SIGCHLD, reap_keepers)
    while True:
        data, (told, *streams), _, _ = receive(requests)
        if os.fork() == 0:
            requests.close()
            keep_command(told, streams)
            become(json.loads(data), streams)
            return
        close(told, *streams)


def receive(requests: socket.socket) -> tuple[bytes, list[int], int, Any]:
    received = socket.recv_fds(requests, LONGEST, 4)
    if not received[0]:
        os._exit(0)
    return received


def reap_keepers(*_: object) -> None:
    """Wait for keepers that have ended, which counts their processor time as ours."""
    with suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            continue


def keep_command(told: int, streams: list[int]) -> None:
    """Fork the command, and return there. Tell its pid, wait for its end, and tell its exit code."""
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    pid = os.fork()
    if pid == 0:
        os.close(told)
        return
    close(*streams)
    os.write(told, b"%d\n" % pid)
    _, status = os.waitpid(pid, 0)
    os.write(told, b"%d\n" % os.waitstatus_to_exitcode(status))
    os._exit(0)


def become(request: dict[str, Any], streams: list[int]) -> None:
    """Make this process the command that was asked for, as Python makes it from its environment."""
    if request["session"]:
        os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
    close(*streams)
    os.chdir(request["folder"])
    tempfile.tempdir = None  # found out while loading, and it depends on the environment
    os.environ.clear()
    os.environ.update(request["environment"])
    sys.argv = ["runferry", *request["words"]]
    sys.modules["__main__"].__package__ = ""  # else usage is told of a module
    sys.stdin = reopen(sys.stdin, "rb")
    sys.stdout = reopen(sys.stdout, "wb", is_by_line=os.isatty(1))
    sys.stderr = reopen(sys.stderr, "wb", is_by_line=True)


def reopen(stream: Any, mode: str, *, is_by_line: bool = False) -> TextIOWrapper:
    """Return a stream like this one on what its descriptor is now."""
    raw = os.fdopen(stream.fileno(), mode, closefd=False)
    return TextIOWrapper(raw, stream.encoding, stream.errors, line_buffering=is_by_line)


def close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


if __name__ == "__main__":
    from runferry.cli.application import main
    from runferry.cli.loading import loading

    with loading():
        for name in LOADED:
            import_module(name)
    fork_commands(socket.socket(fileno=os.dup(0)))
    main()
