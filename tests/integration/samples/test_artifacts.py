"""Roots written by the real tools, on a server: every artifact, file, digest and link is told as an independent look
at the same files tells it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.integration.api.running import Running, expect, login_of, run_server
from tests.support.samples import unpack_sample
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now


@pytest.fixture(scope="module", params=["mirror", "smart"])
def mode(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("remote")
    return {version: unpack_sample(version, folder / version) for version in ("0.4", "0.7")}


@pytest.fixture(scope="module")
def server(mode: str, roots: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server that keeps both roots, in step."""
    folder = tmp_path_factory.mktemp(mode)
    (folder / "home").mkdir()
    with pytest.MonkeyPatch.context() as patch, Sshd() as sshd:
        patch.setenv("HOME", str(folder / "home"))
        patch.delenv("SSH_AUTH_SOCK", raising=False)
        with run_server(folder / "data") as running:
            expect(running.post("/api/unified/connect", login_of(sshd)), 200)
            root = roots["0.4"].parent.parent
            expect(running.post("/api/unified/configure_mode", {"mode": mode, "remote_root": str(root)}), 200)
            running.wait_synced(mode)
            runs = [path for one in roots.values() for path in one.rglob("meta.json")]
            eventually_now(lambda: len(running.get("/api/runs").json()) == len(runs), what="all runs are listed")
            yield running


def read(path: Path) -> Any:
    return json.loads(path.read_text()) if path.exists() else {}


def get(server: Running, path: str, **params: object) -> Any:
    return expect(server.get(path, params=params), 200)


def version_dirs(root: Path) -> list[Path]:
    return sorted(root.glob("artifacts/*/*/v[0-9]*"))


def test_every_04_artifact_version_and_alias_is_there(server: Running, roots: dict[str, Path]) -> None:
    root = roots["0.4"]
    listed = {(one["type"], one["name"]): one for one in get(server, "/api/artifacts", root=str(root))}
    expected = {tuple(path.parent.relative_to(root).parts[1:]) for path in version_dirs(root)}
    assert set(listed) == expected == {("dataset", "corpus"), ("model", "resnet-model")}
    for (type_, name), one in listed.items():
        written = read(root / "artifacts" / type_ / name / "versions.json")
        assert one["aliases"] == written["aliases"]
        assert one["num_versions"] == len(written["versions"])
        assert one["latest_version"] == max(item["version"] for item in written["versions"])
        assert one["created_at"] == min(item["created_at"] for item in written["versions"])
        versions = get(server, f"/api/artifacts/{name}/versions", root=str(root))["versions"]
        by_number = {item["version"]: item for item in written["versions"]}
        assert {item["version"] for item in versions} == set(by_number)
        for item in versions:
            expected_item = by_number[item["version"]]
            for field in ("created_at", "created_by_run", "size_bytes", "num_files"):
                assert item[field] == expected_item[field]
            named = [alias for alias, number in written["aliases"].items() if number == item["version"]]
            assert item["aliases"] == named


def test_every_04_version_tells_its_metadata_and_files(server: Running, roots: dict[str, Path], mode: str) -> None:
    root = roots["0.4"]
    for directory in version_dirs(root):
        name, version = directory.parent.name, directory.name
        metadata, manifest = read(directory / "metadata.json"), read(directory / "manifest.json")
        details = get(server, f"/api/artifacts/{name}/{version}", root=str(root))
        for field in ("description", "tags", "metadata", "status", "manifest_digest", "created_by_run", "updated_at"):
            assert details[field] == metadata[field]
        assert details["parent_artifacts"] == metadata["parent_artifacts"]
        assert details["remote_dir"] == str(directory)
        found = get(server, f"/api/artifacts/{name}/{version}/files", root=str(root))
        for field in ("references", "total_size", "total_files", "total_references"):
            assert found[field] == manifest[field]
        told = [{key: one[key] for key in ("path", "size", "digest", "modified_at")} for one in found["files"]]
        assert told == manifest["files"]
        assert found["is_remote"] is (mode == "smart")
        for one in found["files"]:
            assert one["is_remote"] is (one["absolute_path"] is None) is (mode == "smart")
            if one["absolute_path"] is not None:
                assert "sha256:" + hashlib.sha256(Path(one["absolute_path"]).read_bytes()).hexdigest() == one["digest"]


def test_the_04_lineage_has_every_edge_that_runs_and_artifacts_write(server: Running, roots: dict[str, Path]) -> None:
    root = roots["0.4"]
    expected: set[tuple[str, str, str]] = set()
    keys = {one["id"]: one["key"] for one in server.get("/api/runs").json()}
    label = next(iter(keys.values())).partition("/")[0]
    for run in root.rglob("meta.json"):
        key = keys[read(run)["id"]]
        for document, relation in (("artifacts_created.json", "produces"), ("artifacts_used.json", "uses")):
            for item in read(run.with_name(document)).get("artifacts", []):
                node = f"{label}/{item['type']}/{item['name']}:v{item['version']}"
                expected.add((key, node, relation) if relation == "produces" else (node, key, relation))
    found: set[tuple[str, str, str]] = set()
    for directory in version_dirs(root):
        path = f"/api/artifacts/{directory.parent.name}/{directory.name}/lineage"
        graph = get(server, path, root=str(root), max_depth=10)
        ids = {node["node_id"] for node in graph["nodes"]}
        assert graph["root_artifact"] in ids
        assert graph["is_whole"] is True
        edges = {(edge["source"], edge["target"], edge["edge_type"]) for edge in graph["edges"]}
        assert all(source in ids and target in ids for source, target, _ in edges)
        found |= edges
    assert found == expected
    assert len(expected) >= 5


