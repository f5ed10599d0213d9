"""Whatever is done to a tree, its link and its keeper, in any order: nothing that never was, and in the end the same.

A failing example is printed with what replays it (``@reproduce_failure``). ``RUNFERRY_LONG=<examples>`` runs as many.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import threading
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from tests.support.cutting import CuttingCarrier
from tests.support.history import History
from tests.support.keeping import Keeper, MakeRemote, make_template, open_local

from runferry.remote.base import Remote

T = TypeVar("T")

FOLDERS = ("", "d", "e", "d/e", "f")
NAMES = ("run.log", "run.log.1", "events.jsonl", "status.json", "model.bin")
SIZES = (0, 1, 40, 5_000, 300_000)
LONG = int(os.environ.get("RUNFERRY_LONG", "0"))
TIMEOUT = 3600 if LONG else 60

paths = st.builds(lambda folder, name: f"{folder}/{name}".lstrip("/"), st.sampled_from(FOLDERS), st.sampled_from(NAMES))
folders = st.sampled_from(FOLDERS[1:])
sizes = st.sampled_from(SIZES)


class Loop:
    """An event loop that runs in a thread of its own, so that the sync works while the tree is changed."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="sync")
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=60)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class Tree:
    """The server's tree. Each change is written into the history first."""

    def __init__(self, root: Path, scratch: Path, history: History) -> None:
        self.root = root
        self._scratch = scratch
        self._history = history
        self._count = 0
        root.mkdir()

    def make(self, path: str, size: int) -> bytes:
        """Return content that no other call returns, but for none at all: it fits the name."""
        self._count += 1
        if path.endswith(".json"):
            return b'{"v": %d, "pad": "%s"}' % (self._count, b"x" * size)
        return b"".join(b"%d.%d\n" % (self._count, line) for line in range(size // 8 + 1))[:size] if size else b""

    def write(self, path: str, content: bytes, *, is_old: bool = False) -> None:
        """Replace a file by renaming another over it, or make it."""
        if not self._make_way(path):
            return
        (self._scratch / "new").write_bytes(content)
        if is_old or len(content) > 200_000:
            at = 1_600_000_000 + self._count
            os.utime(self._scratch / "new", (at, at))
        self._history.begin(path, content)
        (self._scratch / "new").replace(self.root / path)

    def append(self, path: str, data: bytes) -> None:
        if self._make_way(path):
            self._history.extend(path, data) if (self.root / path).exists() else self._history.begin(path, data)
            with (self.root / path).open("ab", buffering=0) as file:
                file.write(data)

    def rewrite(self, path: str) -> None:
        """Write other bytes of the same number into the file that is there."""
        file = self.root / path
        if file.is_file() and 0 < (size := file.stat().st_size) < 4096:
            content = self.make(path, size)[:size].ljust(size, b" ")
            if path.endswith(".json"):
                content = (b'{"v": %d}' % self._count).ljust(size)[:size]
            self._history.begin(path, content)
            descriptor = os.open(file, os.O_WRONLY)
            os.pwrite(descriptor, content, 0)
            os.close(descriptor)

    def truncate(self, path: str, part: float) -> None:
        file = self.root / path
        if file.is_file() and not path.endswith(".json"):
            content = file.read_bytes()
            content = content[: int(len(content) * part)]
            self._history.begin(path, content)
            os.truncate(file, len(content))

    def move(self, old: str, new: str) -> None:
        """Rename a file, over another one if there is one."""
        if old != new and (self.root / old).is_file() and self._make_way(new):
            self._history.begin(new, (self.root / old).read_bytes())
            (self.root / old).replace(self.root / new)

    def move_folder(self, old: str, new: str) -> None:
        source, target = self.root / old, self.root / new
        if not source.is_dir() or target.exists() or new.startswith(f"{old}/") or not target.parent.is_dir():
            return
        for file in source.rglob("*"):
            if file.is_file():
                self._history.begin(f"{new}/{file.relative_to(source).as_posix()}", file.read_bytes())
        source.rename(target)

    def delete(self, path: str) -> None:
        (self.root / path).unlink(missing_ok=True)

    def remove_folder(self, path: str) -> None:
        shutil.rmtree(self.root / path, ignore_errors=True)

    def link(self, old: str, new: str) -> None:
        """Give a file a second name."""
        source, target = self.root / old, self.root / new
        if source.is_file() and not target.exists() and target.parent.is_dir():
            self._history.begin(new, source.read_bytes())
            os.link(source, target)

    def touch(self, path: str, mode: int) -> None:
        if (self.root / path).is_file():
            (self.root / path).chmod(mode)

    def is_linked(self, path: str) -> bool:
        """Say whether the file has other names: writing in place would change those as well."""
        return (self.root / path).is_file() and (self.root / path).stat().st_nlink > 1

    def _make_way(self, path: str) -> bool:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        return True


class SyncMachine(RuleBasedStateMachine):
    """Every rule is something that happens to people; what must hold is looked at after each."""

    template: Path
    remotes: MakeRemote

    @initialize()
    def begin(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="rf-machine-"))
        self.history = History()
        self.tree = Tree(self.folder / "remote", self.folder, self.history)
        self.loop = Loop()
        self.keeper = Keeper(self.folder, self.folder / "remote", make_remote=self.remotes, template=self.template)
        self.is_up = True
        self.loop.run(self.keeper.start())

    @rule(path=paths, size=sizes)
    def append(self, path: str, size: int) -> None:
        if not self.tree.is_linked(path) and not path.endswith(".json"):
            self.tree.append(path, self.tree.make(path, size))

    @rule(path=paths, size=sizes, is_old=st.booleans())
    def write(self, path: str, size: int, is_old: bool) -> None:
        self.tree.write(path, self.tree.make(path, size), is_old=is_old)

    @rule(path=paths)
    def rewrite_at_the_same_size(self, path: str) -> None:
        if not self.tree.is_linked(path):
            self.tree.rewrite(path)

    @rule(path=paths, part=st.sampled_from((0.0, 0.5, 0.99)))
    def truncate(self, path: str, part: float) -> None:
        if not self.tree.is_linked(path):
            self.tree.truncate(path, part)

    @rule(folder=st.sampled_from(FOLDERS), size=sizes)
    def rotate(self, folder: str, size: int) -> None:
        old = f"{folder}/run.log".lstrip("/")
        if (self.tree.root / old).is_file():
            self.tree.move(old, f"{old}.1")
            self.tree.append(old, self.tree.make(old, size))

    @rule(old=paths, new=paths)
    def move(self, old: str, new: str) -> None:
        self.tree.move(old, new)

    @rule(path=paths)
    def delete(self, path: str) -> None:
        self.tree.delete(path)

    @rule(path=paths, size=sizes)
    def delete_and_recreate(self, path: str, size: int) -> None:
        self.tree.delete(path)
        self.tree.write(path, self.tree.make(path, size))

    @rule(path=paths, mode=st.sampled_from((0o600, 0o644, 0o444)))
    def change_mode(self, path: str, mode: int) -> None:
        self.tree.touch(path, mode)

    @rule(old=paths, new=paths)
    def link(self, old: str, new: str) -> None:
        self.tree.link(old, new)

    @rule(folder=folders)
    def make_folder(self, folder: str) -> None:
        (self.tree.root / folder).mkdir(parents=True, exist_ok=True)

    @rule(folder=folders)
    def remove_folder(self, folder: str) -> None:
        self.tree.remove_folder(folder)

    @rule(old=folders, new=folders)
    def move_folder(self, old: str, new: str) -> None:
        self.tree.move_folder(old, new)

    @precondition(lambda self: self.is_up)
    @rule()
    def disconnect(self) -> None:
        self.loop.run(self.keeper.disconnect())

    @precondition(lambda self: self.is_up)
    @rule(is_clean=st.booleans())
    def go_down(self, is_clean: bool) -> None:
        self.loop.run(self.keeper.stop() if is_clean else self.keeper.crash())
        self.is_up = False

    @precondition(lambda self: not self.is_up)
    @rule()
    def come_up(self) -> None:
        self.loop.run(self.keeper.start())
        self.is_up = True

    @precondition(lambda self: self.is_up)
    @rule()
    def come_to_rest(self) -> None:
        self.loop.run(self.keeper.in_step())
        self.history.check_records(self.keeper.local, self.keeper.records())

    @invariant()
    def nothing_is_here_that_never_was(self) -> None:
        if hasattr(self, "keeper"):
            self.history.check(self.keeper.local)

    def teardown(self) -> None:
        if not hasattr(self, "keeper"):
            return
        try:
            if not self.is_up:
                self.come_up()
            self.come_to_rest()
            self.history.check(self.keeper.local)
        finally:
            self.loop.run(self.keeper.stop())
            self.loop.close()
            shutil.rmtree(self.folder)


async def open_agent_process() -> Remote:
    """Reach the tree as a server's: through an agent in a process of its own."""
    return await CuttingCarrier().open()


def run_machine(folder: Path, examples: int, make_remote: MakeRemote) -> None:
    class Machine(SyncMachine):
        template = make_template(folder / "template.db")
        remotes = staticmethod(make_remote)

    run_state_machine_as_test(
        Machine,
        settings=settings(
            max_examples=examples,
            stateful_step_count=30,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )


@pytest.mark.timeout(TIMEOUT)
def test_whatever_happens_nothing_is_torn_and_the_copy_comes_to_be_the_same(tmp_path: Path) -> None:
    run_machine(tmp_path, LONG or 6, open_local)


@pytest.mark.timeout(TIMEOUT)
def test_whatever_happens_through_an_agent_nothing_is_torn_either(tmp_path: Path) -> None:
    run_machine(tmp_path, LONG // 8 or 2, open_agent_process)
