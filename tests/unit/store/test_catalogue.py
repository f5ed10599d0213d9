"""Artifacts are made of version rows: one per type, name and storage root, with numbers that stay."""

from __future__ import annotations

from dataclasses import replace

import pytest

from runferry.errors import Ambiguous, NotFound
from runferry.model import ArtifactVersion
from runferry.store.artifacts import ArtifactRow
from runferry.store.catalogue import Catalogue, find_root, find_version


def row(remote_dir: str, name: str = "net", *, server: str = "gpu1", number: int = 1, at: float = 0.0) -> ArtifactRow:
    version = ArtifactVersion(name, "model", number, remote_dir.lstrip("/"), created_at=at)
    return ArtifactRow(1, 1 if server == "gpu1" else 2, server, remote_dir, version, None)


V1 = row("/data/artifacts/model/net/v1")
V2 = row("/data/artifacts/model/net/v2", number=2)


@pytest.mark.parametrize(
    ("place", "root"),
    [
        ("/data/artifacts/model/net/v12", "/data"),
        ("/data/archive/artifacts/model/net/v1", "/data/archive"),
        ("/artifacts/artifacts/artifacts/net/v1", "/artifacts"),
        ("/artifacts/model/net/v1", "/"),
        ("/data/archive/blobs/aa/aab", "/data"),
        ("/data/artifacts/x/archive/outputs/rolling/r1/model.pt", "/data/artifacts/x"),
        ("/archive/old/archive/blobs/aa/aab", "/archive/old"),
    ],
)
def test_the_storage_root_is_what_both_layouts_lie_in(place: str, root: str) -> None:
    assert find_root(place) == root


def test_versions_keep_their_tools_numbers() -> None:
    (artifact,) = Catalogue([V2, V1]).artifacts
    assert (artifact.latest, sorted(artifact.versions), artifact.root) == (2, [1, 2], "/data")
    assert find_version(artifact, 2).place == "artifacts/model/net/v2"
    with pytest.raises(NotFound, match="net has no v3; there are v1, v2"):
        find_version(artifact, 3)


def test_archived_contents_are_numbered_by_time_and_keep_their_numbers() -> None:
    rows = [row(f"/data/archive/outputs/rolling/r{n}/model.pt", at=float(n)) for n in (3, 1, 2)]
    (artifact,) = Catalogue(rows).artifacts
    assert [artifact.versions[n].remote_dir[-10] for n in (1, 2, 3)] == ["1", "2", "3"]
    hidden = [replace(one, is_hidden="/r1/" in one.remote_dir) for one in rows]
    (artifact,) = Catalogue(hidden).artifacts
    assert sorted(artifact.versions) == [2, 3]
    gone = [replace(one, gone_at=1.0) for one in rows]
    assert Catalogue(gone).artifacts == []


def test_names_that_repeat_are_several_artifacts() -> None:
    other_root = row("/more/artifacts/model/net/v1")
    other_server = row("/data/artifacts/model/net/v1", server="gpu2")
    catalogue = Catalogue([V1, other_root, other_server])
    assert len(catalogue.artifacts) == 3
    with pytest.raises(Ambiguous) as caught:
        catalogue.find("net")
    assert caught.value.candidates == (
        "type=model&server=gpu1&root=%2Fdata",
        "type=model&server=gpu1&root=%2Fmore",
        "type=model&server=gpu2&root=%2Fdata",
    )
    assert catalogue.find("net", server="gpu2").server == "gpu2"
    assert catalogue.find("net", server="gpu1", root="/more").root == "/more"
    with pytest.raises(NotFound):
        catalogue.find("net", type="dataset")


def test_what_a_run_names_is_found_below_a_root_they_share() -> None:
    outer, inner = row("/data/artifacts/model/net/v1"), row("/data/team/artifacts/model/net/v1")
    catalogue = Catalogue([outer, inner])
    place = "artifacts/model/net/v1"
    near = catalogue.below(1, "/data/team/cv/yolo/runs/r1", place)
    far = catalogue.below(1, "/data/cv/yolo/runs/r1", place)
    assert near is not None
    assert far is not None
    assert (near.row.remote_dir, far.row.remote_dir) == (inner.remote_dir, outer.remote_dir)
    assert catalogue.below(2, "/data/cv", place) is None
    assert catalogue.below(1, "/else/where", place) is None
