"""The index of series: points exactly once, with the position they come from, and read back as they were written."""

from __future__ import annotations

import math
import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, select
from tests.support.indexing import add_sync
from tests.support.seriesing import Source, add_run, column

from runferry.model import MediaItem, SeriesKind
from runferry.store import series_cache
from runferry.store.chunking import Points
from runferry.store.db import Database
from runferry.store.downsample import Range, downsample
from runferry.store.runs import SyncScope
from runferry.store.series import SeriesRow, SeriesStore
from runferry.store.series_cache import SeriesCache
from runferry.store.series_writer import SeriesWriter
from runferry.store.tables import chunks, media, runs, series, sources

NUMBER, BOOLEAN, TEXT = SeriesKind.NUMBER, SeriesKind.BOOLEAN, SeriesKind.TEXT
PATH = "cv/yolo/runs/one"


@pytest.fixture
def scope(index: Database) -> SyncScope:
    return add_sync(index, "gpu1", "/data")


@pytest.fixture
def run_id(index: Database, scope: SyncScope) -> int:
    return add_run(index, scope, PATH)


@pytest.fixture
def source(index: Database, scope: SyncScope, run_id: int) -> Source:
    return Source(index, scope, run_id, PATH)


def find(source: Source, run_id: int, key: str = "loss", kind: SeriesKind = NUMBER) -> SeriesRow:
    (row,) = (row for row in source.store.list_series(run_id, [key]) if row.kind is kind)
    return row


def load(source: Source, run_id: int, key: str = "loss", kind: SeriesKind = NUMBER, start: int = 0) -> Points:
    points = source.store.load(find(source, run_id, key, kind), start)
    assert points is not None
    return points


def count_rows(index: Database) -> dict[str, int]:
    with index.reading() as connection:
        tables = (sources, series, chunks, media)
        return {one.name: connection.execute(select(func.count()).select_from(one)).scalar_one() for one in tables}


def test_points_are_read_as_they_were_written(source: Source, run_id: int) -> None:
    values = [1.0, math.nan, -0.0, math.inf, 5e-324, -math.inf]
    source.write(
        {("loss", NUMBER): column(values), ("ok", BOOLEAN): column([1.0, 0.0]), ("stage", TEXT): column(["ä", "b"])}
    )
    assert np.array_equal(np.array(load(source, run_id).values), values, equal_nan=True)
    assert math.copysign(1, load(source, run_id).values[2]) == -1  # type: ignore[arg-type]
    assert load(source, run_id, "stage", TEXT).values == ["ä", "b"]
    assert load(source, run_id, "ok", BOOLEAN).steps.tolist() == [0.0, 1.0]
    assert load(source, run_id).times.tolist() == [1e9 + n for n in range(6)]


@given(sizes=st.lists(st.integers(1, 5000), min_size=1, max_size=8), is_forgetful=st.booleans())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_any_portions_add_up(
    index: Database, scope: SyncScope, run_id: int, sizes: list[int], is_forgetful: bool
) -> None:
    writer = SeriesWriter(index, kept_bytes=0 if is_forgetful else 10**6)
    source = Source(index, scope, run_id, PATH, writer)
    rng, parts = np.random.default_rng(3), []
    for number, size in enumerate(sizes):
        part = rng.normal(size=size)
        parts.append(part)
        source.write_numbers(part.tolist(), is_fresh=number == 0)
    whole = np.concatenate(parts)
    row, points = find(source, run_id), load(source, run_id)
    assert np.array_equal(np.array(points.values), whole)
    assert np.array_equal(points.steps, np.arange(len(whole)))
    assert (row.points, row.first, row.last) == (len(whole), whole[0], whole[-1])
    assert (row.min, row.max, row.last_step) == (whole.min(), whole.max(), len(whole) - 1)
    middle = len(whole) // 2
    assert np.array_equal(np.array(load(source, run_id, start=middle).values), whole[middle:])


def test_the_sums_of_a_series_are_of_its_finite_values(source: Source, run_id: int) -> None:
    source.write({("loss", NUMBER): column([math.nan, 3.0, -2.0])})
    row = find(source, run_id)
    assert (row.min, row.max, row.first, row.last, row.last_text) == (-2.0, 3.0, None, -2.0, None)
    source.write({("loss", NUMBER): column([7.0, -math.inf], start=3), ("note", TEXT): column(["x" * 1000])})
    row = find(source, run_id)
    assert (row.min, row.max, row.first, row.last, row.last_text) == (-2.0, 7.0, None, None, "-Infinity")
    assert find(source, run_id, "note", TEXT).last_text == "x" * 500


def test_position_state_and_points_are_one_step(source: Source, run_id: int) -> None:
    source.write_numbers([1.0, 2.0])
    first = source.row
    assert first is not None
    assert (first.position, first.points, first.state, first.edge_hash) == (100, 2, {"n": 1}, b"edges")
    assert first.first_time == 1e9
    broken = replace(source.step({("loss", NUMBER): column([3.0], start=2)}), run_id=987_654)  # no such run
    with pytest.raises(Exception, match="cannot be used"):
        source.writer.advance([broken])
    assert source.row == first
    assert load(source, run_id).values.tolist() == [1.0, 2.0]  # type: ignore[union-attr]
    source.write_numbers([3.0])
    assert load(source, run_id).values.tolist() == [1.0, 2.0, 3.0]  # type: ignore[union-attr]


