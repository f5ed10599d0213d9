"""Secrets are planted wherever a request can carry one, every endpoint is driven with them, and then they are looked
for everywhere: in answers, events, logs, files, and whatever runs.
"""

from __future__ import annotations

import faulthandler
import json
import logging
import os
import re
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.conftest import MakeSshd
from tests.integration.api.running import Running, expect, run_server
from tests.support.network import closed_port
from tests.support.sshd import Sshd
from tests.support.waiting import eventually_now

from runferry.api import Admission
from runferry.ssh.credentials import Secret

TOKEN = "planted-token-7d1f9a3c5e"
PASSWORD, PASSPHRASE, CODE = "planted-pass-a41c", "planted-phrase-b52d", "planted-code-c63e"
KEY = "-----BEGIN OPENSSH PRIVATE KEY-----\nplanted-key-d74f\n-----END OPENSSH PRIVATE KEY-----\n"
PLANTED = (TOKEN, PASSWORD, PASSPHRASE, CODE, "planted-key-d74f")
FIELDS = {
    "password": PASSWORD,
    "passphrase": PASSPHRASE,
    "private_key": KEY,
    "pkey": KEY,
    "answers": [CODE],
    "attempt": "none",
    "remember_password": False,
    "save_password": False,
}
"""What bodies call secrets; every body of the API gets all of them, known to it or not."""


@pytest.fixture
def guarded(tmp_path: Path, home: Path) -> Iterator[Running]:
    """A server that asks for a token; the session shows it."""
    with run_server(tmp_path / "data", admission=Admission(Secret(TOKEN))) as running:
        running.http.headers["Authorization"] = f"Bearer {TOKEN}"
        yield running


def fill(schema: dict[str, Any], document: dict[str, Any], port: int) -> dict[str, Any]:
    """Return a body with what its schema requires, and the secrets."""
    schema = schema.get("anyOf", [schema])[0]
    if reference := schema.get("$ref"):
        schema = document["components"]["schemas"][reference.rpartition("/")[2]]
    body = dict(schema.get("example", {}))
    for name, one in schema.get("properties", {}).items():
        if name in schema.get("required", []) and name not in body:
            body[name] = (one.get("examples") or one.get("enum") or ["x"])[0]
    body |= {
        name: value for name, value in (("host", "127.0.0.1"), ("port", port)) if name in schema.get("properties", {})
    }
    return body | FIELDS


def drive_all(server: Running, port: int) -> str:
    """Ask every endpoint by every method it has, with secrets in the body, also malformed; return all that is told."""
    document = expect(server.get("/api/openapi.json"), 200)
    told = [json.dumps(document)]
    for path, methods in document["paths"].items():
        if path == "/api/events":
            continue
        for method, operation in methods.items():
            content = operation.get("requestBody", {}).get("content", {}).get("application/json")
            bodies: list[object] = (
                [None] if content is None else [fill(content["schema"], document, port), [FIELDS], TOKEN]
            )
            for body in bodies:
                answer = server.http.request(
                    method, server.url + re.sub(r"\{[^}]*\}", "x", path), json=body, timeout=30
                )
                told.append(f"{answer.headers}{answer.text}")
    return "".join(told)


def watch_events(server: Running, told: list[str], is_over: threading.Event) -> threading.Thread:
    def follow() -> None:
        with requests.get(server.url + "/api/events", headers=server.http.headers, stream=True, timeout=30) as answer:
            for line in answer.iter_lines(decode_unicode=True):
                told.append(line)
                if is_over.is_set():
                    return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    return thread


def show_processes() -> bytes:
    """Return the arguments and environments of everything this process has started."""
    shown = b""
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                parent = int((process / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == os.getpid():
                    shown += (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            except OSError:
                continue
    return shown + Path("/proc/self/cmdline").read_bytes()


def dump_threads() -> str:
    """Return what a crash would print of every thread."""
    with tempfile.TemporaryFile("w+") as file:
        faulthandler.dump_traceback(file, all_threads=True)
        file.seek(0)
        return file.read()


def test_planted_secrets_are_found_nowhere(
    guarded: Running, make_sshd: MakeSshd, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    caplog.set_level(logging.DEBUG)
    sshd = make_sshd(passwords=True)
    events: list[str] = []
    is_over = threading.Event()
    watch_events(guarded, events, is_over)
    eventually_now(lambda: events, what="the event stream to begin")
    with closed_port() as port:
        told = drive_all(guarded, port)
    told += drive_logins(guarded, sshd)
    status = guarded.get("/api/unified/status").text
    stored = {path: path.read_bytes() for path in Path(guarded.settings.data_dir).rglob("*") if path.is_file()}
    assert any(path.name == "runferry.db-wal" for path in stored)
    is_over.set()
    places = {
        "answers": told + status,
        "events": "".join(events),
        "log": caplog.text + dump_threads(),
        "processes": show_processes().decode("utf-8", "replace"),
    }
    for secret in (*PLANTED, sshd.password):
        assert {name for name, text in places.items() if secret in text} == set(), "a secret was shown"
        holders = {path.name for path, data in stored.items() if secret.encode() in data}
        assert holders <= ({"token"} if secret == TOKEN else set()), "a secret was stored"


def drive_logins(server: Running, sshd: Sshd) -> str:
    """Log in with a right password and wrong ones, look around, and log out."""
    login = {"host": sshd.host, "port": sshd.port, "username": sshd.username, "use_agent": False}
    answers = [
        server.post("/api/unified/connect", login | {"password": PASSWORD}),
        server.post("/api/unified/connect", login | {"private_key": KEY, "passphrase": PASSPHRASE}),
        server.post("/api/unified/connect", login | {"password": sshd.password, "passphrase": PASSPHRASE}),
    ]
    assert answers[-1].status_code == requests.codes.ok, answers[-1].text
    for path in ("/api/unified/status", "/api/unified/listdir", "/api/ssh/sessions", "/api/audit", "/api/overview"):
        answers.append(server.get(path))
    answers.append(server.post("/api/unified/disconnect", {}))
    return "".join(f"{answer.headers}{answer.text}" for answer in answers)


def test_a_crash_that_prints_its_frames_prints_no_secret() -> None:
    """What Python's own crash reports show of values: reprs, which secrets do not have."""
    program = (
        "import faulthandler, sys, traceback\n"
        "faulthandler.enable()\n"
        "from runferry.ssh.credentials import Credentials, Secret\n"
        "given = Credentials(Secret(sys.stdin.readline().strip()), use_agent=False)\n"
        "try:\n"
        "    raise RuntimeError(given, [given], {'x': given.password})\n"
        "except RuntimeError as error:\n"
        "    shown = traceback.TracebackException.from_exception(error, capture_locals=True)\n"
        "    print(''.join(shown.format()), file=sys.stderr)\n"
        "import os\n"
        "os.abort()\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], input=PASSWORD, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode < 0
    assert "***" in done.stderr
    assert PASSWORD not in done.stderr + done.stdout
