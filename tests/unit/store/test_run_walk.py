"""Pages of lists that are filtered by values are parts of the whole list, however they are found."""

from __future__ import annotations

import random
from dataclasses import replace
from itertools import product

import pytest
from sqlalchemy import update
from tests.support.indexing import add_sync, lose_runs, make_run, put_runs
from tests.support.seriesing import Source

from runferry.model import Run
from runferry.store.db import Database
from runferry.store.run_list import RunFilter
from runferry.store.runs import RunStore, SyncScope
from runferry.store.tables import runs

COUNT = 120

QUERIES = (
    "seed<50",
    "seed>=200",
    "loss<0.5",
    "-loss<0.5",
    "both>0.5",
    "seed<70 loss<0.8",
    "seed<70 status:failed",
    "seed<70 best>0.3",
    "seed<90 r1",
    "only<3",
    "nothing<1",
)


@pytest.fixture
def filled(index: Database) -> Database:
    """Runs with parameters, with logged values, with both; some are gone, moved, deleted, in the bin."""
    chance = random.Random(3)
    scope = add_sync(index, "gpu1", "/data")
    found = [make_varied(number, chance) for number in range(COUNT)]
    put_runs(index, scope, *found)
    ids = find_ids(index)
    for number, run in enumerate(found):
        source = Source(index, scope, ids[run.path], run.path)
        for key in ("loss", "both") if number % 3 else ():
            source.write_numbers([9.0, chance.random()], key=key)
    write_twice(index, scope, ids[found[1].path], found[1].path)
    lose_runs(index, scope, *(run.path for run in found[::17]))
    put_runs(index, scope, *(make_varied(number, chance, place="moved") for number in range(0, COUNT, 34)))
    with index.writing() as connection:
        for column, step in ((runs.c.recycled_at, 13), (runs.c.deleted_at, 19)):
            statement = update(runs).where(runs.c.id % step == 0).values({column: 5.0})
            connection.execute(statement)
    return index


def make_varied(number: int, chance: random.Random, *, place: str = "cv") -> Run:
    config = {"seed": number} | ({"both": chance.random()} if number % 2 else {}) | ({"only": 1} if number < 9 else {})
    return make_run(
        f"{place}/r{number}",
        created_at=None if number % 29 == 0 else float(number // 2),
        status="failed" if number % 5 == 0 else "finished",
        best_metric_value=None if number % 11 == 0 else number % 7 / 7,
        best_metric_name="acc",
        summary={"best_metric_mode": "min"} if number % 2 else {},
        assets={"config": {"args": config}},
    )


def find_ids(index: Database) -> dict[str, int]:
    with index.reading() as connection:
        return {row.path: row.id for row in connection.execute(runs.select())}


def write_twice(index: Database, scope: SyncScope, run_id: int, path: str) -> None:
    """Log a metric in a second file of the run, which still is one run."""
    Source(index, scope, run_id, f"{path}/more").write_numbers([0.25], key="loss")


def test_every_page_is_that_part_of_the_whole_list(filled: Database) -> None:
    store = RunStore(filled)
    for query, sort, order in product(QUERIES, ("created_time", "best", "name"), ("desc", "asc")):
        chosen = RunFilter(q=query, sort=sort, order=order)
        whole, total = store.list_runs(chosen)
        assert total == len(whole)
        for offset, limit in ((0, 1), (0, 5), (3, 10), (20, 50), (0, 200), (total, 5)):
            page, counted = store.list_runs(replace(chosen, offset=offset, limit=limit))
            assert [row.key for row in page] == [row.key for row in whole[offset : offset + limit]], (chosen, offset)
            assert counted == total, (chosen, offset)
