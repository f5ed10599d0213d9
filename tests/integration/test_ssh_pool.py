"""The pool on real servers: many connections, coming back by itself, and never with a login that was refused."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import AsyncIterator
from pathlib import Path

import asyncssh
import pytest
from tests.conftest import MakeSshd
from tests.support.connecting import HOST, key_of, make_pool, open_to, password, run_on, target_of
from tests.support.network import Proxy
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.errors import AuthenticationFailed, HostKeyChanged, NotConnected
from runferry.ssh import connection as ssh_connection
from runferry.ssh.connection import Target
from runferry.ssh.credentials import Credentials
from runferry.ssh.hostkeys import HostKeys
from runferry.ssh.pool import Backoff, Connection, ConnectionState, Pool


@pytest.fixture
async def pool(tmp_path: Path, home: Path) -> AsyncIterator[Pool]:
    pool = make_pool(tmp_path)
    yield pool
    await pool.close()


async def test_what_many_logins_leave_behind_does_not_stay_in_memory(
    tmp_path: Path, sshd: Sshd, monkeypatch: pytest.MonkeyPatch
) -> None:
    def count() -> int:
        return sum(isinstance(one, asyncssh.SSHClientConnection) for one in gc.get_objects())

    monkeypatch.setattr(ssh_connection, "LOGINS_PER_COLLECTION", 4)
    before = count()
    gc.disable()  # as rarely as Python looks at what is old
    try:
        for _ in range(16):
            link = await open_to(sshd, key_of(sshd), tmp_path)
            await link.close()
        assert count() - before <= 5
    finally:
        gc.enable()


async def is_up(connection: Connection) -> None:
    await eventually(lambda: connection.is_connected, what=f"connected ({connection.last_error})")


async def test_a_connection_tells_who_it_is_and_how_long_it_has_been_up(pool: Pool, sshd: Sshd) -> None:
    connection = await pool.connect(target_of(sshd), key_of(sshd))
    assert connection.id == f"{sshd.username}@{sshd.host}:{sshd.port}"
    assert connection.state == "connected"
    assert (connection.fingerprint, connection.host_key) == (sshd.host_key_fingerprint, "added")
    assert connection.target == target_of(sshd)
    assert connection.connected_at is not None
    await eventually(lambda: connection.uptime_seconds > 0)
    assert (connection.last_error, connection.next_try_at) == (None, None)
    assert pool.current is pool.get(connection.id) is connection


async def test_many_connections_live_side_by_side_and_the_last_one_is_current(pool: Pool, make_sshd: MakeSshd) -> None:
    servers = [make_sshd() for _ in range(6)]
    made = await asyncio.gather(*(pool.connect(target_of(server), key_of(server)) for server in servers))
    assert await asyncio.gather(*(run_on(one, "echo hello") for one in made)) == ["hello\n"] * 6
    await pool.connect(target_of(servers[2]), key_of(servers[2]))
    assert pool.current is made[2]
    assert await pool.disconnect(made[2].id)
    assert not await pool.disconnect(made[2].id)
    assert pool.current is not made[2]
    assert len(pool.connections) == 5
    await pool.close()
    await eventually(lambda: not any(server.child_pids() for server in servers))


async def test_a_broken_link_comes_back_by_itself(pool: Pool, sshd: Sshd) -> None:
    states: list[str] = []
    pool.subscribe(lambda connection: states.append(str(connection.state)))
    connection = await pool.connect(target_of(sshd), key_of(sshd))
    first = connection.connected_at
    sshd.drop_connections()
    await eventually(lambda: connection.state is ConnectionState.RECONNECTING)
    assert "lost: the connection broke" in (connection.last_error or "")
    assert connection.next_try_at is not None
    assert connection.uptime_seconds == 0
    link = await connection.link()
    assert link.is_open
    assert states == ["connected", "reconnecting", "connected"]
    assert connection.connected_at != first
    assert connection.last_error is None
    assert connection.host_key == "added", "what the user was told stays what it was"


async def test_a_server_that_is_down_for_a_while_is_tried_until_it_is_back(pool: Pool, sshd: Sshd) -> None:
    connection = await pool.connect(target_of(sshd), key_of(sshd))
    sshd.stop()
    await eventually(lambda: "refused" in (connection.last_error or ""))
    waiting = asyncio.create_task(connection.link())
    sshd.start()
    assert (await asyncio.wait_for(waiting, 10)).is_open


async def test_a_silent_network_is_noticed_by_keepalive(
    sshd: Sshd, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("runferry.ssh.connection.KEEPALIVE_SECONDS", 0.1)
    async with Proxy(sshd.port) as proxy:
        pool = make_pool(tmp_path, timeout=1.0)
        connection = await pool.connect(Target(HOST, proxy.port, sshd.username), key_of(sshd))
        proxy.freeze()
        await eventually(lambda: connection.state is ConnectionState.RECONNECTING)
        assert "the server stopped answering" in (connection.last_error or "")
        proxy.cut()
        proxy.thaw()
        await is_up(connection)
        await pool.close()


async def test_a_user_may_hurry_the_next_try(sshd: Sshd, tmp_path: Path, home: Path) -> None:
    pool = Pool(HostKeys(tmp_path / "known_hosts"), backoff=Backoff(first=3600, most=3600))
    connection = await pool.connect(target_of(sshd), key_of(sshd))
    sshd.drop_connections()
    await eventually(lambda: connection.state is ConnectionState.RECONNECTING)
    connection.retry_now()
    await is_up(connection)
    await pool.close()


async def test_a_password_changed_meanwhile_is_not_tried_twice(pool: Pool, make_sshd: MakeSshd) -> None:
    server = make_sshd(passwords=True)
    connection = await pool.connect(target_of(server), password(server.password))
    assert server.account is not None
    server.account.set_password("another-one")
    seen = len(server.log())
    server.drop_connections()
    await eventually(lambda: connection.state is ConnectionState.FAILED)
    with pytest.raises(AuthenticationFailed):
        await connection.link()
    assert (connection.last_error or "").startswith("Authentication failed: ")
    assert connection.next_try_at is None
    connection.retry_now()
    await asyncio.sleep(0)
    assert connection.state is ConnectionState.FAILED
    assert server.log()[seen:].count("Connection from") == 1

    again = await pool.connect(target_of(server), password("another-one"))
    assert again is connection
    assert connection.is_connected


async def test_a_key_changed_meanwhile_fails_the_connection(pool: Pool, sshd: Sshd) -> None:
    connection = await pool.connect(target_of(sshd), key_of(sshd))
    sshd.rotate_host_key()
    sshd.stop()
    sshd.start()
    await eventually(lambda: connection.state is ConnectionState.FAILED)
    with pytest.raises(HostKeyChanged):
        await connection.link()
    assert await pool.forget_host_key(connection.target)
    assert (await pool.connect(target_of(sshd), key_of(sshd))).is_connected


async def test_connecting_again_with_a_wrong_password_is_refused_and_the_link_lives(
    pool: Pool, make_sshd: MakeSshd
) -> None:
    server = make_sshd(passwords=True)
    connection = await pool.connect(target_of(server), password(server.password))
    link = await connection.link()
    with pytest.raises(AuthenticationFailed):
        await pool.connect(target_of(server), password("wrong"))
    assert await connection.link() is link
    assert await run_on(connection, "echo hello") == "hello\n"
    await eventually(lambda: len(server.child_pids()) == 1, what="the refused login is gone")


async def test_connecting_again_is_a_real_login_and_its_credentials_are_kept(pool: Pool, make_sshd: MakeSshd) -> None:
    server = make_sshd(passwords=True)
    connection = await pool.connect(target_of(server), password(server.password))
    assert server.account is not None
    server.account.set_password("another-one")
    link = await connection.link()
    assert await pool.connect(target_of(server), password("another-one")) is connection
    await eventually(lambda: server.log().count("Accepted") == 2)
    assert await connection.link() is link, "what runs over the link is not disturbed"
    server.drop_connections()
    await eventually(lambda: connection.state is ConnectionState.RECONNECTING)
    await is_up(connection)


async def test_connecting_again_says_that_the_key_is_known_and_leaves_the_link_alone(pool: Pool, sshd: Sshd) -> None:
    connection = await pool.connect(target_of(sshd), key_of(sshd))
    link = await connection.link()
    assert connection.host_key == "added"
    assert await pool.connect(target_of(sshd), key_of(sshd)) is connection
    assert connection.host_key == "known"
    assert await connection.link() is link


async def test_a_key_forgotten_and_changed_under_a_live_link_gets_a_new_link(pool: Pool, sshd: Sshd) -> None:
    connection = await pool.connect(target_of(sshd), key_of(sshd))
    link = await connection.link()
    sshd.rotate_host_key()  # what is open goes on
    assert await pool.forget_host_key(connection.target)
    assert await pool.connect(target_of(sshd), key_of(sshd)) is connection
    assert (connection.host_key, connection.fingerprint) == ("added", sshd.host_key_fingerprint)
    assert (await connection.link()).fingerprint == sshd.host_key_fingerprint
    await eventually(lambda: not link.is_open, what="the link to the old key has ended")


async def test_a_key_of_this_machine_does_not_stand_in_for_a_wrong_password(pool: Pool, sshd: Sshd, home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh/id_ed25519").write_bytes(sshd.client_key_path.read_bytes())
    connection = await pool.connect(target_of(sshd), Credentials())
    wrong = Credentials(password=password("wrong").password)
    with pytest.raises(AuthenticationFailed, match="rejected what was given"):
        await pool.connect(target_of(sshd), wrong)
    assert connection.is_connected
    await eventually(lambda: len(sshd.child_pids()) == 1)


async def test_a_refused_first_connect_leaves_nothing_behind(pool: Pool, make_sshd: MakeSshd) -> None:
    server = make_sshd(passwords=True)
    with pytest.raises(AuthenticationFailed):
        await pool.connect(target_of(server), password("wrong"))
    assert pool.connections == []
    assert pool.current is None
    await eventually(lambda: not server.child_pids())


async def test_disconnecting_ends_the_link_and_every_later_try(pool: Pool, sshd: Sshd) -> None:
    connection = await pool.connect(target_of(sshd), key_of(sshd))
    sshd.stop()
    await eventually(lambda: connection.state is ConnectionState.RECONNECTING)
    waiting = asyncio.create_task(connection.link())
    await pool.disconnect(connection.id)
    assert connection.state == "closed"
    with pytest.raises(NotConnected):
        await waiting
    sshd.start()
    assert "Connection from" not in sshd.log().rpartition("Server listening")[2]
    await connection.close()


async def test_one_target_connected_twice_at_once_is_one_connection(pool: Pool, sshd: Sshd) -> None:
    logins = (pool.connect(target_of(sshd), key_of(sshd)) for _ in range(3))
    made = await asyncio.gather(*logins)
    assert made[0] is made[1] is made[2]
    await eventually(lambda: len(sshd.child_pids()) == 1)
    await eventually(lambda: sshd.log().count("Accepted publickey") == 3)
    assert (await made[0].link()).is_open


async def test_a_closed_pool_connects_nothing(pool: Pool, sshd: Sshd) -> None:
    await pool.connect(target_of(sshd), key_of(sshd))
    await pool.close()
    await pool.close()
    with pytest.raises(NotConnected):
        await pool.connect(target_of(sshd), key_of(sshd))
    await eventually(lambda: not sshd.child_pids())


async def test_a_subscriber_may_leave(pool: Pool, sshd: Sshd) -> None:
    seen: list[str] = []
    leave = pool.subscribe(lambda connection: seen.append(connection.id))
    await pool.connect(target_of(sshd), key_of(sshd))
    leave()
    leave()
    await pool.close()
    assert len(seen) == 1
