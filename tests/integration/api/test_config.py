"""Saved connections keep secrets in the system's keyring or in memory and nowhere else; a data directory is chosen."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from keyring.backends.fail import Keyring as NoKeyring
from tests.conftest import MakeSshd
from tests.integration.api.running import Running, expect, run_server
from tests.support.keyrings import MemoryKeyring, using_keyring
from tests.support.sshd import Sshd

from runferry.config import load_settings

CONNECTIONS = "/api/config/ssh_connections"


@pytest.fixture
def vault() -> Iterator[MemoryKeyring]:
    backend = MemoryKeyring()
    with using_keyring(backend):
        yield backend


@pytest.fixture
def no_vault() -> Iterator[None]:
    with using_keyring(NoKeyring()):  # type: ignore[no-untyped-call]
        yield


@pytest.fixture
def passwords(make_sshd: MakeSshd) -> Sshd:
    return make_sshd(passwords=True)


def save(server: Running, sshd: Sshd, **fields: object) -> dict[str, Any]:
    body = {"host": sshd.host, "port": sshd.port, "username": sshd.username, **fields}
    return expect(server.post(CONNECTIONS, body), 200)


def connect(server: Running, key: str, **fields: object) -> Any:
    return server.post("/api/unified/connect", {"saved": key, **fields})


def test_a_saved_password_logs_in_and_survives_a_restart(
    tmp_path: Path, home: Path, vault: MemoryKeyring, passwords: Sshd, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    key = f"{passwords.username}@{passwords.host}:{passwords.port}"
    told = ""
    with run_server(tmp_path / "data") as server:
        answer = save(server, passwords, password=passwords.password, remember_password=True, name="GPU 1")
        assert (answer["secret_stored"], answer["is_new"]) == (True, True)
        assert "keyring" in answer["message"]
        assert list(vault.entries.values()) == [passwords.password]
        (one,) = expect(server.get(CONNECTIONS), 200)["connections"]
        assert one == answer["connection"]
        assert (one["key"], one["name"], one["auth_method"]) == (key, "GPU 1", "password")
        assert (one["has_password"], one["has_private_key"]) == (True, False)
        told += str(answer) + str(one) + connect(server, key).text
    with run_server(tmp_path / "data") as server:
        assert expect(connect(server, key), 200)["connection_id"] == key
        details = expect(server.get(f"{CONNECTIONS}/{key}/details"), 200)
        assert details["has_password"] is True
        assert details["in_memory_only"] == []
        updated = save(server, passwords, name="renamed")
        assert (updated["is_new"], updated["connection"]["has_password"]) == (False, True)
        told += str(details) + server.get(CONNECTIONS).text + server.get("/api/unified/status").text
        assert expect(server.http.delete(f"{server.url}{CONNECTIONS}/{key}"), 200)["ok"] is True
        assert vault.entries == {}
        assert expect(connect(server, key), 404)["detail"].startswith("There is no saved connection")
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert passwords.password not in told + caplog.text
    assert passwords.password.encode() not in stored


def test_without_a_keyring_the_secret_is_in_memory_until_the_end_and_the_answer_says_so(
    tmp_path: Path, home: Path, no_vault: None, passwords: Sshd
) -> None:
    with run_server(tmp_path / "data") as server:
        answer = save(server, passwords, password=passwords.password, remember_password=True)
        assert answer["secret_stored"] is False
        assert "was not stored" in answer["message"]
        key = answer["connection"]["key"]
        assert expect(server.get(f"{CONNECTIONS}/{key}/details"), 200)["in_memory_only"] == ["password"]
        expect(connect(server, key), 200)
    with run_server(tmp_path / "data") as server:
        (one,) = expect(server.get(CONNECTIONS), 200)["connections"]
        assert one["has_password"] is False
        assert expect(connect(server, key), 400)["detail"].startswith("password: ")
        expect(connect(server, key, password=passwords.password), 200)
    stored = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert passwords.password.encode() not in stored


def test_a_secret_is_kept_only_where_that_is_asked_for(server: Running, vault: MemoryKeyring, passwords: Sshd) -> None:
    answer = save(server, passwords, password="not-kept")
    assert answer["secret_stored"] is False
    assert "remember_password" in answer["message"]
    assert vault.entries == {}
    save(server, passwords, password="kept", remember_password=True)
    assert save(server, passwords, remember_password=False)["connection"]["has_password"] is False
    assert vault.entries == {}


def test_a_key_file_and_a_key_text_log_in(server: Running, vault: MemoryKeyring, sshd: Sshd) -> None:
    answer = save(server, sshd, private_key_path=str(sshd.client_key_path))
    assert (answer["connection"]["auth_method"], answer["secret_stored"]) == ("key", None)
    key = answer["connection"]["key"]
    expect(connect(server, key), 200)
    text = sshd.client_key_path.read_text()
    save(server, sshd, private_key=text, remember_password=True)
    assert list(vault.entries.values()) == [text]
    expect(connect(server, key), 200)
    assert "PRIVATE KEY" not in server.get(f"{CONNECTIONS}/{key}/details").text


def test_what_cannot_be_saved_is_named(server: Running) -> None:
    for body, field in (
        ({"username": "u"}, "host"),
        ({"host": "h"}, "username"),
        ({"host": "h", "username": "u", "port": "22"}, "port"),
        ({"host": "-oProxyCommand=x", "username": "u"}, "host"),
        ({"host": "h", "username": "u", "auth_method": "magic"}, "auth_method"),
    ):
        assert expect(server.post(CONNECTIONS, body), 400)["detail"].startswith(f"{field}: ")
    assert expect(server.get(f"{CONNECTIONS}/nobody@nowhere:22/details"), 404)["detail"]
    assert server.http.delete(f"{server.url}{CONNECTIONS}/nobody@nowhere:22").status_code == 404
    assert expect(server.post("/api/unified/connect", {}), 400)["detail"] == "host: this field is required."


def test_the_data_directory_is_chosen_for_the_next_start(server: Running, home: Path, tmp_path: Path) -> None:
    before = expect(server.get("/api/config"), 200)
    assert before["user_root_dir"] == before["storage"] == str(server.settings.data_dir)
    assert before["needs_restart"] is False
    chosen = tmp_path / 'my "runs" ü'
    chosen.mkdir()
    answer = expect(server.post("/api/config/user_root_dir", {"path": str(chosen)}), 200)
    assert answer["needs_restart"] is True
    assert "next start" in answer["message"]
    after = expect(server.get("/api/config"), 200)
    assert (after["user_root_dir"], after["storage"]) == (str(chosen), before["storage"])
    assert Path(after["config_file"]).is_relative_to(home)
    assert load_settings().data_dir == chosen
    assert load_settings(tmp_path / "other").data_dir == tmp_path / "other"
    back = expect(server.post("/api/config/user_root_dir", {"path": before["storage"]}), 200)
    assert back["needs_restart"] is False


@pytest.mark.parametrize("path", ["relative", "/no/such/directory", "/etc/passwd", "/proc/1/fd", "\0", "~nobody-such"])
def test_a_directory_that_cannot_be_used_is_refused(server: Running, home: Path, path: str) -> None:
    told = expect(server.post("/api/config/user_root_dir", {"path": path}), 400)["detail"]
    assert told.startswith("path: ")
    assert not list(home.rglob("location.toml"))


def test_the_limits_are_per_minute_and_endpoint(tmp_path: Path, home: Path, no_vault: None) -> None:
    with run_server(tmp_path / "data", rate_limits={}) as server:
        for _ in range(10):
            assert server.post("/api/config/user_root_dir", {"path": "x"}).status_code == 400
        assert server.post("/api/config/user_root_dir", {"path": "x"}).status_code == 429
        for number in range(20):
            assert server.http.delete(f"{server.url}{CONNECTIONS}/u@h:{number}").status_code == 404
        assert server.http.delete(f"{server.url}{CONNECTIONS}/u@h:0").status_code == 429
        assert server.post(CONNECTIONS, {}).status_code == 400
        for _ in range(60):
            assert server.get("/api/config").status_code == 200
        assert server.get("/api/config").status_code == 429
        assert server.get(CONNECTIONS).status_code == 200


@pytest.mark.parametrize("blank", [None, ""])
def test_fields_left_empty_count_as_not_given(server: Running, sshd: Sshd, blank: str | None) -> None:
    fields = ("private_key_path", "private_key", "password", "passphrase", "name")
    answer = save(server, sshd, **dict.fromkeys(fields, blank))
    assert (answer["connection"]["auth_method"], answer["secret_stored"]) == ("agent", None)
    assert answer["connection"]["private_key_path"] is None
    body = {"host": sshd.host, "port": sshd.port, "username": sshd.username, "use_agent": False}
    told = expect(server.post("/api/unified/connect", body | dict.fromkeys(fields[:4], blank)), 400)["detail"]
    assert told.startswith("Give a password")
