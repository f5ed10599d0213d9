"""Malformed requests: whatever is wrong is answered 400 with one sentence that names the field."""

from __future__ import annotations

import pytest
import requests
from tests.integration.api.running import Running, expect

LOGIN = {"host": "127.0.0.1", "port": 22, "username": "user", "password": "secret", "use_agent": False}
MODE = {"mode": "mirror", "remote_root": "/data", "auto_sync": True, "sync_interval_minutes": 5, "mirror_interval": 2.0}

LOGIN_WRONGS: dict[str, list[object]] = {
    "host": [None, 5, True, "", [], {}, "a b", "x" * 256, "ho\nst", "$(id)", "-oProxyCommand=id", "gpu:22"],
    "port": ["22", True, 0, 65536, -1, 22.5, [], {}, 10**30],
    "username": [5, True, "", [], "us\0er", "x" * 300, "a b", "$(id)"],
    "password": [5, True, [], {}],
    "private_key": [5, True, [], {}],
    "private_key_path": [5, True, [], "x" * 5000],
    "passphrase": [5, True, []],
    "use_agent": ["false", 0, 1, None, []],
    "attempt": [5, "x" * 300],
    "answers": ["text", [5], {}, ["x"] * 30],
    "accept_fingerprint": [5, "x" * 300],
}
MODE_WRONGS: dict[str, list[object]] = {
    "mode": [None, "copy", 5, True, "", "SMART"],
    "remote_root": [None, 5, "", True, [], "/da\0ta", "x" * 5000],
    "auto_sync": ["true", 1, None],
    "sync_interval_minutes": ["5", True, 0, 0.99, 1441, None, []],
    "mirror_interval": ["2", True, 0.4, 3601, None, {}],
    "include": ["*.py", [5], ["x" * 2000], ["*"] * 600],
    "exclude": [{}, [None], "x"],
    "max_file_size": ["1", True, 0, -5, 1.5, 10**30],
    "delete": ["yes", 1, None],
    "connection_id": [5, True, "x" * 700],
}
ENDPOINTS: list[tuple[str, dict[str, object], dict[str, list[object]]]] = [
    ("/api/unified/connect", LOGIN, LOGIN_WRONGS),
    ("/api/doctor", LOGIN, LOGIN_WRONGS),
    ("/api/ssh/connect", LOGIN, LOGIN_WRONGS | {"pkey": [5, True], "pkey_path": [5, []]}),
    ("/api/unified/disconnect", {}, {"connection_id": [5, [], {}, "x" * 700]}),
    ("/api/unified/configure_mode", MODE, MODE_WRONGS),
    ("/api/unified/deactivate_mode", {"mode": "smart"}, {"mode": [None, "x", 5], "connection_id": [5]}),
    ("/api/unified/sync", {}, {"mode": ["x", 5, True], "connection_id": [5]}),
    ("/api/unified/forget_host_key", {"host": "h"}, {"host": [None, 5, ""], "port": ["22", 0], "username": [5, ""]}),
    ("/api/ssh/close", {"session_id": "a"}, {"session_id": [None, 5, ""]}),
    (
        "/api/ssh/mirror/start",
        {"session_id": "a", "remote_root": "/data"},
        {"session_id": [None, 5, ""], "remote_root": [None, 5, ""], "interval": ["2", 0.1, 4000, True]},
    ),
    ("/api/ssh/mirror/stop", {"task_id": "1"}, {"task_id": [None, 5, ""]}),
]


@pytest.fixture
def server(shared_server: Running) -> Running:
    return shared_server


def expect_sentence(answer: requests.Response, field: str = "") -> None:
    body = expect(answer, 400)
    assert set(body) == {"detail"}
    sentence = body["detail"]
    assert isinstance(sentence, str)
    assert sentence.startswith(field), sentence
    assert sentence.endswith("."), sentence
    assert "\n" not in sentence


@pytest.mark.parametrize(("path", "good", "wrongs"), ENDPOINTS, ids=[path for path, _, _ in ENDPOINTS])
def test_each_field_of_a_wrong_type_or_range_is_named(
    server: Running, path: str, good: dict[str, object], wrongs: dict[str, list[object]]
) -> None:
    for field, values in wrongs.items():
        for value in values:
            answer = server.post(path, good | {field: value})
            assert answer.status_code == 400, f"{field}={value!r:.60}: {answer.status_code} {answer.text[:200]}"
            expect_sentence(answer, field)
            assert "secret" not in answer.text


@pytest.mark.parametrize(("path", "good", "wrongs"), ENDPOINTS, ids=[path for path, _, _ in ENDPOINTS])
def test_a_missing_required_field_is_named(
    server: Running, path: str, good: dict[str, object], wrongs: dict[str, list[object]]
) -> None:
    for field in good:
        if None in wrongs.get(field, []) and field in ("host", "mode", "remote_root", "session_id", "task_id"):
            body = {key: value for key, value in good.items() if key != field}
            expect_sentence(server.post(path, body), f"{field}: this field is required")


