"""Files over the API, from a real server: fetched through, in ranges, once for all who wait, never outside the run."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from tests.support.ferry import until_left_alone, write_run
from tests.support.network import Proxy
from tests.support.served import ServedRunferry
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

MB = 1024 * 1024
ID = "20260101_000000_aaaaaa"
FILES = f"/runs/{ID}/files"


def write_file(path: Path, data: bytes, *, at: float = 1.7e9) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    os.utime(path, (at, at))
    return path


async def keep_smart(served: ServedRunferry, root: Path) -> dict[str, Any]:
    body = {"mode": "smart", "remote_root": str(root), "sync_interval_minutes": 10}
    await served.post("/unified/configure_mode", body)
    await eventually(served.is_watching, within=20)
    return await served.sync()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_run(tmp_path / "remote", "p", "n", ID, lines=2000)


async def test_five_readers_of_a_big_file_share_one_fetch_and_get_it_as_it_comes(
    tmp_path: Path, home: Path, sshd: Sshd, run: Path
) -> None:
    size = 200 * MB
    data = os.urandom(MB) * 200
    write_file(run / "model.pt", data)
    wanted = hashlib.sha256(data).hexdigest()
    del data
    async with ServedRunferry(tmp_path / "data", home) as served, Proxy(sshd.port, delay=0.005) as proxy:
        await served.connect(sshd, proxy.port)
        await keep_smart(served, run.parents[3])
        before = proxy.bytes_down
        first_at: list[int] = []

        async def read() -> str:
            state = hashlib.sha256()
            async with served.api.stream("GET", f"{FILES}/model.pt", timeout=60) as response:
                assert response.status_code == 200
                assert response.headers["Content-Length"] == str(size)
                async for piece in response.aiter_raw():
                    state.update(piece)
                    if len(first_at) < 5:
                        first_at.append(proxy.bytes_down - before)
            return state.hexdigest()

        assert await asyncio.gather(*(read() for _ in range(5))) == [wanted] * 5
        assert min(first_at) < size / 2, "the first bytes came long before the last were here"
        received = proxy.bytes_down - before
        assert received < size * 1.05, f"{received} bytes for one file of {size}"
        assert await read() == wanted
        assert proxy.bytes_down - before < size * 1.06, "from now on it is here"


async def test_a_reader_is_served_over_a_cut_without_bytes_being_sent_again(
    tmp_path: Path, home: Path, sshd: Sshd, run: Path
) -> None:
    size = 32 * MB
    data = os.urandom(size)
    write_file(run / "model.pt", data)
    async with ServedRunferry(tmp_path / "data", home) as served, Proxy(sshd.port, delay=0.01) as proxy:
        await served.connect(sshd, proxy.port)
        await keep_smart(served, run.parents[3])
        before = proxy.bytes_down
        parts: list[bytes] = []
        got = 0
        async with served.api.stream("GET", f"{FILES}/model.pt", timeout=60) as response:
            async for piece in response.aiter_raw():
                parts.append(piece)
                got += len(piece)
                if got - len(piece) < size // 4 <= got:
                    proxy.cut()
        assert b"".join(parts) == data
        assert proxy.bytes_down - before < size * 1.7


async def test_ranges_and_conditions_follow_the_rules(tmp_path: Path, home: Path, sshd: Sshd, run: Path) -> None:
    data = os.urandom(3 * MB)
    write_file(run / "model.pt", data)
    async with ServedRunferry(tmp_path / "data", home) as served, Proxy(sshd.port) as proxy:
        await served.connect(sshd, proxy.port)
        sync = await keep_smart(served, run.parents[3])
        await until_left_alone(run)
        url = f"{FILES}/model.pt"

        async def get(**headers: str) -> httpx.Response:
            return await served.api.get(url, headers={name.replace("_", "-"): text for name, text in headers.items()})

        head = await served.api.head(url)
        assert (head.status_code, head.headers["Content-Length"], head.content) == (200, str(len(data)), b"")
        etag = head.headers["ETag"]
        before = proxy.bytes_down
        part = await get(Range="bytes=1000000-1000099")
        assert (part.status_code, part.content) == (206, data[1000000:1000100])
        assert part.headers["Content-Range"] == f"bytes 1000000-1000099/{len(data)}"
        assert part.headers["ETag"] == etag
        assert proxy.bytes_down - before < 100_000, "only the range crossed the wire"
        assert not (Path(sync["local_root"]) / (run / "model.pt").relative_to(run.parents[3])).exists()
        for is_here in (False, True):
            if is_here:
                assert (await get()).content == data
            assert (await get(Range="bytes=-10")).content == data[-10:]
            assert (await get(Range="bytes=3000000-")).content == data[3000000:]
            assert (await get(Range="bytes=5-5", If_Range=etag)).content == data[5:6]
            beyond = await get(Range=f"bytes={len(data)}-")
            assert (beyond.status_code, beyond.headers["Content-Range"]) == (416, f"bytes */{len(data)}")
            assert (await get(If_None_Match=etag)).status_code == 304
            assert (await get(If_None_Match=f'W/"x", {etag}')).status_code == 304
        for odd in ("bytes=0-1,5-6", "bytes=9-5", "lines=1-2", "bytes=-"):
            whole = await get(Range=odd)
            assert (whole.status_code, len(whole.content)) == (200, len(data))
        assert (await get(Range="bytes=0-1", If_Range='"other"')).status_code == 200
        assert (await get(If_None_Match='"other"')).status_code == 200
        changed = os.urandom(len(data))
        write_file(run / "model.pt", changed, at=1.71e9)

        async def is_noticed() -> bool:
            return bool((await served.api.head(url)).headers["ETag"] != etag)

        await eventually(is_noticed, what="the change to be noticed: what was looked at a second ago counts")
        new = await get(If_None_Match=etag, Range="bytes=0-9", If_Range=etag)
        assert (new.status_code, new.content) == (200, changed)
        assert new.headers["ETag"] != etag


async def test_a_growing_log_is_given_as_it_is_at_each_request(
    tmp_path: Path, home: Path, sshd: Sshd, run: Path
) -> None:
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        await keep_smart(served, run.parents[3])
        is_writing = True

        async def write() -> None:
            number = 0
            with (run / "logs.txt").open("a") as log:
                while is_writing:
                    log.write(f"line {number}\n")
                    log.flush()
                    number += 1
                    await asyncio.sleep(0.005)

        writing = asyncio.create_task(write())
        for _ in range(12):
            least = (run / "logs.txt").stat().st_size
            response = await served.api.get(f"{FILES}/logs.txt")
            assert response.status_code == 200, response.text
            assert len(response.content) >= least
            assert (run / "logs.txt").read_bytes().startswith(response.content)
            part = await served.api.get(f"{FILES}/logs.txt", headers={"Range": "bytes=100-"})
            assert part.status_code == 206
            assert (run / "logs.txt").read_bytes()[100:].startswith(part.content)
        is_writing = False
        await writing


async def test_a_file_that_is_replaced_while_it_is_sent_is_never_mixed(
    tmp_path: Path, home: Path, sshd: Sshd, run: Path
) -> None:
    size = 48 * MB
    write_file(run / "model.pt", b"a" * size)
    async with ServedRunferry(tmp_path / "data", home) as served, Proxy(sshd.port, delay=0.03) as proxy:
        await served.connect(sshd, proxy.port)
        await keep_smart(served, run.parents[3])
        rest: list[bytes] = []
        async with served.api.stream("GET", f"{FILES}/model.pt") as response:
            pieces = response.aiter_raw()
            first = await anext(pieces)
            write_file(run / "model.pt", b"b" * size, at=1.71e9)
            with pytest.raises(httpx.RemoteProtocolError):
                await collect(pieces, rest)
        assert set(first + b"".join(rest)) == {ord("a")}
        assert len(first) + sum(map(len, rest)) < size
        whole = await served.api.get(f"{FILES}/model.pt")
        assert whole.content == b"b" * size


async def test_offline_what_is_held_is_given_with_its_age(tmp_path: Path, home: Path, sshd: Sshd, run: Path) -> None:
    write_file(run / "held.bin", b"h" * MB)
    write_file(run / "gone.bin", b"g" * 1000)
    write_file(run / "lost.bin", b"l" * 1000)
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        await keep_smart(served, run.parents[3])
        live = await served.api.get(f"{FILES}/held.bin")
        assert (live.headers["Runferry-Freshness"], live.headers["Age"]) == ("live", "0")
        assert (await served.api.get(f"{FILES}/gone.bin")).status_code == 200
        (run / "gone.bin").unlink()
        (run / "lost.bin").unlink()
        kept = await served.api.get(f"{FILES}/gone.bin")
        assert (kept.status_code, kept.content) == (200, b"g" * 1000)
        assert kept.headers["Runferry-Freshness"] == "gone"
        lost = await served.api.get(f"{FILES}/lost.bin")
        assert lost.status_code == 410
        sshd.stop()
        await eventually(lambda: is_down(served), within=20)
        held = await served.api.get(f"{FILES}/held.bin")
        assert (held.status_code, held.content) == (200, b"h" * MB)
        assert held.headers["Runferry-Freshness"] == "offline"
        assert int(held.headers["Age"]) >= 0
        missing = await served.api.get(f"{FILES}/logs.txt")
        assert missing.status_code == 400
        assert "is not connected" in missing.json()["detail"]
        assert (await served.api.get(f"{FILES}/meta.json")).status_code == 200
        assert (await served.api.get(FILES)).status_code == 200


async def collect(pieces: AsyncIterator[bytes], into: list[bytes]) -> None:
    async for piece in pieces:
        into.append(piece)


def is_missing(path: Path) -> bool:
    return not path.exists()


async def is_down(served: ServedRunferry) -> bool:
    return not (await served.status())["connection"]["connected"]


async def test_nothing_outside_the_run_is_ever_given(tmp_path: Path, home: Path, sshd: Sshd, run: Path) -> None:
    secret = write_file(tmp_path / "secret.txt", b"top secret")
    write_file(run.parents[3] / "beside.txt", b"beside")
    (run / "link.txt").symlink_to(secret)
    (run / "folder").symlink_to(tmp_path)
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        sync = await keep_smart(served, run.parents[3])
        local = Path(sync["local_root"]) / run.relative_to(run.parents[3])
        (local / "planted").symlink_to(tmp_path)
        (local / "planted.txt").symlink_to(secret)
        paths = (
            *("../../../../beside.txt", "%2e%2e/%2e%2e/%2e%2e/%2e%2e/beside.txt", "..%2f..%2f..%2f..%2fbeside.txt"),
            *("%2Fetc%2Fhostname", "/etc/hostname", "a/%2e/b", "a//b", "%5c..%5cx", "x%00y", "link.txt"),
            *("folder/secret.txt", "planted/secret.txt", "planted.txt", "folder%2Fsecret.txt", "media", "media/", ""),
        )
        for path in paths:
            status, body = await get_raw(served.port, f"/api{FILES}/{path}")
            assert status in {400, 404, 409}, (path, status, body)
            assert b"secret" not in body.replace(b"secret.txt", b""), path
            assert b"beside\n" not in body
        listing = (await served.api.get(FILES)).json()
        link = next(one for one in listing["files"] if one["path"] == "link.txt")
        assert (link["kind"], link["is_link"]) == ("link", True)


async def get_raw(port: int, target: str) -> tuple[int, bytes]:
    """Ask without a client that tidies the path up."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"GET {target} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\r\n".encode())
    answer = await asyncio.wait_for(reader.read(), 20)
    writer.close()
    await writer.wait_closed()
    return int(answer.split()[1]), answer.partition(b"\r\n\r\n")[2]


