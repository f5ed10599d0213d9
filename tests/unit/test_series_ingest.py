"""From a local file to series: read on where it stopped, never beyond what is committed, anew where rewritten."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from tests.support.columns import gather
from tests.support.indexing import add_sync
from tests.support.seriesing import add_run

from runferry.formats.runicorn_events import make_parser
from runferry.ingest import series as series_ingest
from runferry.ingest.series import News, SeriesIngest
from runferry.store.db import Database, upsert
from runferry.store.series import SeriesStore, SourceRow
from runferry.store.tables import files

RUN = "cv/yolo/runs/one"
EVENTS = f"{RUN}/events.jsonl"


class Copy:
    """A local copy with one run, and what the sync says of its events file."""

    def __init__(self, index: Database, root: Path, *, has_run: bool = True) -> None:
        self.index = index
        self.root = root
        self.scope = add_sync(index, "gpu1", "/data")
        self.run_id = add_run(index, self.scope, RUN) if has_run else 0
        self.ingest = SeriesIngest(index)
        self.store = SeriesStore(index)
        self.generation = 0

    def land(self, data: bytes, *, path: str = EVENTS, held: int | None = None, is_new: bool = False) -> None:
        """Put bytes into the local file, of which the first ``held`` (all) are committed."""
        target = self.root / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(data)
        self.generation += is_new
        row = {
            **{"sync_id": self.scope.sync_id, "path": path, "kind": "file", "size": len(data), "mtime_ns": 0},
            **{"ctime_ns": 0, "inode": 1, "device": 1, "links": 1, "is_racy": False, "generation": self.generation},
            **{"held_size": len(data) if held is None else held, "landed_at": 5.0},
        }
        with self.index.writing() as connection:
            upsert(connection, files, [row], keys=["sync_id", "path"])

    def read_on(self, *paths: str) -> News:
        return self.ingest.read_on(self.scope.sync_id, self.root, paths or [EVENTS])[0]

    def read_all(self, path: str = EVENTS) -> int:
        """Read until nothing is left; return how many steps it took."""
        for steps in range(1, 10_000):
            if not self.read_on(path).behind:
                return steps
        raise AssertionError("it does not end")

    @property
    def source(self) -> SourceRow:
        found = self.store.look_at(self.scope.sync_id, EVENTS)[1]
        assert found is not None
        return found

    def values(self, key: str = "loss") -> list[float]:
        (row,) = self.store.list_series(self.run_id, [key])
        points = self.store.load(row)
        assert points is not None
        return list(points.values)

    def everything(self) -> dict[tuple[str, str], tuple[bytes, bytes, object]]:
        """Return all points bit by bit."""
        found: dict[tuple[str, str], tuple[bytes, bytes, object]] = {}
        for row in self.store.list_series(self.run_id):
            points = self.store.load(row)
            assert points is not None
            values = points.values if isinstance(points.values, list) else points.values.tobytes()
            found[row.key, row.kind.value] = (points.steps.tobytes(), points.times.tobytes(), values)
        return found


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Database]:
    database = Database(tmp_path / "data" / "runferry.db")
    database.open()
    yield database
    database.close()


@pytest.fixture
def copy(index: Database, tmp_path: Path) -> Copy:
    return Copy(index, tmp_path / "copy")


def lines(count: int, start: int = 0, *, seed: int = 0) -> bytes:
    rng = np.random.default_rng(seed)
    return b"".join(
        json.dumps(
            {"ts": 1e9 + n, "type": "metrics", "data": {"loss": rng.normal(), "global_step": n, "stage": "s"}}
        ).encode()
        + b"\n"
        for n in range(start, start + count)
    )


def test_a_file_is_read_whole_and_then_only_what_was_added(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = lines(50), lines(3, 50, seed=1)
    copy.land(first)
    news = copy.read_on()
    assert news.points == {copy.run_id: 100}
    assert news.keys == {copy.run_id: {"loss", "stage"}}
    assert copy.source.position == len(first)
    read: list[int] = []
    pread = os.pread

    def note(descriptor: int, size: int, at: int) -> bytes:
        read.append(at)
        return pread(descriptor, size, at)

    monkeypatch.setattr(os, "pread", note)
    copy.land(first + second)
    assert copy.read_on().points == {copy.run_id: 6}
    assert min(at for at in read if at >= 4096) >= len(first) - 4096, "only the edges are looked at again"
    assert len(copy.values()) == 53
    assert copy.ingest.find_behind(copy.scope.sync_id) == []


def test_what_is_not_committed_is_not_read(copy: Copy) -> None:
    data = lines(10)
    end = data.index(b"\n", len(data) // 2) + 20
    copy.land(data, held=end)
    copy.read_all()
    assert copy.source.position == data.rindex(b"\n", 0, end) + 1
    assert len(copy.values()) == data.count(b"\n", 0, end)


def test_a_file_that_was_cut_back_is_read_on_from_there(copy: Copy) -> None:
    """After kill -9 the local file ends where the index says; it has more, or other bytes behind that."""
    data = lines(10)
    copy.land(data + b'{"torn', held=len(data))
    copy.read_all()
    before = copy.everything()
    copy.land(data, held=len(data))
    copy.read_all()
    assert copy.everything() == before


def test_a_last_line_without_newline_counts_once(copy: Copy) -> None:
    data = lines(3)
    for end in (len(data) - 1, len(data)):
        copy.land(data[:end])
        copy.read_all()
        assert len(copy.values()) == 3
    copy.land(data + lines(1, 3))
    copy.read_all()
    assert len(copy.values()) == 4


def test_a_rewritten_file_is_read_anew_and_only_that_one(copy: Copy) -> None:
    other = "cv/yolo/runs/two"
    other_id = add_run(copy.index, copy.scope, other)
    copy.land(lines(4, seed=9), path=f"{other}/events.jsonl")
    copy.land(lines(30))
    copy.read_on(EVENTS, f"{other}/events.jsonl")
    untouched = copy.store.list_series(other_id)
    copy.land(lines(5, seed=2), is_new=True)
    assert copy.ingest.find_behind(copy.scope.sync_id) == [EVENTS]
    copy.read_all()
    assert copy.values() == gather(make_parser(), lines(5, seed=2)).values("loss")
    assert copy.store.list_series(other_id) == untouched


@pytest.mark.parametrize("data", [b"", lines(2), lines(30, seed=3), lines(90, seed=3)])
def test_other_bytes_are_noticed_even_where_nobody_says_so(copy: Copy, data: bytes) -> None:
    """Such as after a copy was evicted and fetched again, which begins to count generations anew."""
    copy.land(lines(30))
    copy.read_all()
    copy.land(data)
    copy.read_all()
    expected = gather(make_parser(), data)
    assert copy.source.points == sum(map(len, expected.series.values()))
    if data:
        assert copy.values() == expected.values("loss")


def test_a_rewritten_file_of_many_pieces_is_never_shown_empty(copy: Copy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_ingest, "PIECE", 1000)
    copy.land(lines(100))
    copy.read_all()
    copy.land(lines(200, seed=4), is_new=True)
    counts = []
    while True:
        news = copy.read_on()
        counts.append(len(copy.values()))
        if not news.behind:
            break
    assert counts == sorted(counts)
    assert counts[0] > 0
    assert counts[-1] == 200


def test_a_file_without_its_run_waits_for_it(index: Database, tmp_path: Path) -> None:
    copy = Copy(index, tmp_path / "copy", has_run=False)
    copy.land(lines(2))
    assert copy.read_on().waiting == [EVENTS]
    copy.run_id = add_run(index, copy.scope, RUN)
    assert copy.read_on().points == {copy.run_id: 4}


def test_what_is_not_here_or_no_plain_file_is_passed_over(copy: Copy, tmp_path: Path) -> None:
    assert copy.read_on() == News()
    copy.land(lines(2))
    (copy.root / EVENTS).unlink()
    assert copy.read_on() == News()
    secret = tmp_path / "secret"
    secret.write_bytes(lines(2))
    (copy.root / EVENTS).symlink_to(secret)
    assert copy.read_on() == News()
    (copy.root / EVENTS).unlink()
    os.mkfifo(copy.root / EVENTS)
    assert copy.read_on() == News()


def test_what_was_evicted_keeps_its_series(copy: Copy) -> None:
    copy.land(lines(5))
    copy.read_all()
    with copy.index.writing() as connection:
        connection.execute(update(files).values(held_size=None))
    (copy.root / EVENTS).unlink()
    copy.read_all()
    assert len(copy.values()) == 5
    assert copy.ingest.find_behind(copy.scope.sync_id) == []


def test_a_line_longer_than_a_piece_is_read(copy: Copy) -> None:
    long = json.dumps({"ts": 1, "type": "metrics", "data": {"note": "x" * 10_000_000, "loss": 1.5}}).encode() + b"\n"
    copy.land(lines(2) + long + lines(2, 2))
    copy.read_all()
    assert copy.values()[2] == 1.5
    assert len(copy.values()) == 5
    assert copy.source.bad_records == 0


def test_bad_records_are_counted_with_the_first_of_them(copy: Copy) -> None:
    copy.land(lines(1) + b"torn\n" + lines(1, 1) + b'{"type": "new"}\nno\n')
    copy.read_all()
    source = copy.source
    assert (source.bad_records, source.unknown_records, len(copy.values())) == (2, 1, 2)
    assert source.first_bad == f"At byte {len(lines(1))}: not JSON: b'torn'."


def test_reading_anew_gives_the_same(copy: Copy) -> None:
    copy.land(lines(300))
    copy.read_all()
    before = copy.everything()
    assert copy.store.request_reading(copy.scope.sync_id, landed_since=6.0) == 0
    assert copy.store.request_reading(copy.scope.sync_id) == 1
    assert copy.everything() == before
    assert copy.ingest.find_behind(copy.scope.sync_id) == [EVENTS]
    copy.read_all()
    assert copy.everything() == before
    assert copy.ingest.find_behind(copy.scope.sync_id) == []


WHOLE = (
    lines(60, seed=5)
    + b"junk\r\n\n"
    + lines(1, 60)[:-1]
    + lines(40, 61, seed=6)
    + b'{"ts": 1, "type": "metrics", "data": {"loss"'
)


@given(ends=st.lists(st.integers(0, len(WHOLE)), max_size=12), piece=st.sampled_from([300, 4096, 10**6]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20, deadline=None)
def test_however_it_lands_and_whoever_reads_on_the_series_are_those_of_the_whole(
    copy: Copy, monkeypatch: pytest.MonkeyPatch, ends: list[int], piece: int
) -> None:
    monkeypatch.setattr(series_ingest, "PIECE", piece)
    copy.land(b"", is_new=True)
    copy.read_all()
    for end in [*sorted(ends), len(WHOLE)]:
        copy.land(WHOLE[:end])
        copy.ingest = SeriesIngest(copy.index)  # as after a restart: nothing is remembered but what is stored
        copy.read_all()
    expected = gather(make_parser(), WHOLE)
    assert copy.values() == expected.values("loss")
    assert copy.source.bad_records == expected.bad == 1
    assert {name: len(points) for name, points in expected.series.items()} == {
        (row.key, row.kind.value): row.points for row in copy.store.list_series(copy.run_id)
    }


def test_many_small_sources_share_their_steps(copy: Copy) -> None:
    paths = []
    for number in range(300):
        run = f"cv/yolo/runs/r{number}"
        add_run(copy.index, copy.scope, run)
        paths.append(f"{run}/events.jsonl")
        copy.land(lines(2), path=paths[-1])
    news, looked = copy.ingest.read_on(copy.scope.sync_id, copy.root, paths)
    assert looked == series_ingest.MOST_AT_ONCE
    assert sum(news.points.values()) == 4 * looked
