"""What lies below a path that is gone is found, and nothing beside it."""

from __future__ import annotations

from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.support.indexing import add_sync, lose_runs, make_run, put_runs

from runferry.store.db import Database
from runferry.store.tables import runs
from runferry.store.vanished import find_below, find_topmost, is_within

paths = st.lists(st.sampled_from(["a", "b", "a.b", "a0", "a-", "%", "_"]), min_size=1, max_size=4).map("/".join)


@settings(deadline=None)
@given(given_paths=st.sets(paths | st.just(""), max_size=8))
def test_the_topmost_cover_all_and_none_covers_another(given_paths: set[str]) -> None:
    topmost = find_topmost(given_paths)
    assert topmost <= given_paths
    assert all(is_within(path, topmost) for path in given_paths)
    assert all(not is_within(path, topmost - {path}) for path in topmost)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(known=st.sets(paths, max_size=8), gone=st.sets(paths | st.just(""), min_size=1, max_size=5))
def test_asking_the_index_and_walking_upwards_agree(index: Database, known: set[str], gone: set[str]) -> None:
    scope = add_sync(index, "gpu1", f"/data/{uuid4()}")  # the same example may come twice
    put_runs(index, scope, *(make_run(path) for path in known))
    expected = {path for path in known if any(path == one or path.startswith(f"{one}/") or not one for one in gone)}
    with index.reading() as connection:
        assert find_below(connection, runs, scope.sync_id, gone) == expected
        many = gone | {f"elsewhere/{number}" for number in range(200)}
        assert find_below(connection, runs, scope.sync_id, many) == expected


def test_what_is_gone_already_is_not_found_again(index: Database) -> None:
    scope = add_sync(index, "gpu1", "/data")
    put_runs(index, scope, make_run("a/r1"), make_run("a/r2"))
    lose_runs(index, scope, "a/r1")
    with index.reading() as connection:
        assert find_below(connection, runs, scope.sync_id, {"a"}) == {"a/r2"}