async def test_nothing_a_browser_would_run_is_given_as_such(tmp_path: Path, home: Path, sshd: Sshd, run: Path) -> None:
    names = ("page.html", "image.svg", "code.js", "style.css", "data.xml", "doc.pdf", "page.HTM", "a.xhtml", "noname")
    for name in (*names, "log.txt", "x.json", "x.png", 'ä"\r.txt'):
        write_file(run / name, b"<script>alert(1)</script>")
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        await keep_smart(served, run.parents[3])
        for name in names:
            headers = (await served.api.get(f"{FILES}/{name}")).headers
            assert headers["Content-Type"] == "application/octet-stream"
            assert headers["Content-Disposition"].startswith("attachment;")
            assert headers["X-Content-Type-Options"] == "nosniff"
            assert headers["Content-Security-Policy"].startswith("sandbox")
        for name, kind in (("log.txt", "text/plain; charset=utf-8"), ("x.png", "image/png")):
            headers = (await served.api.get(f"{FILES}/{name}")).headers
            assert headers["Content-Type"] == kind
            assert headers["Content-Disposition"].startswith("inline;")
        odd = await served.api.get(f"{FILES}/%C3%A4%22%0D.txt")
        assert odd.status_code == 200
        assert odd.headers["Content-Disposition"] == "inline; filename=\"___.txt\"; filename*=UTF-8''%C3%A4%22%0D.txt"