def test_a_step_is_written_once(source: Source, run_id: int) -> None:
    source.write_numbers([1.0])
    step = source.step({("loss", NUMBER): column([2.0], start=1)})
    assert source.writer.advance([step]) == [True]
    assert source.writer.advance([step]) == [False]
    assert find(source, run_id).points == 2


def test_a_fresh_reading_replaces_everything_of_that_source_and_nothing_else(
    index: Database, scope: SyncScope, run_id: int, source: Source
) -> None:
    other = Source(index, scope, run_id, f"{PATH}/more")
    other.write_numbers([9.0], key="other")
    assert source.writer.advance([source.step({}, media=[MediaItem("image", "k", "a.png")])]) == [True]
    source.write_numbers(list(range(9000)))
    old = find(source, run_id)
    source.write_numbers([5.0], is_fresh=True)
    new = find(source, run_id)
    assert (new.points, new.min) == (1, 5.0)
    assert new.reading > old.reading
    assert source.store.load(old) is None, "what is asked for is no longer there"
    assert load(source, run_id).values.tolist() == [5.0]  # type: ignore[union-attr]
    assert source.store.list_media(run_id) == []
    assert find(other, run_id, "other").points == 1


def test_what_is_derived_goes_with_its_run(index: Database, source: Source, run_id: int) -> None:
    source.write_numbers([1.0])
    with index.writing() as connection:
        connection.execute(delete(runs).where(runs.c.id == run_id))
    assert set(count_rows(index).values()) == {0}


def test_bad_records_add_up_and_the_first_is_kept(source: Source) -> None:
    source.write_bad(2, "At byte 5: no.")
    source.write_bad(1, "At byte 9: no.")
    assert source.row is not None
    assert (source.row.bad_records, source.row.first_bad) == (3, "At byte 5: no.")


def test_media_are_listed_in_order_and_by_key(source: Source, run_id: int) -> None:
    items = [MediaItem("image", key, f"media/{n}.png", n, 1.0, None) for n, key in enumerate("aba")]
    source.writer.advance([source.step(media=items)])
    assert source.store.list_media(run_id) == items
    assert source.store.list_media(run_id, "a") == [items[0], items[2]]


def test_adding_a_line_to_a_long_series_writes_little(index: Database, source: Source, run_id: int) -> None:
    source.write_numbers(np.zeros(1_000_000).tolist())
    with index.reading() as connection:
        before = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    assert before[0] == 0
    for _ in range(20):
        source.write_numbers([1.0])
    wal = index.path.with_name(index.path.name + "-wal").stat().st_size
    assert wal / 20 < 60_000, "bytes written per line"
    assert load(source, run_id, start=1_000_000).values.tolist() == [1.0] * 20  # type: ignore[union-attr]


# In memory


def test_the_cache_gives_what_was_added_without_reading_the_rest_again(source: Source, run_id: int) -> None:
    cache = SeriesCache(source.store)
    source.write_numbers(list(range(10_000)))
    early = cache.get(find(source, run_id))
    for number in range(30):
        source.write_numbers([float(10_000 + 2 * number), float(10_001 + 2 * number)])
        points = cache.get(find(source, run_id))
        assert points is not None
        assert np.array_equal(np.array(points.values), np.arange(10_002 + 2 * number))
    assert early is not None
    assert len(early) == 10_000


def test_the_cache_notices_a_fresh_reading_and_keeps_texts_too(source: Source, run_id: int) -> None:
    cache = SeriesCache(source.store)
    source.write({("stage", TEXT): column(["a"])})
    assert cache.get(find(source, run_id, "stage", TEXT)).values == ["a"]  # type: ignore[union-attr]
    source.write({("stage", TEXT): column(["b"], start=1)})
    old = find(source, run_id, "stage", TEXT)
    assert cache.get(old).values == ["a", "b"]  # type: ignore[union-attr]
    source.write({("stage", TEXT): column(["c"])}, is_fresh=True)
    assert cache.get(find(source, run_id, "stage", TEXT)).values == ["c"]  # type: ignore[union-attr]


@pytest.mark.parametrize("is_numbers", [True, False])
def test_times_are_read_once_somebody_asks_for_them(source: Source, run_id: int, is_numbers: bool) -> None:
    cache, chance, total = SeriesCache(source.store), random.Random(5), 0
    key, kind = ("loss", NUMBER) if is_numbers else ("stage", TEXT)
    for _ in range(120):
        if chance.random() < 0.05:
            total = 0
        added = chance.choice((1, 3, 300, 5000)) if not total or chance.random() < 0.7 else 0
        numbers = [float(number) for number in range(total, total + added)]
        if added:
            values = column(numbers if is_numbers else list(map(str, numbers)), start=total)
            source.write({(key, kind): values}, is_fresh=not total)
        total += added
        has_times = chance.random() < 0.2
        points = cache.get(find(source, run_id, key, kind), has_times=has_times)
        whole = load(source, run_id, key, kind)
        assert points is not None
        assert list(points.values) == list(whole.values)
        assert points.steps.tolist() == whole.steps.tolist()
        if has_times:
            assert np.array_equal(points.times, whole.times, equal_nan=True)
        assert len(points.times) == total


