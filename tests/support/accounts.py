"""Temporary system users for tests that need a password or another login shell. Never touches other users."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from tests.support.waiting import eventually_now


class Account:
    """A user ``rf-test-<pid>-<n>`` with a home of its own, removed by ``remove()`` or on leaving the context.

    ``files`` are written into the home (relative path -> text), for shell start files. Fails with an
    AssertionError where the tests do not run as root.
    """

    def __init__(self, *, shell: str = "/bin/sh", files: Mapping[str, str] | None = None) -> None:
        require_root("temporary users")
        assert Path(shell).exists(), f"no {shell} here: see scripts/test-packages.txt"
        self.home = Path(tempfile.mkdtemp(prefix="rf-test-home-"))
        self.home.chmod(0o755)
        self.password = f"pass-{os.urandom(8).hex()}"
        self.name = self._create(shell)
        self.uid = pwd.getpwnam(self.name).pw_uid
        self.set_password(self.password)
        for name, text in (files or {}).items():
            path = self.home / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        for path in (self.home, *self.home.rglob("*")):
            os.chown(path, self.uid, -1)

    def set_password(self, password: str) -> None:
        """Change the password, as ``passwd`` on the server would."""
        run_until_unlocked(["chpasswd"], f"{self.name}:{password}\n")
        self.password = password

    def remove(self) -> None:
        if self.name:
            run_until_unlocked(["userdel", "-f", self.name])
            self.name = ""
        shutil.rmtree(self.home, ignore_errors=True)

    def _create(self, shell: str) -> str:
        number = 0
        while is_known(name := f"rf-test-{os.getpid()}-{number}"):
            number += 1
        command = ["useradd", "--no-log-init", "-M", "-N", "-d", str(self.home), "-s", shell, name]
        run_until_unlocked(command)
        return name

    def __enter__(self) -> Account:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()


def require_root(what: str) -> None:
    assert os.geteuid() == 0, f"{what} need root: run these tests as root (a container will do)"


def is_known(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def run_until_unlocked(command: list[str], text: str = "") -> None:
    """Run a tool that edits /etc/passwd, waiting while another one holds its lock."""

    def attempt() -> bool:
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        if done.returncode == 0:
            return True
        # userdel -f reports what it could not tidy up (a live process) after having removed the user.
        if command[0] == "userdel" and not is_known(command[-1]):
            return True
        assert "lock" in done.stderr, f"{command[0]} failed: {done.stderr.strip()}"
        return False

    eventually_now(attempt, within=20.0, every=0.05, what=f"{command[0]} gets the lock of /etc/passwd")
