"""The legacy API: the same connections and syncs as the unified one, under their older names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import requests
from tests.integration.api.running import Running, expect, login_of
from tests.support.samples import unpack_sample
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now


def expect_deprecated(answer: requests.Response, status: int = 200) -> dict[str, Any]:
    assert answer.headers["Deprecation"] == "true"
    assert answer.headers["Link"].startswith("</api/unified/")
    assert answer.headers["Link"].endswith('>; rel="successor-version"')
    return expect(answer, status)


@pytest.fixture
def session(server: Running, sshd: Sshd) -> str:
    login = {key: value for key, value in login_of(sshd).items() if key != "private_key_path"}
    body = expect_deprecated(server.post("/api/ssh/connect", login | {"pkey_path": str(sshd.client_key_path)}))
    assert body == {"ok": True, "session_id": f"{sshd.username}@127.0.0.1:{sshd.port}"}
    session_id: str = body["session_id"]
    return session_id


def test_a_session_is_the_unified_api_s_connection(server: Running, sshd: Sshd, session: str) -> None:
    listed = expect_deprecated(server.get("/api/ssh/sessions"))
    expected = {"id": session, "host": "127.0.0.1", "port": sshd.port, "username": sshd.username, "connected": True}
    assert listed == {"sessions": [expected]}
    assert server.status()["connection"]["connected"] is True
    assert expect_deprecated(server.post("/api/ssh/close", {"session_id": session})) == {"ok": True}
    assert expect_deprecated(server.post("/api/ssh/close", {"session_id": session})) == {"ok": False}
    assert server.status()["connection"] == {"connected": False}
    assert expect_deprecated(server.get("/api/ssh/sessions")) == {"sessions": []}


def test_a_key_may_be_given_as_text_under_its_older_name(server: Running, sshd: Sshd) -> None:
    login = {key: value for key, value in login_of(sshd).items() if key != "private_key_path"}
    expect_deprecated(server.post("/api/ssh/connect", login | {"pkey": sshd.client_key_path.read_text()}))
    expect_deprecated(server.post("/api/ssh/connect", login | {"private_key": sshd.client_key_path.read_text()}))


def test_listdir_gives_the_unified_items(server: Running, session: str, tmp_path: Path) -> None:
    (tmp_path / "inner").mkdir()
    query = {"path": str(tmp_path)}
    listed = expect_deprecated(server.get("/api/ssh/listdir", params=query | {"session_id": session}))
    unified = expect(server.get("/api/unified/listdir", params=query), 200)
    assert listed == {"items": unified["items"]}
    missing = {"session_id": session, "path": "/no/such/dir"}
    assert set(expect_deprecated(server.get("/api/ssh/listdir", params=missing), 404)) == {"detail"}
    expect_deprecated(server.get("/api/ssh/listdir", params={"session_id": "ghost"}), 404)


def test_mirrors_start_are_listed_and_stop(server: Running, sshd: Sshd, session: str, tmp_path: Path) -> None:
    root = unpack_sample("0.4", tmp_path / "remote")
    second = tmp_path / "second"
    second.mkdir()
    (second / "file.txt").write_text("text")
    body = {"session_id": session, "remote_root": str(root)}
    started = expect_deprecated(server.post("/api/ssh/mirror/start", body))
    task = started["task"]
    assert started["ok"] is True
    assert (task["session_id"], task["remote_root"], task["interval"]) == (session, str(root), 2.0)
    assert set(task) == {"id", "session_id", "remote_root", "local_root", "interval", "stats"}
    assert set(task["stats"]) == {"copied_files", "appended_bytes", "scans", "started_at", "last_error"}
    other = expect_deprecated(server.post("/api/ssh/mirror/start", body | {"remote_root": str(second), "interval": 1}))

    def listed() -> dict[str, Any]:
        return {mirror["id"]: mirror for mirror in expect_deprecated(server.get("/api/ssh/mirror/list"))["mirrors"]}

    assert set(listed()) == {task["id"], other["task"]["id"]}
    eventually_now(lambda: listed()[task["id"]]["stats"]["copied_files"] > 10, what="the first mirror copies")
    eventually_now(lambda: (Path(other["task"]["local_root"]) / "file.txt").exists(), what="and so does the second")
    assert listed()[task["id"]]["alive"] is True
    assert listed()[task["id"]]["host"] == "127.0.0.1"
    assert expect_deprecated(server.get("/api/ssh/mirror/list"))["storage"] == str(server.settings.data_dir)
    assert server.status()["mirror_mode"]["remote_root"] == str(second)
    assert expect_deprecated(server.post("/api/ssh/mirror/stop", {"task_id": task["id"]})) == {"ok": True}
    assert expect_deprecated(server.post("/api/ssh/mirror/stop", {"task_id": task["id"]})) == {"ok": False}
    assert set(listed()) == {other["task"]["id"]}
    assert Path(task["local_root"]).is_dir(), "the copy stays"
    expect_deprecated(server.post("/api/ssh/close", {"session_id": session}))
    assert listed() == {}


def test_errors_carry_the_deprecation_too(server: Running) -> None:
    expect_deprecated(server.post("/api/ssh/connect", {}), 400)
    expect_deprecated(server.post("/api/ssh/mirror/start", {"session_id": "ghost", "remote_root": "/"}), 404)
    expect_deprecated(server.get("/api/ssh/nothing"), 404)