def test_each_04_run_lists_what_it_created_and_used(server: Running, roots: dict[str, Path]) -> None:
    for run in roots["0.4"].rglob("meta.json"):
        told = get(server, f"/api/runs/{read(run)['id']}/artifacts")
        for relation in ("created", "used"):
            written = read(run.with_name(f"artifacts_{relation}.json")).get("artifacts", [])
            assert [one["item"] for one in told[relation]] == written
            for one, item in zip(told[relation], written, strict=True):
                assert one["is_known"] is True
                for field in ("name", "type", "version", "size_bytes", "num_files"):
                    assert one[field] == item[field]


def assets_of(root: Path) -> dict[str, dict[str, Any]]:
    """Return each run's assets.json by run id."""
    return {read(path)["id"]: read(path.with_name("assets.json")) for path in root.rglob("meta.json")}


def test_every_07_asset_is_an_artifact_with_the_right_bytes(server: Running, roots: dict[str, Path], mode: str) -> None:
    root = roots["0.7"]
    saved: dict[str, dict[str, Any]] = {}
    for assets in assets_of(root).values():
        for kind in ("datasets", "pretrained", "outputs"):
            for item in assets.get(kind, []):
                if item["saved"]:
                    saved[item["archive_path"].partition("/archive/")[2]] = item
    artifacts = get(server, "/api/artifacts", root=str(root))
    places: dict[str, tuple[str, dict[str, Any]]] = {}
    for one in artifacts:
        where = {"type": one["type"], "root": str(root)}
        for version in get(server, f"/api/artifacts/{one['name']}/versions", **where)["versions"]:
            path = f"/api/artifacts/{one['name']}/v{version['version']}/files"
            places[version["remote_dir"].partition("/archive/")[2]] = (one["type"], get(server, path, **where))
    assert set(places) == set(saved)
    for place, (type_, files) in places.items():
        item = saved[place]
        assert files["is_complete"] is True
        if type_ == "dataset":
            blobs = read(root / "archive" / place)["files"]
            assert {one["path"]: one["digest"] for one in files["files"]} == {
                name: f"sha256:{blob['sha256']}" for name, blob in blobs.items()
            }
            assert files["total_size"] == item["total_size_bytes"]
        else:
            (one,) = files["files"]
            assert one["digest"] == f"sha256:{item['fingerprint']}"
            assert one["size"] == (root / "archive" / place).stat().st_size
        for one in files["files"]:
            assert one["is_remote"] is (mode == "smart")
            if one["absolute_path"]:
                assert f"sha256:{hashlib.sha256(Path(one['absolute_path']).read_bytes()).hexdigest()}" == one["digest"]


def test_the_07_lineage_joins_runs_through_what_they_share(server: Running, roots: dict[str, Path]) -> None:
    root = roots["0.7"]
    keys = {one["id"]: one["key"] for one in server.get("/api/runs").json()}
    expected: set[tuple[str, str, str]] = set()
    for run_id, assets in assets_of(root).items():
        for kind, relation in (("datasets", "uses"), ("pretrained", "uses"), ("outputs", "produces")):
            for item in assets.get(kind, []):
                if item["saved"]:
                    expected.add((keys[run_id], item["archive_path"].partition("/archive/")[2], relation))
    nodes: dict[str, str] = {}
    for one in get(server, "/api/artifacts", root=str(root)):
        where = {"type": one["type"], "root": str(root)}
        for version in get(server, f"/api/artifacts/{one['name']}/versions", **where)["versions"]:
            node = f"{one['server']}/{one['type']}/{one['name']}:v{version['version']}"
            nodes[node] = version["remote_dir"].partition("/archive/")[2]
    found: set[tuple[str, str, str]] = set()
    for node in nodes:
        name, _, number = node.split("/", 2)[2].rpartition(":v")
        where = {"type": node.split("/")[1], "root": str(root), "max_depth": 10}
        for edge in get(server, f"/api/artifacts/{name}/v{number}/lineage", **where)["edges"]:
            run, artifact = (
                (edge["source"], edge["target"])
                if edge["edge_type"] == "produces"
                else (
                    edge["target"],
                    edge["source"],
                )
            )
            if artifact in nodes:
                found.add((run, nodes[artifact], edge["edge_type"]))
    assert found == expected


def test_the_counts_are_those_of_the_lists(server: Running) -> None:
    artifacts = get(server, "/api/artifacts")
    stats = get(server, "/api/artifacts/stats")
    assert stats["total_artifacts"] == len(artifacts)
    assert stats["total_versions"] == sum(one["num_versions"] for one in artifacts)
    assert stats["total_size_bytes"] == sum(one["total_size_bytes"] for one in artifacts)
    models = get(server, "/api/artifacts", type="model")
    assert stats["by_type"]["model"]["artifacts"] == len(models)


def test_the_bytes_of_every_file_of_every_version_are_those_its_digest_names(
    server: Running, roots: dict[str, Path]
) -> None:
    count = 0
    for root in roots.values():
        for one in get(server, "/api/artifacts", root=str(root)):
            where = {"type": one["type"], "root": str(root)}
            for number in range(1, one["num_versions"] + 1):
                path = f"/api/artifacts/{one['name']}/v{number}/files"
                for file in get(server, path, **where)["files"]:
                    answer = server.get(f"{path}/{file['path']}", params=where)
                    assert answer.status_code == 200, answer.text
                    assert f"sha256:{hashlib.sha256(answer.content).hexdigest()}" == file["digest"]
                    count += 1
    assert count >= 15
