"""Logins that ask questions (2FA) through the API, and where secrets must never show up."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import MakeSshd
from tests.integration.api.running import Running, expect
from tests.support.questioner import Questioner


@pytest.fixture
def questioner() -> Iterator[Questioner]:
    """A server that asks for a password and a code, in a loop and a thread of its own."""
    server = Questioner([("Password: ", False, "pass-phrase-1"), ("Code: ", True, "424242")])
    is_ready, stop = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def main() -> None:
        async with server:
            loops.append(asyncio.get_running_loop())
            is_ready.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: asyncio.run(main()))
    thread.start()
    assert is_ready.wait(10)
    yield server
    loops[0].call_soon_threadsafe(stop.set)
    thread.join(10)


def test_a_server_that_asks_questions_gets_the_answers_of_the_same_attempt(
    server: Running, questioner: Questioner
) -> None:
    login: dict[str, Any] = {"host": "127.0.0.1", "port": questioner.port, "username": "user", "use_agent": True}
    asked = expect(server.post("/api/unified/connect", login), 409)
    assert set(asked) == {"detail", "prompts", "attempt"}
    assert asked["prompts"] == [{"text": "Password: ", "echo": False}, {"text": "Code: ", "echo": True}]
    answers = {"attempt": asked["attempt"], "answers": ["pass-phrase-1"]}
    assert "answers" in expect(server.post("/api/unified/connect", login | answers), 400)["detail"]
    # This server lets us in and then offers neither a shell nor SFTP: a failed connect, with nothing left open.
    answers["answers"] = ["pass-phrase-1", "424242"]
    body = expect(server.post("/api/unified/connect", login | answers), 500)
    assert questioner.logins == 1
    assert body["detail"]
    assert server.status()["connection"] == {"connected": False}
    wrong = expect(server.post("/api/unified/connect", login), 409)
    answers = {"attempt": wrong["attempt"], "answers": ["pass-phrase-1", "000000"]}
    answer = server.post("/api/unified/connect", login | answers)
    assert answer.status_code in (401, 409), answer.text
    assert "pass-phrase-1" not in answer.text


def test_an_attempt_that_is_unknown_or_over_is_400(server: Running) -> None:
    login = {"host": "127.0.0.1", "port": 1, "username": "user", "attempt": "none", "answers": ["x"]}
    assert expect(server.post("/api/unified/connect", login), 400)["detail"].startswith("attempt: ")


def test_secrets_appear_in_no_answer_log_event_or_file(
    server: Running, make_sshd: MakeSshd, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    sshd = make_sshd(passwords=True)
    wrong = "wrong-secret-9f2c"
    login = {"host": sshd.host, "port": sshd.port, "username": sshd.username, "use_agent": False}
    answers = [
        server.post("/api/unified/connect", login | {"password": wrong}),
        server.post("/api/unified/connect", login | {"password": sshd.password, "passphrase": wrong}),
        server.post("/api/unified/connect", login | {"private_key": wrong, "passphrase": wrong}),
        server.post("/api/unified/connect", login | {"password": [wrong]}),
        server.get("/api/unified/status"),
        server.get("/api/ssh/sessions"),
    ]
    told = "".join(answer.text for answer in answers) + caplog.text
    stored = b"".join(path.read_bytes() for path in Path(server.settings.data_dir).rglob("*") if path.is_file())
    for secret in (wrong, sshd.password):
        assert secret not in told
        assert secret.encode() not in stored