def test_untimed_points_take_less_room(source: Source, run_id: int) -> None:
    cache = SeriesCache(source.store)
    source.write_numbers([1.0] * 1000)
    assert cache.get(find(source, run_id), has_times=False) is not None
    assert cache.size == 2 * 8 * 1000
    assert cache.get(find(source, run_id)) is not None
    assert cache.size == 3 * 8 * 1000


def test_the_cache_stays_within_its_limit(source: Source, run_id: int) -> None:
    cache = SeriesCache(source.store, limit=3 * 24 * 1000)
    for number in range(6):
        source.write_numbers(np.full(1000, number).tolist(), key=str(number))
    for _ in range(2):
        for number in range(6):
            points = cache.get(find(source, run_id, str(number)))
            assert points is not None
            assert points.values[0] == number
            assert cache.size <= 3 * 24 * 1000


def test_what_the_cache_keeps_is_not_added_up_for_each_series(
    source: Source, run_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run may have ten thousand series."""
    names = [f"{number:03}" for number in range(200)]
    source.write({(name, NUMBER): column([1.0, 2.0]) for name in names})
    rows = [find(source, run_id, name) for name in names]
    measure = vars(series_cache._Kept)["size"].fget
    measured: list[object] = []

    def count(one: object) -> int:
        measured.append(one)
        return int(measure(one))

    monkeypatch.setattr(series_cache._Kept, "size", property(count))
    cache = SeriesCache(source.store, limit=150 * 24 * 2)
    for row in rows:
        assert cache.get(row) is not None
    assert len(measured) < 4 * len(rows)
    assert cache.size == 150 * 24 * 2 == sum(map(measure, cache._kept.values()))


# All of it


def test_every_spike_of_ten_million_points_in_the_store_survives(source: Source, run_id: int) -> None:
    rng = np.random.default_rng(7)
    values = np.cumsum(rng.normal(size=10_000_000))
    values[rng.integers(0, len(values), 2000)] *= 50
    for first in range(0, len(values), 1_000_000):
        source.write({("loss", NUMBER): column(values[first : first + 1_000_000], start=first)})  # type: ignore[arg-type]
    points = load(source, run_id)
    assert np.array_equal(np.array(points.values), values)
    middle = values[1:-1]
    is_high = (middle >= values[:-2]) & (middle >= values[2:])
    is_low = (middle <= values[:-2]) & (middle <= values[2:])
    extremes = np.flatnonzero(is_high | is_low) + 1
    for width, start, end in (
        (1, 0, 1),
        (800, 0, 1),
        (2000, 0, 1),
        (20_000, 0, 1),
        (2000, 0.31, 0.62),
        (500, 0.5, 0.5003),
    ):
        low, high = int(start * (len(values) - 1)), int(end * (len(values) - 1))
        curve = downsample(points.steps, np.asarray(points.values), Range(width, low, high))
        inside = extremes[(extremes >= low) & (extremes <= high)]
        bucket = np.searchsorted(curve.x, inside, "left")
        assert len(inside) > 1000
        assert np.all(curve.low[bucket] <= values[inside])
        assert np.all(curve.high[bucket] >= values[inside])
        whole = values[low : high + 1]
        assert (curve.low.min(), curve.high.max()) == (whole.min(), whole.max())


def test_files_are_found_by_their_names_below_what_is_asked_for(index: Database, scope: SyncScope) -> None:
    store = SeriesStore(index)
    with index.writing() as connection:
        connection.exec_driver_sql(
            "INSERT INTO files (sync_id, path, kind, size, mtime_ns, ctime_ns, inode, device, links, held_size,"
            " generation, is_racy) SELECT ?, value, 'file', 5, 0, 0, 0, 0, 1, 3, 2, 0 FROM json_each(?)",
            (
                scope.sync_id,
                '["a/events.jsonl", "a0/events.jsonl", "events.jsonl", "a/b/events.jsonl", "a/xevents.jsonl"]',
            ),
        )
    found = store.list_files(scope.sync_id, ["events.jsonl"])
    assert [file.path for file in found] == ["a/b/events.jsonl", "a/events.jsonl", "a0/events.jsonl", "events.jsonl"]
    places = [(scope.sync_id, "a"), (scope.sync_id, ""), (scope.sync_id, "none")]
    exact = store.list_files_of(places, ["events.jsonl"])
    assert [[file.path for file in exact[place]] for place in places] == [["a/events.jsonl"], ["events.jsonl"], []]
    loose = store.list_files_of(places, ["b/ev*.jsonl", "events.jsonl"])
    assert sorted(file.path for file in loose[places[0]]) == ["a/b/events.jsonl", "a/events.jsonl"]
    assert (exact[places[0]][0].size, exact[places[0]][0].held, exact[places[0]][0].generation) == (5, 3, 2)
