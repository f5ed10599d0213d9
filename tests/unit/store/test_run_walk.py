"""Whatever a list is filtered and sorted by and however it is found: it is what a plain reading of all rows says."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import update
from tests.support.indexing import add_sync, lose_runs, make_run, put_runs
from tests.support.plain_list import PlainList, read_plainly
from tests.support.seriesing import Source

from runferry.model import Liveness, ProcessState, Run
from runferry.store import run_list
from runferry.store.db import Database
from runferry.store.recycle import Place, RecycleStore
from runferry.store.run_list import SORTS, RunFilter
from runferry.store.runs import RunStore, SyncScope
from runferry.store.tables import runs

COUNT = 240
NOW = time.time()
NAMES, PROJECTS = ("Größe", "yolo_a", "yolo-b", "ResNet 50%", "x"), ("cv", "NLP", "ÜBUNG", "a_b", "ab")
TAGS = (("paper",), ("paper", "Best"), (), (), ("50%", "old"))

TERMS = (
    *("r1", "R1", "yolo", "yolo_", "GRÖSSE", "größe", "50%", "nowhere", "gpu2", "-yolo", "-r1", '"resnet 50"', "x"),
    *("name:yolo*", "name:x", "-name:*a*", "project:cv", "project:übung,nlp", "project:a_b", "-project:cv"),
    *("tag:paper", "-tag:paper", "tag:b*", "tag:paper,best", "tag:50%"),
    *("id:r1", "id:*7", "id:GPU1/r1*", "-id:r2*", "server:gpu2", "server:GPU*", "-server:gpu1"),
    *("status:failed", "status:running,finished", "-status:failed", "status:un*"),
    *("seed<50", "seed>=200", "-seed<120", "seed!=3", "loss<0.5", "-loss<0.5", "both>0.5", "only<3", "nothing<1"),
    *("best>0.3", "best<=0.5", "duration>900", "-duration<900", '"best">0', "created>1970-01-01T00:00:50"),
    *("started<1970-01-02", "-ended>1971-01-01"),
)


VALUES = ("seed<200", "seed>=20", "loss<0.9", "loss>0.1", "both>0.1")


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """Runs with parameters, with logged values, with both; some gone, moved, deleted, in the bin, of dead processes."""
    database = Database(tmp_path_factory.mktemp("filled") / "data" / "runferry.db")
    database.open()
    fill(database)
    yield database
    database.close()


def fill(index: Database) -> None:
    chance = random.Random(3)
    scopes = [add_sync(index, host, "/data") for host in ("gpu1", "gpu2")]
    found = [make_varied(number, chance) for number in range(COUNT)]
    for part, scope in enumerate(scopes):
        put_runs(index, scope, *found[part::2])
        ids = find_ids(index, scope)
        for number, run in enumerate(found[part::2]):
            source = Source(index, scope, ids[run.path], run.path)
            for key in ("loss", "both") if number % 3 else ():
                source.write_numbers([9.0, chance.random()], key=key)
        second = Source(index, scope, ids[found[part + 2].path], f"{found[part + 2].path}/more")
        second.write_numbers([0.25], key="loss")
        change(index, scope, [run.path for run in found[part::2]], chance)


def change(index: Database, scope: SyncScope, paths: Sequence[str], chance: random.Random) -> None:
    """Bring the runs into every state there is, by the ways that do so."""
    store, bin_ = RunStore(index), RecycleStore(index)
    for asked in store.running(scope.server_id):
        state = ProcessState(asked.question.pid, chance.choice(list(Liveness)), "evidence")
        store.set_liveness([(asked, state)], checked_at=1.0)
    lose_runs(index, scope, *paths[::17])
    put_runs(index, scope, *(make_varied(int(path[4:]), chance, place="moved") for path in paths[::34]))
    for path in paths[::13]:
        bin_.put(Place(scope.server_id, scope.remote_dir(path)), key=f"{path}-key", run_id=path[3:], at=5.0)
    for path in paths[::26]:
        bin_.take_back(Place(scope.server_id, scope.remote_dir(path)))
    with index.writing() as connection:
        store.forget(connection, scope.sync_id, paths[5::40])
        connection.execute(update(runs).where(runs.c.path.in_(paths[3::19])).values(deleted_at=5.0))


def make_varied(number: int, chance: random.Random, *, place: str = "cv") -> Run:
    config = {"seed": number} | ({"both": chance.random()} if number % 2 else {}) | ({"only": 1} if number < 9 else {})
    started = None if number % 7 == 0 else NOW - 1e6 - number * 100.0
    return make_run(
        f"{place}/r{number}",
        project=PROJECTS[number % 5],
        name=NAMES[number % 3 if number % 4 else 4],
        created_at=None if number % 29 == 0 else float(number // 2),
        started_at=started,
        ended_at=None if number % 3 == 0 or started is None else started + number % 10 * 500,
        status=("failed", "finished", "running", "", "odd")[number % 5],
        pid=4242,
        hostname="gpu",
        best_metric_value=None if number % 11 == 0 else number % 7 / 7,
        best_metric_name="acc",
        summary={"best_metric_mode": "min"} if number % 2 else {},
        meta={"tags": list(TAGS[number % 5])},
        assets={"config": {"args": config}},
    )


def find_ids(index: Database, scope: SyncScope) -> dict[str, int]:
    with index.reading() as connection:
        return {row.path: row.id for row in connection.execute(runs.select().where(runs.c.sync_id == scope.sync_id))}


@pytest.fixture(scope="module")
def plain(filled: Database) -> PlainList:
    return read_plainly(filled, now=time.time(), tags={f"r{number}": TAGS[number % 5] for number in range(COUNT)})


def seldom(*values: Sequence[str]) -> st.SearchStrategy[Sequence[str]]:
    return st.sampled_from(((),) * 6 + values)


FILTERS = st.builds(
    RunFilter,
    server=seldom(("gpu1",), ("gpu2", "none")),
    project=seldom(("cv",), ("NLP", "ab")),
    name=seldom(("x", "Größe")),
    status=seldom(("failed",), ("running", "unverified")),
    q=st.one_of(
        st.just(""),
        st.sampled_from(TERMS),
        st.lists(st.sampled_from(TERMS), max_size=3).map(" ".join),
        st.lists(st.sampled_from(VALUES), max_size=2).map(" ".join),
    ),
    sort=st.sampled_from(sorted(SORTS)),
    order=st.sampled_from(("asc", "desc")),
    limit=st.sampled_from((None, 1, 2, 5, 10, 20)),
    offset=st.sampled_from((0, 0, 0, 3, 80)),
    deleted=st.sampled_from((False,) * 6 + (True, None)),
)


@pytest.mark.parametrize("few", [run_list.FEW, 10])
@settings(deadline=None, max_examples=400)
@given(chosen=FILTERS)
def test_a_list_is_what_a_plain_reading_of_all_rows_says(
    filled: Database, plain: PlainList, few: int, chosen: RunFilter
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run_list, "FEW", few)
        rows, total = RunStore(filled).list_runs(chosen)
    whole = plain.list_keys(replace(chosen, limit=None, offset=0))
    end = None if chosen.limit is None else chosen.offset + chosen.limit
    assert [row.key for row in rows] == whole[chosen.offset : end]
    assert total == len(whole)
