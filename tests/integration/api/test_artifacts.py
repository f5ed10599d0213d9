"""Artifacts over all servers: names that repeat, versions that are deleted here, circles, and files nobody may read."""

from __future__ import annotations

import hashlib
import json
import os
import pwd
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.conftest import MakeAccount, MakeSshd
from tests.integration.api.running import Running, expect, login_of, run_server
from tests.integration.api.test_recycle import keep
from tests.support.ferry import files_below, write_run
from tests.support.sshd import Sshd
from tests.support.trees import picture, write
from tests.support.waiting import eventually_now

RUN = "20260101_000000_aaaaaa"


def write_version(root: Path, type_: str, name: str, number: int, **metadata: object) -> Path:
    """Write a version as Runicorn 0.4 does, hard-linked with its store of contents; return its directory."""
    directory = root / "artifacts" / type_ / name / f"v{number}"
    data = f"{type_} {name} {number}".encode() * 1000
    digest = hashlib.sha256(data).hexdigest()
    stored = write(root / "artifacts" / ".dedup" / digest[:2] / digest, data)
    (directory / "files").mkdir(parents=True)
    os.link(stored, directory / "files" / "data.bin")
    files = [{"path": "data.bin", "size": len(data), "digest": f"sha256:{digest}", "modified_at": 5.0}]
    manifest = {"files": files, "references": [], "total_size": len(data), "total_files": 1, "total_references": 0}
    write(directory / "manifest.json", json.dumps(manifest))
    about = {"name": name, "type": type_, "version": number, "size_bytes": len(data), "num_files": 1, "created_at": 9.0}
    write(directory / "metadata.json", json.dumps(about | metadata))
    versions = [
        {"version": int(path.name[1:]), "created_at": 9.0, "size_bytes": len(data), "num_files": 1}
        for path in sorted(directory.parent.glob("v[0-9]*"))
    ]
    listed = {"artifact_name": name, "artifact_type": type_, "versions": versions, "aliases": {"latest": number}}
    write(directory.parent / "versions.json", json.dumps(listed))
    return directory


def get(server: Running, path: str, **params: object) -> Any:
    return expect(server.get(f"/api/artifacts{path}", params=params), 200)


def delete(server: Running, path: str, **params: bool) -> Any:
    return expect(server.http.delete(f"{server.url}/api/artifacts{path}", params=params, timeout=30), 200)


def wait_for(server: Running, name: str, versions: int, **where: object) -> None:
    def is_there() -> bool:
        answer = server.get(f"/api/artifacts/{name}/versions", params=where)
        return answer.status_code == 200 and len(answer.json()["versions"]) == versions

    eventually_now(is_there, what=f"{versions} versions of {name}")


def test_names_that_repeat_are_told_apart_by_type_server_and_root(
    tmp_path: Path, home: Path, make_sshd: MakeSshd
) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    write_version(one, "model", "net", 1)
    write_version(one, "dataset", "net", 1)
    write_version(two, "model", "net", 1)
    write_version(two, "model", "net", 2)
    with run_server(tmp_path / "data") as server:
        for root in (one, two):
            expect(server.post("/api/unified/connect", login_of(make_sshd())), 200)
            keep(server, root)
        listed = eventually_now(lambda: found if len(found := get(server, "")) == 3 else None, what="3 artifacts")
        assert listed is not None
        assert len({(item["type"], item["server"]) for item in listed}) == 3
        assert len(get(server, "", type="model")) == 2
        refused = expect(server.get("/api/artifacts/net/versions"), 409)
        assert len(refused["candidates"]) == 3
        for candidate in refused["candidates"]:
            assert expect(server.get(f"/api/artifacts/net/versions?{candidate}"), 200)["name"] == "net"
        (dataset,) = get(server, "", type="dataset")
        assert get(server, "/net/versions", type="dataset")["server"] == dataset["server"]
        assert expect(server.get("/api/artifacts/net/v7", params={"type": "dataset"}), 404)["detail"] == (
            "net has no v7; there are v1."
        )
        assert expect(server.get("/api/artifacts/other/v1"), 404)["detail"].startswith("There is no artifact other")


