"""Downloads over the API, from a real server: progress, cuts, restarts, cancelling, digests, room."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.api.test_files import FILES, ID, MB, keep_smart, write_file
from tests.support.ferry import write_run
from tests.support.network import Proxy
from tests.support.served import ServedRunferry
from tests.support.sshd import Sshd
from tests.support.waiting import eventually


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "remote", "p", "n", ID)


async def begin(served: ServedRunferry, **body: Any) -> str:
    answer = await served.post("/downloads", {"run": ID, **body} if "artifact" not in body else body)
    assert answer["state"] in {"queued", "running", "done"}
    name: str = answer["id"]
    return name


async def look(served: ServedRunferry, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = (await served.api.get(f"/downloads/{name}")).raise_for_status().json()
    return answer


async def until(
    served: ServedRunferry, name: str, is_so: Callable[[dict[str, Any]], bool], *, within: float = 30
) -> dict[str, Any]:
    async def find() -> dict[str, Any] | None:
        view = await look(served, name)
        return view if is_so(view) else None

    return await eventually(find, within=within, what=f"download {name}") or {}


async def ended(served: ServedRunferry, name: str) -> dict[str, Any]:
    return await until(served, name, lambda view: view["ended_at"] is not None)


def local_run(sync: dict[str, Any], run: Path) -> Path:
    return Path(sync["local_root"]) / run.relative_to(run.parents[3])


async def test_files_directories_and_patterns_come_and_are_counted(
    tmp_path: Path, home: Path, sshd: Sshd, run: Path
) -> None:
    wanted = {"a.pt": 100, "ckpt/b.pt": 200, "ckpt/deep/c.bin": 300, "other/d.pt": 400, "other/e.txt": 500}
    for name, size in wanted.items():
        write_file(run / name, os.urandom(size))
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        sync = await keep_smart(served, run.parents[3])
        local = local_run(sync, run)
        view = await ended(served, await begin(served, paths=["ckpt/", "*.pt", "logs.txt"]))
        assert (view["state"], view["error"]) == ("done", None)
        names = {"a.pt", "ckpt/b.pt", "ckpt/deep/c.bin", "other/d.pt", "logs.txt"}
        assert {item["path"] for item in view["items"]} == names
        assert {item["state"] for item in view["items"]} == {"done"}
        size = sum((run / name).stat().st_size for name in names)
        assert (view["files_done"], view["files_total"], view["files_failed"]) == (5, 5, 0)
        assert (view["bytes_done"], view["bytes_total"]) == (size, size)
        for name in names:
            assert (local / name).read_bytes() == (run / name).read_bytes()
        assert not (local / "other/e.txt").exists()
        view = await ended(served, await begin(served))
        assert (view["state"], view["files_total"]) == ("done", len(list(run.rglob("*.*"))) - 1), "all but the lock"
        assert (local / "other/e.txt").exists()
        listed = (await served.api.get("/downloads")).json()["downloads"]
        assert listed[0]["id"] == view["id"]
        for body, status in (
            ({"run": ID, "paths": ["../x"]}, 400),
            ({"run": ID, "paths": ["/etc/hostname"]}, 400),
            ({"run": ID, "paths": ["*.none"]}, 404),
            ({"run": "none"}, 404),
            ({}, 400),
            ({"run": ID, "artifact": "x"}, 400),
            ({"artifact": "none"}, 404),
        ):
            response = await served.api.post("/downloads", json=body)
            assert response.status_code == status, (body, response.text)
        assert (await served.api.get("/downloads/none")).status_code == 404


async def test_a_download_goes_on_where_a_cut_ended_it_and_after_kill_9(
    tmp_path: Path, home: Path, sshd: Sshd, run: Path
) -> None:
    size = 48 * MB
    write_file(run / "model.pt", os.urandom(size))
    served = await ServedRunferry(tmp_path / "data", home).start()
    async with Proxy(sshd.port, delay=0.02) as proxy:
        await served.connect(sshd, proxy.port)
        sync = await keep_smart(served, run.parents[3])
        before = proxy.bytes_down
        name = await begin(served, paths=["model.pt"])
        seen = await until(served, name, lambda view: view["bytes_done"] > size // 8)
        assert seen["current_file"] == "model.pt"
        proxy.cut()
        await until(served, name, lambda view: view["bytes_done"] > size // 3)
        served.kill()
        await served.api.aclose()
        assert not (local_run(sync, run) / "model.pt").exists()
        staged = sum(path.stat().st_size for path in (tmp_path / "data" / "staging").rglob("*") if path.is_file())
        assert staged > size // 4
        async with ServedRunferry(tmp_path / "data", home) as again:
            view = await ended(again, name)
            assert (view["state"], view["error"]) == ("done", None)
            assert (view["bytes_done"], view["bytes_total"]) == (size, size)
            received = proxy.bytes_down - before
            assert received < size * 1.7, f"{received} bytes for {size}, over a cut and a restart"
            assert (local_run(sync, run) / "model.pt").read_bytes() == (run / "model.pt").read_bytes()


async def test_a_cancelled_download_stops_and_its_bytes_are_used_next_time(
    tmp_path: Path, home: Path, sshd: Sshd, run: Path
) -> None:
    size = 48 * MB
    write_file(run / "model.pt", os.urandom(size))
    async with ServedRunferry(tmp_path / "data", home) as served, Proxy(sshd.port, delay=0.03) as proxy:
        await served.connect(sshd, proxy.port)
        sync = await keep_smart(served, run.parents[3])
        before = proxy.bytes_down
        name = await begin(served, paths=["model.pt"])
        await until(served, name, lambda view: view["bytes_done"] > size // 8)
        answer = (await served.api.delete(f"/downloads/{name}")).json()
        assert (answer["ok"], answer["state"]) == (True, "cancelled")
        await eventually(served.is_watching)
        assert proxy.bytes_down - before < size * 0.8
        assert not (local_run(sync, run) / "model.pt").exists()
        listing = (await served.api.get(FILES)).json()["files"]
        assert next(one for one in listing if one["path"] == "model.pt")["local"] == "partial"
        view = await ended(served, await begin(served, paths=["model.pt"]))
        assert view["state"] == "done"
        assert proxy.bytes_down - before < size * 1.4, "it went on where it had been stopped"
        assert (await served.api.delete(f"/downloads/{name}")).status_code == 200
        assert (await served.api.get(f"/downloads/{name}")).status_code == 404, "what has ended is forgotten"


async def test_an_artifact_comes_whole_and_a_wrong_digest_fails_with_nothing_kept(
    tmp_path: Path, home: Path, sshd: Sshd, run: Path
) -> None:
    root = run.parents[3]
    for number, is_right in ((1, True), (2, False)):
        version = root / "artifacts" / "model" / "net" / f"v{number}"
        data = write_file(version / "files" / "sub" / "model.pt", os.urandom(2 * MB)).read_bytes()
        digest = hashlib.sha256(data if is_right else b"else").hexdigest()
        file = {"path": "sub/model.pt", "size": len(data), "digest": f"sha256:{digest}"}
        write_file(version / "manifest.json", json.dumps({"files": [file]}).encode())
        metadata = {"name": "net", "type": "model", "version": number}
        write_file(version / "metadata.json", json.dumps(metadata).encode())
    versions = [{"version": number, "created_at": 1.0, "size_bytes": 2 * MB} for number in (1, 2)]
    listing = {"artifact_name": "net", "artifact_type": "model", "versions": versions, "aliases": {"latest": 2}}
    write_file(root / "artifacts" / "model" / "net" / "versions.json", json.dumps(listing).encode())
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        sync = await keep_smart(served, root)
        local = Path(sync["local_root"]) / "artifacts" / "model" / "net"
        view = await ended(served, await begin(served, artifact="net", version=1))
        assert view["state"] == "done", view
        assert (local / "v1" / "files" / "sub" / "model.pt").stat().st_size == 2 * MB
        view = await ended(served, await begin(served, artifact="net"))
        assert view["state"] == "failed"
        assert "not those its manifest promises" in view["error"]
        assert not (local / "v2" / "files" / "sub" / "model.pt").exists()


async def test_what_can_never_fit_is_refused_and_what_fits_no_longer_fails_with_the_sizes(
    tmp_path: Path, home: Path, sshd: Sshd, run: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "settings.toml").write_text(f"cache_limit_bytes = {4 * MB}\ndisk_reserve_bytes = 0\n")
    for number in range(3):
        write_file(run / f"{number}.pt", os.urandom(3 * MB))
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        sync = await keep_smart(served, run.parents[3])
        refused = await served.api.post("/downloads", json={"run": ID, "paths": ["*.pt"]})
        assert refused.status_code == 507
        assert refused.json()["detail"].startswith("The download needs 9.4 MB; the cache may hold 4.2 MB")
        assert (await served.api.get(f"{FILES}/0.pt")).status_code == 200
        await served.post("/cache/pin", {"run": ID, "paths": ["0.pt"]})
        response = await served.api.get(f"{FILES}/1.pt")
        assert response.status_code == 507
        assert "needs 3.1 MB; the cache may hold 4.2 MB (cache_limit_bytes) and has 3.1 MB that" in response.text
        view = await ended(served, await begin(served, paths=["1.pt"]))
        assert (view["state"], "needs 3.1 MB" in view["error"]) == ("failed", True)
        local = local_run(sync, run)
        assert (local / "0.pt").exists()
        assert not (local / "1.pt").exists()
        cache = (await served.api.get("/cache", params={"limit": 10})).json()
        assert (cache["files"], cache["used_bytes"], cache["pinned_bytes"]) == (1, 3 * MB, 3 * MB)
        assert [(one["path"], one["pinned"]) for one in cache["entries"]] == [(str(run / "0.pt"), True)]
        await served.post("/cache/unpin", {"run": ID})
        assert (await served.api.get(f"{FILES}/1.pt")).status_code == 200
        assert not (local / "0.pt").exists()
        cleared = await until_evicted(served, "clear", {})
        assert (cleared["evicted_files"], cleared["freed_bytes"]) == (1, 3 * MB)
        assert (await served.api.get(f"{FILES}/2.pt")).status_code == 200
        evicted = await until_evicted(served, "evict", {"run": ID, "paths": ["2.pt"]})
        assert evicted["message"] == "Evicted 1 file, 3.1 MB."
        staging = list((tmp_path / "data" / "staging").rglob("*"))
        assert [path for path in staging if path.is_file()] == []


async def until_evicted(served: ServedRunferry, how: str, body: dict[str, Any]) -> dict[str, Any]:
    """Evict until something goes: a file just read is in use until its answer has ended."""

    async def evict() -> dict[str, Any] | None:
        answer = await served.post(f"/cache/{how}", body)
        return answer if answer["evicted_files"] else None

    return await eventually(evict) or {}


async def test_a_download_waits_for_its_server_and_says_so(tmp_path: Path, home: Path, sshd: Sshd, run: Path) -> None:
    write_file(run / "a.pt", b"a" * MB)
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        sync = await keep_smart(served, run.parents[3])
        await ended(served, await begin(served, paths=["logs.txt"]))
        sshd.stop()

        async def is_down() -> bool:
            return not (await served.status())["connection"]["connected"]

        await eventually(is_down, within=20)
        view = await ended(served, await begin(served, paths=["logs.txt"]))
        assert view["state"] == "done", "it is here already"
        name = await begin(served, paths=["a.pt"])
        waiting = await until(served, name, lambda view: view["waiting_for"] is not None)
        assert "is not connected" in waiting["waiting_for"]
        sshd.start()
        view = await ended(served, name)
        assert view["state"] == "done"
        assert (local_run(sync, run) / "a.pt").read_bytes() == b"a" * MB