@pytest.mark.parametrize("path", [path for path, _, _ in ENDPOINTS])
@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"5", b'"x"', b"null", b"\xff\xfe", b"[" * 100_000, b'{"host": NaN', b"host=a&port=22"]
)
def test_a_body_that_is_no_json_object_is_answered_in_a_sentence(server: Running, path: str, body: bytes) -> None:
    url, headers = server.url + path, {"Content-Type": "application/json"}
    answer = server.http.post(url, data=body, headers=headers, timeout=10)
    if path in ("/api/unified/disconnect", "/api/unified/sync") and body in (b"", b"null"):
        assert answer.status_code in (200, 400)  # their bodies are optional
        return
    expect_sentence(answer, "The body")


def test_an_unknown_field_is_ignored(server: Running) -> None:
    expect(server.post("/api/unified/deactivate_mode", {"mode": "smart", "colour": "red"}), 200)


def test_a_whole_number_may_be_written_as_a_float(server: Running) -> None:
    answer = server.post("/api/unified/connect", LOGIN | {"port": 1.0})
    assert answer.status_code == 500, answer.text
    assert answer.json()["detail"].startswith("Connection failed: ")


@pytest.mark.parametrize("path", ["/api/unified/connect", "/api/ssh/connect", "/api/config/ssh_connections"])
def test_the_text_of_a_key_in_the_place_of_its_path_is_not_told_back_and_not_stored(server: Running, path: str) -> None:
    text = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n"
    for wrong in (text, text.replace("\n", " "), "c2VjcmV0\nc2VjcmV0"):
        answer = server.post(path, LOGIN | {"private_key_path": wrong})
        expect_sentence(answer, "private_key_path: must be the path of a file")
        assert "c2VjcmV0" not in answer.text
    assert "c2VjcmV0" not in server.get("/api/config/ssh_connections").text


def test_an_empty_connection_id_means_the_current_connection(server: Running) -> None:
    detail = "Not connected. POST /api/unified/connect first."
    for path in ("/api/unified/listdir", "/api/unified/audit", "/api/unified/preview"):
        assert expect(server.get(path, params={"connection_id": ""}), 400) == {"detail": detail}
    for path, body in (("configure_mode", MODE), ("sync", {})):
        assert expect(server.post(f"/api/unified/{path}", {**body, "connection_id": ""}), 400) == {"detail": detail}


def test_a_sync_may_be_named_by_a_whole_float(server: Running) -> None:
    for path in ("pause", "resume", "stop"):
        detail = expect(server.post(f"/api/unified/{path}", {"sync_id": 7.0}), 404)["detail"]
        assert detail.startswith("No sync 7 is active")


def test_a_login_needs_a_user_name_unless_the_ssh_config_has_an_alias(server: Running) -> None:
    body = {key: value for key, value in LOGIN.items() if key != "username"}
    expect_sentence(server.post("/api/unified/connect", body), "username: this field is required")


def test_a_login_with_nothing_to_log_in_with_is_400_before_anything_is_sent(server: Running) -> None:
    body = {key: value for key, value in LOGIN.items() if key != "password"}
    expect_sentence(server.post("/api/unified/connect", body), "Give a password")
    expect_sentence(server.post("/api/unified/connect", body | {"private_key": "no key"}), "private_key: ")
    expect_sentence(server.post("/api/unified/connect", body | {"private_key_path": "/no/key"}), "private_key_path: ")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("/api/unified/listdir?depth=3", "depth"),
        ("/api/unified/listdir?limit=-1", "limit"),
        ("/api/unified/listdir?offset=x", "offset"),
        ("/api/unified/listdir?show_hidden=perhaps", "show_hidden"),
        ("/api/unified/listdir?path=" + "x" * 5000, "path"),
        ("/api/ssh/listdir", "session_id"),
        ("/api/runs?limit=x", "limit"),
        ("/api/runs?offset=-1", "offset"),
        ("/api/runs?sort=colour", "sort"),
        ("/api/runs?order=up", "order"),
    ],
)
def test_a_wrong_query_is_named_too(server: Running, query: str, field: str) -> None:
    expect_sentence(server.get(query), f"{field}: ")


@pytest.mark.parametrize("path", ["/api/unified/listdir?path=/", "/api/unified/listdir"])
def test_browsing_without_a_connection_says_what_to_do(server: Running, path: str) -> None:
    assert expect(server.get(path), 400) == {"detail": "Not connected. POST /api/unified/connect first."}


def test_unknown_endpoints_and_methods_answer_the_one_error_shape(server: Running) -> None:
    assert set(expect(server.get("/api/nothing"), 404)) == {"detail"}
    assert set(expect(server.get("/api/unified/connect"), 405)) == {"detail"}
    assert set(expect(server.get("/api/runs/none"), 404)) == {"detail"}
