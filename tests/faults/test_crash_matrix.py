"""``kill -9`` at every numbered step of migrating, landing, committing, ingesting and evicting; then a restart.

A spread of steps by default; ``RUNFERRY_LONG=1`` runs them all, ``RUNFERRY_LONG=2/3`` every third from the second on.
See ``tests.support.crashing`` for what is a step.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from tests.support.crashing import AFTER, BEFORE, Job, write_before
from tests.support.history import History
from tests.support.sshd import Sshd

LONG = os.environ.get("RUNFERRY_LONG", "")
SPREAD = 4
TIMEOUT = 3600 if LONG else 120


class Crasher:
    """The program that forks children and kills them."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "tests.support.crashing"]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def run(self, job: Job) -> dict[str, Any]:
        """Return how a child ended: ``is_killed``, or how many ``steps`` it took, or its ``error``."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(asdict(job)).encode() + b"\n")
        self._process.stdin.flush()
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        self._process.wait(timeout=10)


@pytest.fixture
def crasher() -> Iterator[Crasher]:
    crasher = Crasher()
    yield crasher
    crasher.close()


def choose(steps: int) -> range:
    """Return the steps to die at."""
    if not LONG:
        return range(1, steps + 1, max(1, steps // SPREAD))
    first, _, stride = LONG.partition("/")
    return range(int(first), steps + 1, int(stride or 1))


def check_local(folder: Path) -> None:
    """Look at what a crash has left: nothing torn, nothing that never was."""
    history = History()
    for name, data in BEFORE.items():
        history.begin(name, data)
        if AFTER[name] != data:
            history.begin(name, AFTER[name])
    for project in (folder / "data/mirror").rglob("p"):
        history.check(project.parent)


@pytest.mark.timeout(TIMEOUT)
def test_a_kill_at_any_step_loses_nothing_tears_nothing_and_is_mended_by_a_restart(
    tmp_path: Path, sshd: Sshd, crasher: Crasher
) -> None:
    def prepare(name: str, die_at: int) -> Job:
        folder = tmp_path / name
        write_before(folder / "remote")
        return Job(str(folder), sshd.port, str(sshd.client_key_path), sshd.username, die_at)

    whole = crasher.run(prepare("whole", 0))
    assert "error" not in whole, whole["error"]
    steps, killed, wrong = int(whole["steps"]), 0, {}
    for number in choose(steps):
        job = prepare(f"at-{number}", number)
        first = crasher.run(job)
        killed += first["is_killed"]
        check_local(Path(job.folder))
        again = crasher.run(Job(job.folder, job.port, job.key, job.user, 0))
        if error := first.get("error") or again.get("error"):
            wrong[number] = error
            print(f"after step {number}: {error[-1500:]}", flush=True)
        shutil.rmtree(job.folder)
    print(f"killed at {killed} of {steps} steps")
    assert not wrong
    assert killed > len(choose(steps)) // 2


@pytest.mark.timeout(TIMEOUT)
def test_a_kill_at_any_statement_of_a_migration_leaves_the_schema_before_or_behind_it(
    tmp_path: Path, crasher: Crasher
) -> None:
    def job(name: str, die_at: int) -> Job:
        return Job(str(tmp_path / name), 0, "", "", die_at, is_migration=True)

    steps = int(crasher.run(job("whole", 0))["steps"])
    for number in choose(steps):
        assert crasher.run(job(f"at-{number}", number))["is_killed"]
        again = crasher.run(job(f"at-{number}", 0))
        assert "error" not in again, again["error"]
        shutil.rmtree(tmp_path / f"at-{number}")
    print(f"killed at {len(choose(steps))} of {steps} steps")