async def test_a_listing_tells_what_is_here_flat_and_by_level(
    tmp_path: Path, home: Path, sshd: Sshd, run: Path
) -> None:
    write_file(run / "checkpoints" / "a" / "1.pt", b"1" * 1000)
    write_file(run / "checkpoints" / "a_b.pt", b"2" * 500)
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        await keep_smart(served, run.parents[3])
        await served.api.get(f"{FILES}/checkpoints/a/1.pt")
        flat = (await served.api.get(FILES)).json()
        expected = sorted(str(path.relative_to(run)) for path in run.rglob("*") if path.is_file())
        assert [one["path"] for one in flat["files"]] == expected
        assert (flat["total_files"], flat["count"]) == (len(expected), len(expected))
        assert flat["total_bytes"] == sum(path.stat().st_size for path in run.rglob("*") if path.is_file())
        local = {one["path"]: one["local"] for one in flat["files"]}
        assert (local["checkpoints/a/1.pt"], local["checkpoints/a_b.pt"], local["meta.json"]) == (
            "full",
            "none",
            "full",
        )
        skipped = next(one for one in flat["files"] if one["path"] == "events.jsonl.lock")
        assert skipped["problem"]["code"] == "skipped"
        level = (await served.api.get(FILES, params={"prefix": "checkpoints", "depth": 1})).json()
        assert [(one["path"], one["kind"]) for one in level["files"]] == [
            ("checkpoints/a", "dir"),
            ("checkpoints/a_b.pt", "file"),
        ]
        folder = level["files"][0]
        assert (folder["files"], folder["bytes"], folder["held_bytes"], folder["local"]) == (1, 1000, 1000, "full")
        page = (await served.api.get(FILES, params={"limit": 2, "offset": 1})).json()
        assert [one["path"] for one in page["files"]] == expected[1:3]
        assert (await served.api.get(FILES, params={"prefix": "../x"})).status_code == 400
        assert (await served.api.get("/runs/none/files")).status_code == 404