def test_a_hidden_version_stays_hidden_and_the_server_keeps_it(connected: Running, tmp_path: Path) -> None:
    root = tmp_path / "root"
    first = write_version(root, "model", "net", 1)
    write_version(root, "model", "net", 2)
    local = keep(connected, root)
    wait_for(connected, "net", 2)
    before = picture(root)
    answer = delete(connected, "/net/v2")
    assert "nothing was changed on" in answer["message"]
    assert picture(root) == before
    assert (local / "artifacts/model/net/v2/files/data.bin").exists()
    (item,) = get(connected, "")
    assert (item["num_versions"], item["latest_version"], item["aliases"]) == (1, 1, {})
    assert expect(connected.get("/api/artifacts/net/v2"), 404)
    write(first / "metadata.json", (first / "metadata.json").read_text() + "\n")
    write_version(root, "model", "net", 3)
    expect(connected.post("/api/unified/sync"), 200)
    wait_for(connected, "net", 2)
    keep(connected, root, "smart")
    assert [one["version"] for one in get(connected, "/net/versions")["versions"]] == [3, 1]
    delete(connected, "/net/v1")
    delete(connected, "/net/v3")
    assert get(connected, "") == []
    assert connected.status()["cached_artifacts"] == 0


def test_a_version_deleted_for_good_leaves_no_byte_here_and_is_not_fetched_again(
    connected: Running, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    gone, kept = write_version(root, "model", "net", 1), write_version(root, "model", "net", 2)
    shared = kept / "files" / "shared.bin"
    os.link(gone / "files" / "data.bin", shared)
    local = keep(connected, root)
    wait_for(connected, "net", 2)
    before = picture(root)
    digest = json.loads((gone / "manifest.json").read_text())["files"][0]["digest"][7:]
    data = (gone / "files" / "data.bin").read_bytes()
    delete(connected, "/net/v1", permanent=True)
    assert not (local / gone.relative_to(root)).exists() or not files_below(local / gone.relative_to(root))
    assert (local / shared.relative_to(root)).read_bytes() == data, "what another version shares stays"
    answer = delete(connected, "/net/v2", permanent=True)
    assert answer["freed_bytes"] > 0
    assert picture(root) == before
    write_version(root, "model", "net", 3)
    expect(connected.post("/api/unified/sync"), 200)
    wait_for(connected, "net", 1)
    keep(connected, root.parent)
    found = files_below(Path(connected.settings.data_dir))
    copies = [path for path in found if not path.startswith("staging/")]
    assert not [path for path in copies if "/v1/" in path or "/v2/" in path]
    assert not [path for path, content in found.items() if content == data and digest not in path]
    assert [one["version"] for one in get(connected, "/net/versions", root=str(root))["versions"]] == [3]


def test_a_version_list_that_nobody_else_may_read_is_stood_in_for(
    server: Running, make_sshd: MakeSshd, make_account: MakeAccount
) -> None:
    account = make_account()
    root = account.home / "root"
    write_version(root, "model", "net", 1, aliases=["stale"], tags=["a"])
    write_version(root, "model", "net", 2)
    owner = pwd.getpwnam(account.name).pw_uid
    for path in [root, *root.rglob("*")]:
        os.lchown(path, owner, -1)
    versions = root / "artifacts/model/net/versions.json"
    os.lchown(versions, 0, 0)
    versions.chmod(0o600)
    server.connect(make_sshd(account=account))
    keep(server, root)
    wait_for(server, "net", 2)
    found = get(server, "/net/versions")
    assert found["aliases"] == {}
    assert [one["version"] for one in found["versions"]] == [2, 1]
    details = get(server, "/net/v1")
    assert (details["tags"], details["aliases"], details["metadata_is_here"]) == (["a"], [], True)


def test_a_version_whose_manifest_is_missing_shows_what_was_listed(connected: Running, tmp_path: Path) -> None:
    root = tmp_path / "root"
    directory = write_version(root, "model", "net", 1)
    (directory / "manifest.json").unlink()
    keep(connected, root)
    wait_for(connected, "net", 1)
    found = get(connected, "/net/v1/files")
    assert (found["is_complete"], found["is_remote"]) == (False, True)
    (file,) = found["files"]
    assert (file["path"], file["digest"]) == ("data.bin", None)
    assert Path(file["absolute_path"]).read_bytes() == (directory / "files/data.bin").read_bytes()


def test_the_bytes_of_a_single_file_are_given_with_ranges_and_tags_and_once_fetched_offline_too(
    connected: Running, sshd: Sshd, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    directory = write_version(root, "model", "net", 1)
    data = (directory / "files" / "data.bin").read_bytes()
    manifest = json.loads((directory / "manifest.json").read_text())
    manifest["files"].append({"path": "v7/files/odd.bin", "size": 3})
    write(directory / "files" / "v7" / "files" / "odd.bin", b"odd")
    write(directory / "manifest.json", json.dumps(manifest))
    local = keep(connected, root, "smart")
    wait_for(connected, "net", 1)
    url = "/api/artifacts/net/v1/files/data.bin"
    head = connected.http.head(f"{connected.url}{url}", timeout=30)
    assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(len(data)), b"")
    assert not (local / "artifacts/model/net/v1/files/data.bin").exists()
    part = connected.get(url, headers={"Range": "bytes=5-9"})
    assert (part.status_code, part.content) == (206, data[5:10])
    assert part.headers["Content-Range"] == f"bytes 5-9/{len(data)}"
    whole = connected.get(url)
    assert (whole.status_code, whole.content, whole.headers["Runferry-Freshness"]) == (200, data, "live")
    assert connected.get(url, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    file = get(connected, "/net/v1/files")["files"][0]
    assert Path(file["absolute_path"]).read_bytes() == data
    assert connected.get("/api/artifacts/net/v1/files/v7/files/odd.bin").content == b"odd"
    expect(connected.post("/api/unified/disconnect"), 200)
    again = connected.get(url)
    assert (again.content, again.headers["Runferry-Freshness"]) == (data, "offline")
    assert expect(connected.get("/api/artifacts/net/v1/files/none"), 404)["detail"] == "net:v1 has no file none."
    assert expect(connected.get("/api/artifacts/net/v9/files/data.bin"), 404)["detail"].startswith("net has no v9")


def test_a_single_file_that_is_not_what_its_manifest_promises_is_never_given_whole(
    connected: Running, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    directory = write_version(root, "model", "net", 1)
    write(directory / "files" / "data.bin", b"something else")
    keep(connected, root, "smart")
    wait_for(connected, "net", 1)
    url = "/api/artifacts/net/v1/files/data.bin"
    with pytest.raises(requests.RequestException):
        connected.get(url)
    assert "not those its manifest promises" in expect(connected.get(url), 500)["detail"]


def test_files_of_one_content_in_an_archive_are_all_here_once_the_content_is(
    connected: Running, tmp_path: Path
) -> None:
    root = tmp_path / "root"
    data = b"the same" * 100
    digest, place = hashlib.sha256(data).hexdigest(), "archive/manifests/datasets/ab/abcdef.json"
    write(root / "archive" / "blobs" / digest[:2] / digest, data)
    blob = {"sha256": digest, "size_bytes": len(data)}
    write(root / place, json.dumps({"files": {"a.bin": blob, "b/c.bin": blob}, "total_size_bytes": 2 * len(data)}))
    run = root / "runs" / "cv" / RUN
    write(run / "meta.json", json.dumps({"id": RUN, "path": "cv"}))
    write(run / "status.json", json.dumps({"status": "finished"}))
    write(run / "assets.json", json.dumps({"datasets": [{"name": "set", "archive_path": f"{root}/{place}"}]}))
    keep(connected, root)
    wait_for(connected, "set", 1)
    files = get(connected, "/set/v1/files")["files"]
    assert [(one["path"], one["is_remote"]) for one in files] == [("a.bin", False), ("b/c.bin", False)]
    assert connected.get("/api/artifacts/set/v1/files/b/c.bin").content == data


@pytest.mark.parametrize("hostile", ["../../../etc/passwd", "/etc/passwd", "a/../../b", ""])
def test_a_manifest_never_leads_out_of_its_version(connected: Running, tmp_path: Path, hostile: str) -> None:
    root = tmp_path / "root"
    directory = write_version(root, "model", "net", 1)
    manifest = {"files": [{"path": hostile, "size": 5}, {"path": "data.bin", "size": 7}, "junk"], "references": [7]}
    (directory / "manifest.json").write_text(json.dumps(manifest))
    keep(connected, root)
    wait_for(connected, "net", 1)
    found = get(connected, "/net/v1/files")
    assert [one["path"] for one in found["files"]] == ["data.bin"]
    assert found["references"] == []


def test_lineage_ends_in_circles_and_at_its_depth(connected: Running, tmp_path: Path) -> None:
    root = tmp_path / "root"
    for number, other in ((1, 2), (2, 1)):
        parents = [{"name": "net", "type": "model", "version": other}]
        write_version(root, "model", "net", number, parent_artifacts=parents)
    write_version(root, "model", "big", 1, parent_artifacts=["net:v2", "no-such:v1", 5])
    run = write_run(root, "cv", "yolo", RUN)
    both = {
        "artifacts": [{"name": "net", "type": "model", "version": 1}, {"name": "net", "type": "model", "version": 9}]
    }
    write(run / "artifacts_created.json", json.dumps(both))
    write(run / "artifacts_used.json", json.dumps(both))
    keep(connected, root)
    wait_for(connected, "big", 1)
    eventually_now(lambda: len(connected.get("/api/runs").json()) == 1, what="the run is listed")

    def trace(path: str, depth: int) -> tuple[set[str], set[tuple[str, str, str]]]:
        graph = get(connected, f"{path}/lineage", max_depth=depth)
        nodes = {node["node_id"].partition("/")[2] for node in graph["nodes"]}
        edges = graph["edges"]
        return nodes, {
            (edge["source"].partition("/")[2], edge["target"].partition("/")[2], edge["edge_type"]) for edge in edges
        }

    one, two, big, unknown = "model/net:v1", "model/net:v2", "model/big:v1", "model/net:v9?"
    circle = {(two, one, "uses"), (one, two, "uses")}
    made = {(RUN, one, "produces"), (one, RUN, "uses")}
    assert trace("/big/v1", 1) == ({big, two}, {(two, big, "uses")})
    nodes, edges = trace("/big/v1", 2)
    assert nodes == {big, two, one}
    assert trace("/net/v1", 1) == ({one, two, RUN}, {(two, one, "uses")} | made)
    nodes, edges = trace("/big/v1", 10)
    assert nodes == {big, two, one, RUN, unknown}
    assert edges == {(two, big, "uses"), *circle, *made, (RUN, unknown, "produces"), (unknown, RUN, "uses")}
    assert expect(connected.get("/api/artifacts/net/v1/lineage?max_depth=11"), 400)["detail"].startswith("max_depth: ")
    told = expect(connected.get(f"/api/runs/{RUN}/artifacts"), 200)
    assert [(item["version"], item["is_known"]) for item in told["created"]] == [(1, True), (9, False)]
    expect(connected.post("/api/runs/soft-delete", {"run_ids": [RUN]}), 200)
    assert RUN not in trace("/big/v1", 10)[0]


def test_offline_everything_that_was_synced_is_told(connected: Running, sshd: Sshd, tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_version(root, "model", "net", 1)
    keep(connected, root)
    wait_for(connected, "net", 1)
    paths = ("", "/stats", "/net/versions", "/net/v1", "/net/v1/files", "/net/v1/lineage")
    before = {path: get(connected, path) for path in paths}
    expect(connected.post("/api/unified/disconnect"), 200)
    assert {path: get(connected, path) for path in paths} == before
