"""A server that listens on more than loopback answers whoever knows its token, and nobody else."""

from __future__ import annotations

import contextlib
import json
import logging
import os
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from runferry.api import Admission
from runferry.client import ApiError, Client
from runferry.ssh.credentials import Secret
from tests.integration.api.running import Running, expect, run_server
from tests.integration.cli.driver import Cli

TOKEN = "token-0123456789-abcdefghijkl"
EVERYWHERE = "0.0.0.0"  # noqa: S104 - what is tested; all of its traffic stays on loopback
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def open_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server on every address of this machine, which has a token and answers to one more name."""
    folder = tmp_path_factory.mktemp("token")
    admission = Admission(Secret(TOKEN), names=["gpu-box.example"])
    with run_server(folder / "data", host=EVERYWHERE, admission=admission) as running:
        yield Running(running.url.replace(EVERYWHERE, "127.0.0.1"), running.settings, running.http)


def fresh(server: Running, method: str, path: str, headers: dict[str, str] | None = None) -> requests.Response:
    """Ask without any cookie."""
    return requests.request(method, server.url + path, headers=headers, timeout=10)


def test_nothing_of_the_api_is_answered_without_the_token(open_server: Running) -> None:
    document = expect(fresh(open_server, "GET", "/api/openapi.json", BEARER), 200)
    tried = 0
    for path, methods in document["paths"].items():
        for method in methods:
            answer = fresh(open_server, method.upper(), re.sub(r"\{[^}]*\}", "x", path))
            assert expect(answer, 401)["needs_token"] is True, path
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
            tried += 1
    assert tried > 40
    for path in ("/api/openapi.json", "/api/no-such", "/api/runs/any/logs/ws"):
        assert fresh(open_server, "GET", path).status_code == HTTPStatus.UNAUTHORIZED, path


def test_a_page_is_answered_with_the_one_that_asks_for_the_token(open_server: Running) -> None:
    for path in ("/", "/runs", "/docs", "/static/swagger/swagger-ui.css", "/assets/any.js"):
        answer = fresh(open_server, "GET", path)
        assert (answer.status_code, answer.headers["Cache-Control"]) == (401, "no-store"), path
        assert 'type="password"' in answer.text, path
    for found in re.findall(r'(?:src|href)="(/[^"]+)"', fresh(open_server, "GET", "/").text):
        assert fresh(open_server, "GET", found).status_code == HTTPStatus.OK, found
    assert "<script>" not in fresh(open_server, "GET", "/").text


def test_the_token_opens_the_api_and_a_login_gives_a_cookie_that_is_not_the_token(open_server: Running) -> None:
    assert fresh(open_server, "GET", "/api/health", BEARER).status_code == HTTPStatus.OK
    with requests.Session() as browser:
        answer = browser.post(open_server.url + "/login", json={"token": TOKEN}, timeout=10)
        assert answer.status_code == HTTPStatus.OK
        cookie = answer.headers["Set-Cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert TOKEN not in cookie
        assert browser.get(open_server.url + "/api/runs", timeout=10).status_code == HTTPStatus.OK
        assert browser.get(open_server.url + "/", timeout=10).status_code in (200, 503), "the app, where it is built"
        name, value = cookie.split(";")[0].split("=", 1)
    for wrong in ("", "x", value[:-1], value + "x"):
        assert fresh(open_server, "GET", "/api/runs", {"Cookie": f"{name}={wrong}"}).status_code == 401


def test_the_websocket_needs_the_token_too(open_server: Running) -> None:
    address = open_server.url.replace("http", "ws") + "/api/runs/any/logs/ws"
    with pytest.raises(InvalidStatus) as refused, connect(address):
        pass
    assert refused.value.response.status_code == HTTPStatus.FORBIDDEN
    with pytest.raises(InvalidStatus) as unknown, connect(address, additional_headers=BEARER):
        pass
    assert unknown.value.response.status_code == HTTPStatus.NOT_FOUND


def test_other_sites_and_rebound_names_are_refused_even_with_the_token(open_server: Running) -> None:
    port = urlsplit(open_server.url).port
    for headers in ({"Host": f"evil.example:{port}"}, {"Origin": "http://evil.example"}):
        assert fresh(open_server, "GET", "/api/runs", BEARER | headers).status_code == HTTPStatus.FORBIDDEN
        refused = requests.post(open_server.url + "/login", json={"token": TOKEN}, headers=headers, timeout=10)
        assert refused.status_code == HTTPStatus.FORBIDDEN
    named = {"Host": f"GPU-box.example:{port}"}
    assert fresh(open_server, "GET", "/api/runs", BEARER | named).status_code == HTTPStatus.OK


@pytest.mark.parametrize("body", [b"", b"token", b"[]", b'{"token": 5}', b'{"token": null}', b'{"token": "\\ud800"}'])
def test_a_login_that_makes_no_sense_is_400_or_wrong(open_server: Running, body: bytes) -> None:
    answer = requests.post(open_server.url + "/login", data=body, timeout=10)
    assert answer.status_code in (400, 401), answer.text


def test_wrong_tokens_are_limited_and_then_the_right_one_waits_too(tmp_path: Path) -> None:
    with run_server(tmp_path / "data", admission=Admission(Secret(TOKEN))) as server:
        wrong = {"Authorization": "Bearer " + "x" * len(TOKEN)}
        assert [fresh(server, "GET", "/api/health", wrong).status_code for _ in range(10)] == [401] * 10
        answer = fresh(server, "GET", "/api/health", wrong)
        assert 0 < expect(answer, 429)["retry_after"] <= 60
        assert fresh(server, "GET", "/api/health", BEARER).status_code == HTTPStatus.TOO_MANY_REQUESTS
        assert fresh(server, "GET", "/api/health").status_code == HTTPStatus.UNAUTHORIZED, "no token is no guess"


def test_the_token_is_in_no_log_and_in_no_file_but_its_own(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    data = tmp_path / "data"
    with run_server(data, admission=Admission(Secret(TOKEN))) as server:
        fresh(server, "GET", "/api/runs", BEARER)
        server.post("/login", {"token": TOKEN})
        server.post("/login", {"token": TOKEN + "x"})
        holders = [path.name for path in data.rglob("*") if path.is_file() and TOKEN.encode() in path.read_bytes()]
        assert holders == ["token"]
        assert (data / "token").stat().st_mode & 0o777 == 0o600
    assert not (data / "token").exists()
    assert TOKEN not in caplog.text


@contextlib.contextmanager
def serving(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "runferry", "serve", "--no-browser", "--port", "0", *options]
    environment = {**os.environ, "HOME": str(folder), "RUNFERRY_DATA_DIR": str(folder / "data")}
    with subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as one:
        yield one
        one.terminate()


def test_serve_shows_a_token_once_and_the_command_line_and_the_client_use_it(tmp_path: Path) -> None:
    with serving(tmp_path, "--host", EVERYWHERE, "--token") as process:
        assert process.stdout is not None
        url = re.findall(r"http://[\d.:]+", process.stdout.readline())[0]
        token = process.stdout.readline().split()[-1]
        for shown in ("cmdline", "environ"):
            assert token.encode() not in Path(f"/proc/{process.pid}/{shown}").read_bytes()
        assert (tmp_path / "data" / "token").read_text() == token
        assert Cli(tmp_path).run("runs").code == 0, "found through the data directory"
        elsewhere = Cli(tmp_path / "elsewhere")
        refused = elsewhere.run("runs", "--url", url)
        assert refused.code != 0
        assert "token" in refused.err
        kept = tmp_path / "kept"
        kept.write_text(token + "\n")
        assert elsewhere.run("--token-file", str(kept), "runs", "--url", url).code == 0
        with Client(url, token_file=kept) as client:
            assert client.status()["connection"]["connected"] is False
        with Client(url) as client, pytest.raises(ApiError, match="token"):
            client.status()


def test_what_a_killed_server_left_behind_sends_nothing_to_whoever_has_its_port_now(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text(TOKEN)
    (tmp_path / "data").mkdir(mode=0o700)
    with subprocess.Popen(["true"]) as killed:
        killed.wait()
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        stranger.settimeout(0.0)
        left = {"url": f"http://127.0.0.1:{stranger.getsockname()[1]}", "pid": killed.pid, "token_file": str(kept)}
        (tmp_path / "data" / "server.json").write_text(json.dumps(left))
        assert Cli(tmp_path).run("runs").code == 0, "it has started a server of its own"
        with pytest.raises(BlockingIOError):
            stranger.accept()


def test_other_addresses_without_a_token_and_tokens_that_are_none_are_refused(tmp_path: Path) -> None:
    short = tmp_path / "short"
    short.write_text("secret")
    cli = Cli(tmp_path)
    for options, why in (
        (["--host", EVERYWHERE], "without a token"),
        (["--host", EVERYWHERE, "--token-file", str(tmp_path / "missing")], "no token can be read"),
        (["--host", EVERYWHERE, "--token-file", str(short)], "at least 16 characters"),
        (["--token", "--token-file", str(short)], "give one of them"),
    ):
        done = cli.run("serve", "--no-browser", "--port", "0", *options)
        assert why in " ".join(done.err.split())
        assert done.code != 0
        assert "secret" not in done.out + done.err
