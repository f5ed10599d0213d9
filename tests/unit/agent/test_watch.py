"""Following without, or with too little, inotify: it degrades to polling and says so, and misses nothing."""

from __future__ import annotations

import os
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.trees import write
from tests.support.waiting import eventually_now

from runferry.agent import inotify, mounts, watches
from runferry.agent.report import Part, Report, report_tree
from runferry.agent.watch import Follower
from runferry.model import Change, Entry, Problem
from runferry.remote.parts import Assembly


class Told:
    """A follower in a thread, and what it told so far."""

    def __init__(self, root: Path, *, budget: int | None = None, interval: float = 0.2) -> None:
        self.entries: dict[str, Entry] = {}
        self.problems: dict[str, Problem] = {}
        self.changes: list[Change] = []
        self.error: OSError | None = None
        self._assembly = Assembly()
        self.follower = Follower(os.fsencode(root), interval, budget, self._take)
        self._thread = threading.Thread(target=self._run, daemon=True)

    @property
    def notes(self) -> list[str]:
        return self._assembly.notes

    def __enter__(self) -> Told:
        self._thread.start()
        self.until(lambda: bool(self.changes))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.follower.stop()
        self._thread.join(10)
        assert not self._thread.is_alive()

    def until(self, condition: Callable[[], bool], within: float = 15.0) -> None:
        eventually_now(condition, within=within, every=0.005)

    def size(self, path: str) -> int:
        return self.entries[path].size if path in self.entries else -1

    def _run(self) -> None:
        try:
            self.follower.run()
        except OSError as error:
            self.error = error

    def _take(self, part: Part) -> None:
        change = self._assembly.add(part)
        if change is None:
            return
        if change.complete:
            self.entries, self.problems = {}, {}
        for path in change.removed:
            self.entries.pop(path, None)
            self.problems.pop(path, None)
        for entry in change.upserts:
            self.entries[entry.path] = entry
            self.problems.pop(entry.path, None)
        self.problems.update({problem.path: problem for problem in change.problems})
        self.changes.append(change)


def scan(root: Path) -> Change:
    assembly = Assembly()
    found: list[Change | None] = []
    report_tree(os.fsencode(root), Report(lambda part: found.append(assembly.add(part))))
    change = found[-1]
    assert change is not None
    return change


def age(root: Path, seconds: float) -> None:
    """Make a tree look as if it had not changed for some time (its ctimes tell the truth all the same)."""
    moment = time.time() - seconds
    for path in [*root.rglob("*"), root]:
        os.utime(path, (moment, moment))


@pytest.mark.parametrize("budget", [0, 3])
def test_more_directories_than_may_be_watched_are_polled_and_that_is_said(tmp_path: Path, budget: int) -> None:
    for number in range(10):
        write(tmp_path / f"run-{number}/log", "x")
    with Told(tmp_path, budget=budget) as told:
        assert len(told.notes) == 1
        assert f"{11 - budget} directories are polled instead of watched" in told.notes[0]
        for number in range(10):
            with (tmp_path / f"run-{number}/log").open("a") as log:
                log.write("yy")
        told.until(lambda: all(told.size(f"run-{number}/log") == 3 for number in range(10)))
        write(tmp_path / "run-new/deep/log", "1")
        told.until(lambda: told.size("run-new/deep/log") == 1)
        (tmp_path / "run-3").rename(tmp_path / "run-moved")
        told.until(lambda: told.size("run-moved/log") == 3 and "run-3" not in told.entries)


def test_the_watches_go_to_where_something_happens(tmp_path: Path) -> None:
    for number in range(6):
        write(tmp_path / f"run-{number}/log", "x")
    with Told(tmp_path, budget=2, interval=60.0) as told:
        write(tmp_path / "run-5/log", "xyz")  # polled: seen within a few seconds, and watched from then on
        told.until(lambda: told.size("run-5/log") == 3)
        eventually_now(lambda: told.follower._survey.tree.folders["run-5"].watch is not None)
        watched = [path for path, folder in told.follower._survey.tree.folders.items() if folder.watch is not None]
        assert len(watched) == 2
        assert "" in watched


def test_a_limit_of_the_server_that_is_used_up_degrades_to_polling(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(5):
        write(tmp_path / f"run-{number}/log", "x")
    real = inotify.Inotify.add
    added: list[bytes] = []

    def add(self: inotify.Inotify, path: bytes) -> int:
        if len(added) >= 2:
            raise OSError(28, "No space left on device")
        added.append(path)
        return real(self, path)

    monkeypatch.setattr(inotify.Inotify, "add", add)
    with Told(tmp_path) as told:
        assert "inotify watches on the server are used up" in told.notes[0]
        write(tmp_path / "run-4/log", "xyz")
        write(tmp_path / "run-0/log", "xyz")
        told.until(lambda: told.size("run-4/log") == told.size("run-0/log") == 3)


def test_a_server_without_inotify_is_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self: inotify.Inotify) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(inotify.Inotify, "__init__", fail)
    write(tmp_path / "log", "x")
    with Told(tmp_path) as told:
        assert "inotify is not available" in told.notes[0]
        write(tmp_path / "log", "xyz")
        told.until(lambda: told.size("log") == 3)


