"""Artifact versions are listed while they are on their server, each once."""

from __future__ import annotations

from dataclasses import replace

from tests.support.indexing import add_sync

from runferry.model import ArtifactVersion
from runferry.store.artifacts import ArtifactStore
from runferry.store.db import Database
from runferry.store.runs import RunStore, SyncScope

FIRST = ArtifactVersion("net", "model", 1, "artifacts/model/net/v1", 5.0, 10, 2, "r1", ("best",))
SECOND = replace(FIRST, version=2, path="artifacts/model/net/v2", aliases=("latest", "prod"))
DATA = ArtifactVersion("net", "dataset", 1, "artifacts/dataset/net/v1")


def put(index: Database, scope: SyncScope, *found: ArtifactVersion) -> None:
    with index.writing() as connection:
        ArtifactStore(index).upsert(connection, scope, found)


def lose(index: Database, scope: SyncScope, *paths: str) -> None:
    with index.writing() as connection:
        ArtifactStore(index).mark_gone(connection, scope, paths, at=9.0)


def versions_of(index: Database, server_id: int | None = None) -> list[ArtifactVersion]:
    return [row.version for row in ArtifactStore(index).list_versions(server_id)]


def test_versions_are_listed_as_they_were_read_and_artifacts_counted_by_name(index: Database) -> None:
    scope = add_sync(index, "gpu1", "/data")
    put(index, scope, SECOND, FIRST, DATA, FIRST)
    assert versions_of(index) == [DATA, FIRST, SECOND]
    assert RunStore(index).counts() == (0, 2)
    put(index, scope, replace(FIRST, aliases=()))
    assert versions_of(index)[1].aliases == ()


def test_what_is_gone_is_listed_no_more_until_it_is_back(index: Database) -> None:
    scope = add_sync(index, "gpu1", "/data")
    put(index, scope, FIRST, SECOND)
    lose(index, scope, FIRST.path)
    assert versions_of(index) == [SECOND]
    with index.reading() as connection:
        store = ArtifactStore(index)
        assert store.known(connection, scope.sync_id) == {SECOND.path}
        assert store.known_in(connection, scope.sync_id, {"artifacts/model/net"}) == {SECOND.path}
        assert store.known_in(connection, scope.sync_id, {"artifacts/model"}) == set()
        assert store.lost(connection, scope.sync_id, [FIRST.path, SECOND.path, "no"]) == {FIRST.path}
    lose(index, scope, SECOND.path)
    assert RunStore(index).counts() == (0, 0)
    put(index, scope, FIRST)
    assert versions_of(index) == [FIRST]


def test_a_version_seen_by_two_syncs_is_listed_once(index: Database) -> None:
    mirror, smart = add_sync(index, "gpu1", "/data"), add_sync(index, "gpu1", "/data", mode="smart")
    other = add_sync(index, "gpu2", "/data")
    for scope in (mirror, smart, other):
        put(index, scope, FIRST)
    assert [row.server for row in ArtifactStore(index).list_versions()] == ["gpu1", "gpu2"]
    assert versions_of(index, mirror.server_id) == [FIRST]
    assert RunStore(index).counts() == (0, 2)
    assert RunStore(index).counts(other.server_id) == (0, 1)
    lose(index, smart, FIRST.path)
    assert [row.server for row in ArtifactStore(index).list_versions()] == ["gpu2"]