async def test_bytes_that_a_manifest_does_not_promise_are_never_given_whole(
    tmp_path: Path, home: Path, sshd: Sshd, run: Path
) -> None:
    version = run.parents[3] / "artifacts" / "model" / "net" / "v1"
    good, bad = os.urandom(2 * MB), os.urandom(2 * MB)
    write_file(run / "out" / "files" / "good.bin", good)
    write_file(run / "out" / "files" / "bad.bin", bad)
    write_file(run / "out" / "files" / "small.bin", b"small")
    digests = [("good.bin", good), ("bad.bin", b"something else"), ("small.bin", b"other")]
    manifest = {"files": [{"path": n, "digest": f"sha256:{hashlib.sha256(d).hexdigest()}"} for n, d in digests]}
    write_file(run / "out" / "manifest.json", json.dumps(manifest).encode())
    assert not version.exists()
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        sync = await keep_smart(served, run.parents[3])
        local = Path(sync["local_root"]) / run.relative_to(run.parents[3]) / "out" / "files"
        await served.api.get(f"{FILES}/out/manifest.json")
        assert (await served.api.get(f"{FILES}/out/files/good.bin")).content == good
        for name in ("bad.bin", "small.bin"):
            with pytest.raises(httpx.RemoteProtocolError):
                await served.api.get(f"{FILES}/out/files/{name}")
            await eventually(partial(is_missing, local / name))
            again = await served.api.get(f"{FILES}/out/files/{name}")
            assert again.status_code == 500
            assert "not those its manifest promises" in again.json()["detail"]
        assert (await served.api.get(f"{FILES}/out/files/good.bin", headers={"Range": "bytes=0-9"})).content == good[
            :10
        ]


async def test_a_file_called_files_and_paths_like_other_routes_are_found(
    tmp_path: Path, home: Path, sshd: Sshd, run: Path
) -> None:
    for name in ("x/files", "files/files/deep.txt", "logs", "metrics"):
        write_file(run / name, name.encode())
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        await keep_smart(served, run.parents[3])
        for name in ("x/files", "files/files/deep.txt", "logs", "metrics"):
            response = await served.api.get(f"{FILES}/{name}")
            assert (response.status_code, response.content) == (200, name.encode()), name


async def test_names_of_several_lines_are_names_like_others(tmp_path: Path, home: Path, sshd: Sshd, run: Path) -> None:
    contents = {"a\nb.txt": b"two lines", "c.txt": b"one", "c.txt\n": b"another", "\n": b"nothing else"}
    for name, data in contents.items():
        write_file(run / name, data)
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        await keep_smart(served, run.parents[3])
        for name, data in contents.items():
            answer = await served.api.get(f"{FILES}/{quote(name)}")
            assert (answer.status_code, answer.content) == (200, data), name