def test_a_network_filesystem_is_polled(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mounts, "find_type", lambda path: "nfs4")
    write(tmp_path / "run/log", "x")
    with Told(tmp_path) as told:
        assert "their filesystem gives no notifications" in told.notes[0]
        write(tmp_path / "run/log", "xyz")
        told.until(lambda: told.size("run/log") == 3)
        write(tmp_path / "new/log", "1")
        told.until(lambda: told.size("new/log") == 1)


def test_events_that_were_lost_are_made_good_by_looking_at_everything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "run/log", "x")
    write(tmp_path / "other/log", "x")
    real = inotify.Inotify.read
    lost: list[inotify.Event] = []

    def read(self: inotify.Inotify) -> list[inotify.Event]:
        events = real(self)
        if not events or lost:
            return events
        lost.extend(events)
        return [(-1, inotify.OVERFLOW, b"")]

    monkeypatch.setattr(inotify.Inotify, "read", read)
    with Told(tmp_path) as told:
        write(tmp_path / "run/log", "xyz")
        told.until(lambda: told.size("run/log") == 3)
        assert lost
        write(tmp_path / "other/log", "xyz")
        told.until(lambda: told.size("other/log") == 3)


def test_a_change_within_one_clock_tick_is_told_by_its_event(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "status.json", "1")
    with Told(tmp_path) as told:
        first = len(told.changes)
        record = told.follower._survey.tree.folders[""].names["status.json"]
        monkeypatch.setattr("runferry.agent.survey.look", lambda *_: record)  # lstat sees no difference
        path.write_text("2")
        told.until(lambda: len(told.changes) > first)
        assert told.changes[-1].upserts[0].path == "status.json"


def test_a_young_file_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("runferry.agent.tiers.RACY", 0.3)
    monkeypatch.setattr(watches, "Inotify", _NoInotify)
    path = write(tmp_path / "status.json", "1")
    with Told(tmp_path, interval=3600.0) as told:
        path.write_text("2")
        wanted = path.stat().st_mtime_ns
        told.until(lambda: told.entries["status.json"].version.mtime_ns == wanted, within=2.0)


class _NoInotify:
    def __init__(self) -> None:
        raise OSError(38, "Function not implemented")


def test_cold_directories_are_noticed_by_their_own_times(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    age(tmp_path, 7200)
    with Told(tmp_path, budget=0) as told:
        write(tmp_path / "old/new-run/meta.json", "{}")
        told.until(lambda: told.size("old/new-run/meta.json") == 2)


def test_a_root_that_goes_away_in_the_middle_takes_nothing_with_it(tmp_path: Path) -> None:
    root = tmp_path / "root"
    for number in range(50):
        write(root / f"run-{number}/log", "x")
    with Told(root, budget=0) as told:
        root.rename(tmp_path / "unmounted")
        root.mkdir()
        told.until(lambda: len(told.changes) > 1)
        assert all(change.complete or not change.removed for change in told.changes)
        assert told.changes[-1].root != told.changes[0].root


def test_stopping_before_and_after_the_end_is_fine(tmp_path: Path) -> None:
    with Told(tmp_path) as told:
        told.follower.stop()
    told.follower.stop()
    with Told(tmp_path / "..") as told:
        pass
    follower = Follower(os.fsencode(tmp_path / "missing"), 1.0, None, lambda part: None)
    with pytest.raises(FileNotFoundError):
        follower.run()
    follower.stop()


OPERATIONS = st.lists(
    st.tuples(
        st.sampled_from(["write", "append", "unlink", "rename", "mkdir", "link"]),
        st.sampled_from(["a", "a/b", "a/b/c", "d", "d/e", "f"]),
        st.sampled_from(["a", "a/b", "d", "d/e", "f", "g"]),
    ),
    max_size=25,
)


def operate(root: Path, operation: str, one: str, other: str) -> None:
    """Do something to a tree; what cannot be done is not done."""
    source, target = root / one, root / other
    try:
        match operation:
            case "write":
                source.write_text(other)
            case "append":
                with source.open("a") as file:
                    file.write("more")
            case "unlink":
                source.rmdir() if source.is_dir() and not source.is_symlink() else source.unlink()
            case "rename":
                source.rename(target)
            case "mkdir":
                source.mkdir()
            case "link":
                source.symlink_to(other)
    except OSError:
        pass


@pytest.mark.parametrize("budget", [None, 2])
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(before=OPERATIONS, after=OPERATIONS)
def test_what_is_told_adds_up_to_what_is_there(
    budget: int | None, before: list[tuple[str, str, str]], after: list[tuple[str, str, str]]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for operation in before:
            operate(root, *operation)
        with Told(root, budget=budget, interval=0.05) as told:
            for operation in after:
                operate(root, *operation)
            expected = scan(root)
            entries = {entry.path: entry for entry in expected.upserts}
            # Whether a link leads anywhere can change far away from it: that is not noticed at once.
            problems = {problem.path for problem in expected.problems}
            told.until(lambda: told.entries == entries and set(told.problems) == problems)
