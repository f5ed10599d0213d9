"""Following a log: whatever lands in whatever pieces, and whatever is rewritten, every line comes once and in order."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile, TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.indexing import add_sync, make_run, put_runs

from runferry.model import Entry, Kind, Version
from runferry.service import log_source
from runferry.service.log_follower import DOUBT_SECONDS, PARTIAL_SECONDS, LogFollower, LogMessage, LogStart, Taken
from runferry.service.log_source import LogSource, find_source, make_tail
from runferry.store.db import Database
from runferry.store.log_file import PROOF, open_log
from runferry.store.log_index import STEP, LineIndexes
from runferry.store.sync_state import FileRecord, Held, SyncState

PATH = "p/n/runs/one/logs.txt"


@dataclass
class Place:
    """A data directory with one run, whose log is what ``hold`` says; ``now`` is the time."""

    directory: Path
    db: Database
    now: float = 0.0
    generation: int = 0

    def __post_init__(self) -> None:
        scope = add_sync(self.db, "gpu1", "/data")
        put_runs(self.db, scope, make_run("p/n/runs/one"))
        self._state = SyncState(self.db, scope.sync_id)
        self._local_dir = self.directory / "mirror" / "gpu1"
        source = self.source
        self.file = self.directory / source.row.local_dir / PATH
        self.file.parent.mkdir(parents=True)

    @property
    def source(self) -> LogSource:
        return find_source(self.db, self.directory, "one", None, LineIndexes())

    def hold(self, data: bytes, *, size: int | None = None, is_new: bool = False) -> None:
        """Land ``data``; ``size`` is that on the server. ``is_new``: as another generation, in another file."""
        self.generation += is_new
        if is_new:
            staged = self.file.with_name("staged")
            staged.write_bytes(data)
            staged.replace(self.file)
        else:
            self.file.write_bytes(data)
        self._commit(len(data) if size is None else size, len(data))

    def let_go(self, *, size: int) -> None:
        """Hold nothing any more."""
        self.file.unlink(missing_ok=True)
        self._commit(size, None)

    def follow(self, start: LogStart) -> LogFollower:
        return LogFollower(self.source, start, clock=lambda: self.now)

    def _commit(self, size: int, held: int | None) -> None:
        entry = Entry(PATH, Kind.FILE, Version(size, 1))
        here = None if held is None else Held(Version(held, 1), b"", self.generation, False, 1.0)
        self._state.commit([FileRecord(entry, here, None)])


@contextmanager
def placed() -> Iterator[Place]:
    with TemporaryDirectory() as name:
        db = Database(Path(name) / "runferry.db")
        db.open()
        try:
            yield Place(Path(name), db)
        finally:
            db.close()


@pytest.fixture
def place() -> Iterator[Place]:
    with placed() as found:
        yield found


def take_all(follower: LogFollower) -> list[LogMessage]:
    """Take until nothing more comes."""
    found: list[LogMessage] = []
    while True:
        taken = follower.take()
        if not taken.messages:
            return found
        found += taken.messages


def texts(messages: list[LogMessage]) -> list[str]:
    return [message.text for message in messages]


def join(messages: list[LogMessage]) -> str:
    """Put the log together again from its messages."""
    return "".join(message.text + "\n" * (not message.is_partial) for message in messages)


pieces = st.lists(st.sampled_from([b"\n", b"line\n", b"x", "é".encode(), b"\xc3", b"\xa9", b"ab"]), max_size=12)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(pieces.map(b"".join), st.booleans()), max_size=8), st.booleans())
def test_every_byte_comes_once_however_it_lands_and_whenever_it_is_looked_at(
    landings: list[tuple[bytes, bool]], is_reconnecting: bool
) -> None:
    with placed() as place:
        follower = place.follow(LogStart(tail=None))
        data, shown = b"", list[LogMessage]()
        for piece, is_late in landings:
            data += piece
            place.hold(data)
            shown += take_all(follower)
            if is_late:
                place.now += PARTIAL_SECONDS
                shown += take_all(follower)
            if is_reconnecting and shown:
                follower = place.follow(LogStart(cursor=shown[-1].cursor))
        place.now += PARTIAL_SECONDS
        shown += take_all(follower)
        place.now += PARTIAL_SECONDS
        shown += take_all(follower)
    rest = join(shown)
    cut = data.decode(errors="replace").removeprefix(rest)
    assert rest + cut == data.decode(errors="replace")
    assert cut in ("", "\ufffd"), "only half a character waits for its other half"


def test_nothing_is_shown_twice_while_the_copy_is_behind_what_was_shown(place: Place) -> None:
    data = b"".join(b"line %d\n" % number for number in range(100))
    tail = make_tail(data[-500:], len(data) - 500, data[:PROOF])
    assert tail is not None
    place.let_go(size=len(data))
    follower = place.follow(LogStart(tail=5))
    assert texts(follower.begin_with(tail)) == [f"line {number}" for number in range(95, 100)]
    assert follower.take() == Taken(), "nothing is here"
    place.hold(data[:300], size=len(data))
    assert not take_all(follower), "it is still coming"
    place.hold(data[:700])
    assert not take_all(follower), "the listing may be older than what was shown"
    place.hold(data + b"line 100\n")
    assert texts(take_all(follower)) == ["line 100"]


def test_a_copy_that_stays_shorter_than_what_was_shown_was_rewritten(place: Place) -> None:
    data = b"".join(b"line %d\n" % number for number in range(100))
    place.hold(data)
    cursor = take_all(place.follow(LogStart()))[-1].cursor
    follower = place.follow(LogStart(cursor=cursor))
    place.hold(b"new\n", is_new=True)
    assert not take_all(follower)
    place.now += DOUBT_SECONDS
    (message,) = take_all(follower)
    assert (message.text, message.number, message.is_anew) == ("new", 0, True)


def test_a_new_generation_is_a_rewritten_log_at_once_unless_it_goes_on(place: Place) -> None:
    place.hold(b"one\ntwo\n")
    follower = place.follow(LogStart())
    assert texts(take_all(follower)) == ["one", "two"]
    place.hold(b"one\ntwo\nthree\n", is_new=True)
    assert texts(take_all(follower)) == ["three"], "the same beginning: fetched again, not rewritten"
    place.hold(b"", is_new=True)
    taken = follower.take()
    assert (taken.messages, taken.rewritten) == ([], 2)
    place.hold(b"four\n")
    (message,) = take_all(follower)
    assert (message.text, message.is_anew) == ("four", True)


def test_a_copy_that_was_evicted_and_fetched_again_goes_on_where_it_was(place: Place) -> None:
    place.hold(b"one\n")
    follower = place.follow(LogStart())
    assert texts(take_all(follower)) == ["one"]
    place.let_go(size=4)
    assert not take_all(follower)
    place.generation += 1
    place.hold(b"one\ntwo\n")
    assert texts(take_all(follower)) == ["two"]


def test_a_file_that_is_shorter_than_its_record_is_looked_at_again_later(place: Place) -> None:
    place.hold(b"one\ntwo\n")
    follower = place.follow(LogStart())
    place.file.write_bytes(b"one\n")
    taken = follower.take()
    assert (taken.messages, taken.wait is not None) == ([], True)
    place.hold(b"one\ntwo\n")
    assert texts(take_all(follower)) == ["one", "two"]


def test_a_line_that_is_yet_to_come_is_waited_for(place: Place) -> None:
    place.hold(b"zero\none")
    follower = place.follow(LogStart(line=2))
    assert not take_all(follower)
    place.hold(b"zero\none\n")
    assert not take_all(follower)
    place.hold(b"zero\none\ntwo\nthree\n")
    assert [(message.number, message.text) for message in take_all(follower)] == [(2, "two"), (3, "three")]


@given(st.binary(max_size=40), st.integers(0, 400))
def test_the_end_of_a_remote_log_has_whole_lines_and_true_cursors(noise: bytes, start: int) -> None:
    data = b"".join(b"line %d\n" % number for number in range(60)) + noise
    begin = min(start, len(data))
    tail = make_tail(data[begin:], begin, data[:PROOF])
    lines = data.split(b"\n")[:-1]
    if tail is None:
        assert begin
        assert b"\n" not in data[begin + PROOF :]
        return
    shown = [text for text, _ in tail.lines]
    assert shown == [line.removesuffix(b"\r").decode(errors="replace") for line in lines[len(lines) - len(shown) :]]
    assert tail.size == len(data)
    assert begin or len(shown) == len(lines)
    with NamedTemporaryFile() as file:
        file.write(data)
        file.flush()
        with open_log(file.name, len(data)) as log:
            assert log is not None
            places = [log.find_cursor(cursor) for _, cursor in tail.lines]
            ends = [len(b"\n".join(lines[: number + 1])) + 1 for number in range(len(lines))]
            assert places == ends[len(lines) - len(shown) :]
            assert log.find_cursor(tail.cursor) is not None


def test_lines_have_their_numbers_once_those_before_them_are_counted(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log_source, "INDEXED_AT_ONCE", 0)  # as if it were a large log
    lines = b"x" * STEP + b"\ntwo\n"
    place.hold(lines)
    source = place.source
    with source.open() as (_, log):
        assert log is not None
        follower = LogFollower(source, LogStart(cursor=log.make_cursor(STEP + 1)))
    assert [message.number for message in follower.take().messages] == [None]
    place.hold(lines + b"three\nfour\n")
    assert source.count_on()
    assert [message.number for message in follower.take().messages] == [2, 3]
