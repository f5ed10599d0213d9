"""What a table of runs shows beside the runs: columns, values, groups, small curves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.support.indexing import add_sync, make_run, put_runs

from runferry.errors import InvalidRequest
from runferry.store.db import Database
from runferry.store.run_list import RunFilter
from runferry.store.run_table import ColumnName, RunTable
from runferry.store.sparklines import choose_metric, pick


def test_values_are_those_of_the_configuration_then_of_the_summary(index: Database) -> None:
    scope = add_sync(index, "gpu1", "/data")
    run = make_run(
        "a/b/runs/r1",
        meta={"config": {"lr": 0.001, "model": {"depth": 50, "name": "resnet"}, "flags": [1, 2]}},
        summary={"final_loss": 0.25, "lr": 9.0, "done": True},
    )
    put_runs(index, scope, run, make_run("a/b/runs/r2"))
    table = RunTable(index)
    names = ["lr", "model.depth", "model.name", "final_loss", "done", "flags", "nothing"]
    assert table.list_values(["gpu1/r1", "gpu1/r2", "gpu1/none"], names) == {
        "gpu1/r1": {"lr": 0.001, "model.depth": 50, "model.name": "resnet", "final_loss": 0.25, "done": True},
        "gpu1/r2": {},
    }
    assert ColumnName("model.name", "config", 1) in table.list_columns()
    assert ColumnName("final_loss", "summary", 1) in table.list_columns()


def test_groups_count_what_matches(index: Database) -> None:
    scope = add_sync(index, "gpu1", "/data")
    put_runs(index, scope, *(make_run(f"x/n/runs/r{number}", project=f"p{number % 2}") for number in range(5)))
    table = RunTable(index)
    assert table.count_groups(RunFilter(), "project") == [("p0", 3), ("p1", 2)]
    assert table.count_groups(RunFilter(q="project:p1"), "project") == [("p1", 2)]
    assert table.count_groups(RunFilter(), "server") == [("gpu1", 5)]
    with pytest.raises(InvalidRequest, match="by must be one of"):
        table.count_groups(RunFilter(), "evil")


@pytest.mark.parametrize(
    ("names", "wanted", "best", "chosen"),
    [
        ({"loss": 1, "acc": 2}, None, "acc", "acc"),
        ({"lr": 1, "val_Loss": 2}, None, "gone", "val_Loss"),
        ({"lr": 1, "x": 2}, None, None, "lr"),
        ({"lr": 1}, "x", None, None),
        ({}, None, "acc", None),
    ],
)
def test_the_curve_is_the_metric_asked_for_else_the_best_else_a_loss(
    names: dict[str, int], wanted: str | None, best: str | None, chosen: str | None
) -> None:
    assert choose_metric(names, wanted, best) == chosen


@given(st.lists(st.integers(), max_size=300), st.integers(min_value=2, max_value=50))
def test_a_choice_is_bounded_in_order_and_keeps_both_ends(numbers: list[int], most: int) -> None:
    chosen = pick(numbers, most)
    assert len(chosen) == min(most, len(numbers))
    if numbers:
        assert (chosen[0], chosen[-1]) == (numbers[0], numbers[-1])
