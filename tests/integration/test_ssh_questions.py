"""Servers that ask questions to log in: half-open logins, answers, patience."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.support.connecting import HOST, make_pool, password
from tests.support.questioner import Questioner
from tests.support.waiting import eventually

from runferry.errors import AnswersNeeded, AuthenticationFailed, InvalidRequest
from runferry.ssh.connection import Target
from runferry.ssh.credentials import Credentials
from runferry.ssh.pool import ConnectionState, Pool

PASSWORD = ("Password: ", False, "first")
CODE = ("Verification code: ", True, "123456")


@pytest.fixture
async def pool(tmp_path: Path, home: Path) -> AsyncIterator[Pool]:
    pool = make_pool(tmp_path)
    yield pool
    await pool.close()


def target(server: Questioner, username: str = "ann") -> Target:
    return Target(HOST, server.port, username)


async def ask(pool: Pool, server: Questioner, credentials: Credentials) -> AnswersNeeded:
    with pytest.raises(AnswersNeeded) as caught:
        await pool.connect(target(server), credentials)
    return caught.value


async def test_two_prompts_are_handed_out_and_their_answers_log_in(pool: Pool) -> None:
    async with Questioner([("Colour? ", True, "blue"), ("PIN: ", False, "42")]) as server:
        needed = await ask(pool, server, Credentials())
        assert needed.extra()["prompts"] == [
            {"text": "Colour? ", "echo": True},
            {"text": "PIN: ", "echo": False},
        ]
        connection = await pool.connect(target(server), Credentials(), attempt=needed.attempt, answers=("blue", "42"))
        assert connection.is_connected
        assert (server.logins, server.connections) == (1, 1)


async def test_the_password_answers_its_own_prompt_and_only_the_code_is_asked(pool: Pool) -> None:
    async with Questioner([PASSWORD], [CODE], instructions="Look at your phone.") as server:
        needed = await ask(pool, server, password("first"))
        assert needed.prompts == (("Look at your phone.\nVerification code: ", True),)
        await pool.connect(target(server), password("first"), attempt=needed.attempt, answers=("123456",))
        assert server.answers == [("first",), ("123456",)]


async def test_questions_may_come_in_several_rounds(pool: Pool) -> None:
    async with Questioner([CODE], [("Again: ", True, "x")]) as server:
        first = await ask(pool, server, Credentials())
        with pytest.raises(AnswersNeeded) as caught:
            await pool.connect(target(server), Credentials(), attempt=first.attempt, answers=("123456",))
        second = caught.value
        assert second.prompts == (("Again: ", True),)
        connection = await pool.connect(target(server), Credentials(), attempt=second.attempt, answers=("x",))
        assert connection.is_connected


async def test_a_wrong_answer_is_refused_and_not_tried_again(pool: Pool) -> None:
    async with Questioner([CODE]) as server:
        needed = await ask(pool, server, Credentials())
        with pytest.raises(AuthenticationFailed, match=r"\(tried: questions\)"):
            await pool.connect(target(server), Credentials(), attempt=needed.attempt, answers=("000000",))
        assert server.answers == [("000000",)]
        await eventually(lambda: not server.open_connections)
        with pytest.raises(InvalidRequest, match="unknown or over"):
            await pool.connect(target(server), Credentials(), attempt=needed.attempt, answers=("123456",))


async def test_a_wrong_number_of_answers_keeps_the_attempt(pool: Pool) -> None:
    async with Questioner([CODE]) as server:
        needed = await ask(pool, server, Credentials())
        with pytest.raises(InvalidRequest, match="1 expected, 2 given"):
            await pool.connect(target(server), Credentials(), attempt=needed.attempt, answers=("1", "2"))
        await pool.connect(target(server), Credentials(), attempt=needed.attempt, answers=("123456",))


async def test_an_attempt_is_for_its_own_target_only(pool: Pool) -> None:
    async with Questioner([CODE]) as server:
        needed = await ask(pool, server, Credentials())
        with pytest.raises(InvalidRequest, match="unknown or over"):
            await pool.connect(target(server, "bob"), Credentials(), attempt=needed.attempt, answers=("123456",))


async def test_nobody_answering_ends_the_attempt_and_its_connection(tmp_path: Path, home: Path) -> None:
    pool = make_pool(tmp_path, patience=0.2)
    async with Questioner([CODE]) as server:
        needed = await ask(pool, server, Credentials())
        assert server.open_connections == 1
        await eventually(lambda: not server.open_connections)
        with pytest.raises(InvalidRequest):
            await pool.connect(target(server), Credentials(), attempt=needed.attempt, answers=("123456",))
    await pool.close()


async def test_thinking_does_not_count_against_the_connect_timeout(tmp_path: Path, home: Path) -> None:
    pool = make_pool(tmp_path, timeout=0.6)
    async with Questioner([CODE]) as server:
        needed = await ask(pool, server, Credentials())
        asked_at = time.monotonic()
        await eventually(lambda: time.monotonic() > asked_at + 0.8, what="longer than the timeout")
        connection = await pool.connect(target(server), Credentials(), attempt=needed.attempt, answers=("123456",))
        assert connection.is_connected
    await pool.close()


async def test_half_open_logins_are_few_and_the_oldest_gives_way(pool: Pool) -> None:
    async with Questioner([CODE]) as server:
        attempts = [await ask(pool, server, Credentials()) for _ in range(9)]
        await eventually(lambda: server.open_connections == 8)
        with pytest.raises(InvalidRequest):
            await pool.connect(target(server), Credentials(), attempt=attempts[0].attempt, answers=("123456",))
        await pool.close()
        await eventually(lambda: not server.open_connections)


async def test_a_login_that_took_a_person_does_not_come_back_by_itself(pool: Pool) -> None:
    async with Questioner([CODE]) as server:
        needed = await ask(pool, server, Credentials())
        connection = await pool.connect(target(server), Credentials(), attempt=needed.attempt, answers=("123456",))
        server.drop_connections()
        await eventually(lambda: connection.state is ConnectionState.FAILED)
        assert "connect again" in (connection.last_error or "")
        with pytest.raises(AuthenticationFailed):
            await connection.link()
        assert server.connections == 1


async def test_a_password_prompt_nobody_has_a_password_for_is_a_refused_login(pool: Pool) -> None:
    async with Questioner([PASSWORD]) as server:
        with pytest.raises(AuthenticationFailed):
            await pool.connect(target(server), Credentials())
        assert server.answers == []


async def test_prompts_from_a_server_are_made_harmless(pool: Pool) -> None:
    async with Questioner([("\x1b[31mCode\x07:" + "x" * 2000, True, "1")]) as server:
        needed = await ask(pool, server, Credentials())
        text = needed.prompts[0][0]
        assert text.startswith("[31mCode:x")
        assert len(text) == 500
