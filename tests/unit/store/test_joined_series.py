"""Series put together from several files: which points count, which were written again, and under which names."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from tests.support.indexing import add_sync
from tests.support.seriesing import Source, add_run, column

from runferry.model import SeriesKind
from runferry.store.chunking import Points
from runferry.store.db import Database
from runferry.store.joined_series import Joined, Origin, join_points, join_series, name_series
from runferry.store.series import SeriesRow

NUMBER = SeriesKind.NUMBER
PART = SeriesRow(1, 1, 1, "loss", NUMBER, 0, None, None, None, None, None, None, None)

steps = st.lists(st.sampled_from([0.0, 1.0, 2.0, 3.0, 4.0, math.nan]), min_size=1, max_size=8)
purges = st.sampled_from([math.inf, 0.0, 2.0, 4.0])


def make_points(given: list[float], first: int) -> Points:
    found = np.array(given, dtype="<f8")
    return Points(found, found, np.arange(first, first + len(found), dtype="<f8"))


@given(st.lists(st.tuples(steps, purges), min_size=1, max_size=4), st.booleans())
def test_each_point_either_counts_or_was_superseded(found: list[tuple[list[float], float]], is_last_wins: bool) -> None:
    parts, first = [], 0
    for some, _ in found:
        parts.append(make_points(some, first))
        first += len(some)
    rows = tuple(PART for _ in found)
    joined = Joined(PART, rows, tuple(purge for _, purge in found), is_last_wins)
    left = [(step, purge) for some, purge in found for step in some]
    counts = [not step >= purge for step, purge in left]
    if is_last_wins:
        later = [[step for (step, _), is_kept in zip(left, counts, strict=True) if is_kept]]
        kept = [at for at, is_kept in enumerate(counts) if is_kept]
        for place, at in enumerate(kept):
            counts[at] = left[at][0] not in set(later[0][place + 1 :]) or math.isnan(left[at][0])
    shown, others = join_points(joined, parts), join_points(joined, parts, superseded=True)
    assert list(shown.values) == [at for at, is_kept in enumerate(counts) if is_kept]
    assert list(others.values) == [at for at, is_kept in enumerate(counts) if not is_kept]


def test_what_a_restart_takes_back_is_kept_aside_within_a_file_and_in_those_before(index: Database) -> None:
    scope = add_sync(index, "gpu1", "/data")
    run_id = add_run(index, scope, "one")
    first, second = Source(index, scope, run_id, "one/a"), Source(index, scope, run_id, "one/b")
    name = ("loss", NUMBER)
    first.write({name: column([0.0, 1.0, 2.0, 3.0])})
    step = first.step({name: column([20.0], start=2.0)})
    assert first.writer.advance([replace(step, purge_from=2.0, superseded={name: column([9.0], start=4.0)})]) == [True]
    (row,) = first.store.list_series(run_id)
    points = first.store.load(row)
    assert points is not None
    joined = Joined(row, (row,), (math.inf,))
    assert not joined.is_summed
    assert list(join_points(joined, [points]).values) == [0.0, 1.0, 20.0]
    assert list(join_points(joined, [points], superseded=True).values) == [2.0, 3.0, 9.0]

    step = second.step({name: column([10.0], start=1.0)})
    assert second.writer.advance([replace(step, purge_from=1.0)]) == [True]
    sources = first.store.list_sources_of([run_id])[run_id]
    rows = first.store.list_series(run_id)
    origins = {source.path: Origin(place, "") for place, source in enumerate(sources)}
    (both,) = join_series(rows, sources, origins)
    loaded = [found for part in both.parts if (found := first.store.load(part)) is not None]
    assert list(join_points(both, loaded).values) == [0.0, 10.0]
    apart = {source.path: Origin(place, f"part{place}") for place, source in enumerate(sources)}
    assert [one.row.key for one in join_series(rows, sources, apart)] == ["loss", "part1/loss"]


@given(st.lists(st.tuples(st.sampled_from(["", "a", "b", "a/b"]), st.sampled_from(["x", "a/x", "b/x", "b/a/x"]))))
def test_no_two_series_are_shown_under_one_name(found: list[tuple[str, str]]) -> None:
    names = name_series(found)
    assert set(names) == set(found)
    assert len(set(names.values())) == len(names)


def test_series_are_told_in_the_order_of_the_files_whichever_was_read_first(index: Database) -> None:
    scope = add_sync(index, "gpu1", "/data")
    run_id = add_run(index, scope, "one")
    later, first = Source(index, scope, run_id, "one/b"), Source(index, scope, run_id, "one/a")
    later.write({("acc", NUMBER): column([1.0]), ("loss", NUMBER): column([1.0])})
    first.write({("loss", NUMBER): column([2.0]), ("acc", NUMBER): column([2.0])})
    origins = {"one/a/events.jsonl": Origin(0), "one/b/events.jsonl": Origin(1)}
    joined = join_series(first.store.list_series(run_id), first.store.list_sources_of([run_id])[run_id], origins)
    assert [one.row.key for one in joined] == ["loss", "acc"]


def test_what_was_read_before_stays_until_the_runs_files_of_now_have_been_read(index: Database) -> None:
    """A trainer's newest checkpoint holds its whole history: it takes the place of the one before."""
    scope = add_sync(index, "gpu1", "/data")
    run_id = add_run(index, scope, "one")
    before, now = Source(index, scope, run_id, "one/a"), Source(index, scope, run_id, "one/b")
    origins = {"one/b/events.jsonl": Origin(0)}

    def count() -> list[int]:
        sources = before.store.list_sources_of([run_id])[run_id]
        return [one.row.points for one in join_series(before.store.list_series(run_id), sources, origins)]

    before.write_numbers([1.0, 2.0])
    assert count() == [2]
    assert now.writer.advance([replace(now.step(length=0), bad=1, first_bad="half-written")]) == [True]
    assert count() == [2]
    now.write({("loss", NUMBER): column([1.0, 2.0, 3.0])}, is_fresh=True)
    assert count() == [3]
