"""Series as tables: a row per time or per step, and no value in a row that is not its own."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from runferry.model import SeriesKind
from runferry.store.chunking import Points
from runferry.store.series_table import Series, Table, tabulate_steps, tabulate_times

NUMBER, BOOLEAN, TEXT = SeriesKind.NUMBER, SeriesKind.BOOLEAN, SeriesKind.TEXT


def make(key: str, points: list[tuple[float, float, float | str]], kind: SeriesKind = NUMBER) -> Series:
    """Make a series of (step, time, value)."""
    steps, times = (np.array([point[n] for point in points], dtype="<f8") for n in (0, 1))
    values = [point[2] for point in points]
    texts = [str(value) for value in values]
    return key, kind, Points(steps, times, texts if kind is TEXT else np.array(values, dtype="<f8"))


def rows_of(table: Table) -> list[dict[str, object]]:
    """Return the rows, without the cells that hold nothing."""
    rows = [dict(zip(table.names, cells, strict=True)) for cells in zip(*table.columns, strict=True)]
    return [{name: cell for name, cell in row.items() if cell is not None and cell == cell} for row in rows]


def test_a_step_has_one_row_with_what_was_written_last() -> None:
    table = tabulate_steps(
        [
            make("loss", [(1, 0, 0.5), (2, 1, 0.4), (1, 2, 0.3)]),
            make("stage", [(1, 0, "warm"), (2, 1, "train"), (2, 2, "val")], TEXT),
            make("acc", [(3, 0, 1.0)]),
        ]
    )
    assert table.names == ["global_step", "loss", "acc", "stage"]
    assert rows_of(table) == [
        {"global_step": 1, "loss": 0.3, "stage": "warm"},
        {"global_step": 2, "loss": 0.4, "stage": "val"},
        {"global_step": 3, "acc": 1.0},
    ]
    assert all(isinstance(step, int) for step in table.columns[0])


def test_steps_that_are_no_whole_numbers_stay_as_they_are() -> None:
    assert tabulate_steps([make("loss", [(0.5, 0, 1.0), (1, 0, 2.0)])]).columns[0] == [0.5, 1.0]


def test_rows_by_time_count_from_the_first_point_and_keep_every_value() -> None:
    table = tabulate_times(
        [
            make("loss", [(1, 100.0, 0.5), (2, 101.0, 0.4), (2, 101.0, 0.3), (3, math.nan, 0.2)]),
            make("acc", [(2, 101.0, 1.0), (3, 103.0, 2.0)]),
            make("stage", [(1, 100.0, "warm")], TEXT),
        ],
        100.0,
    )
    assert table.names == ["time", "loss", "acc"]
    assert rows_of(table) == [
        {"time": 0.0, "loss": 0.5},
        {"time": 1.0, "loss": 0.4, "acc": 1.0},
        {"time": 1.0, "loss": 0.3},
        {"time": 3.0, "acc": 2.0},
        {"loss": 0.2},
    ]


def test_numbers_and_booleans_of_one_key_share_its_column() -> None:
    found = [make("x", [(1, 1.0, 5.0)]), make("x", [(2, 2.0, 1.0)], BOOLEAN)]
    assert rows_of(tabulate_steps(found)) == [{"global_step": 1, "x": 5.0}, {"global_step": 2, "x": 1.0}]
    assert rows_of(tabulate_times(found, 0.0)) == [{"time": 1.0, "x": 5.0}, {"time": 2.0, "x": 1.0}]


def test_nothing_makes_an_empty_table() -> None:
    assert tabulate_times([], None) == Table(["time"], [[]])
    assert tabulate_steps([]) == Table(["global_step"], [[]])


SERIES = st.lists(
    st.tuples(st.integers(0, 6).map(float), st.integers(0, 6).map(float), st.integers(0, 99)), max_size=25
)


@given(st.dictionaries(st.sampled_from("abc"), SERIES))
def test_every_value_is_in_exactly_one_row_of_its_time(given: dict[str, list[tuple[float, float, int]]]) -> None:
    found = [make(key, [(step, time, float(value)) for step, time, value in points]) for key, points in given.items()]
    table = tabulate_times(found, 0.0)
    times = table.columns[0]
    assert times == sorted(times)  # type: ignore[type-var]
    for key, column in zip(table.names[1:], table.columns[1:], strict=True):
        cells = sorted((time, cell) for time, cell in zip(times, column, strict=True) if cell == cell)
        assert cells == sorted((time, float(value)) for _, time, value in given[key])
    # a row is there for somebody, and no time has more of them than the metric with the most values then
    assert all(len(row) > 1 for row in rows_of(table))
    for time in set(times):
        most = max(sum(point[1] == time for point in points) for points in given.values())
        assert times.count(time) == most  # type: ignore[arg-type]


@given(st.dictionaries(st.sampled_from("abc"), SERIES))
def test_every_step_has_its_last_value(given: dict[str, list[tuple[float, float, int]]]) -> None:
    found = [make(key, [(step, time, float(value)) for step, time, value in points]) for key, points in given.items()]
    expected: dict[float, dict[str, object]] = {}
    for key, points in given.items():
        for step, _, value in points:
            expected.setdefault(step, {"global_step": int(step)})[key] = float(value)
    assert rows_of(tabulate_steps(found)) == [expected[step] for step in sorted(expected)]
