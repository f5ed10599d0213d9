"""Whose key is it: first use, strict mode, changed keys, and what is never sent to the wrong machine."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from tests.conftest import MakeSshd
from tests.support.connecting import QUICK, key_of, open_to, password, target_of
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.errors import ConnectionFailed, HostKeyChanged, HostKeyUnconfirmed
from runferry.ssh.connection import open_link
from runferry.ssh.credentials import Credentials
from runferry.ssh.hostkeys import HostKeys
from runferry.ssh.link import Link
from runferry.ssh.pool import Pool
from runferry.ssh.sshconfig import resolve_route
from runferry.ssh.target import Target


async def open_with(server: Sshd, keys: HostKeys, credentials: Credentials | None = None) -> Link:
    route = resolve_route(target_of(server), None)
    return await open_link(route, credentials or key_of(server), keys, timeout=10)


def run_keygen(*arguments: str) -> None:
    subprocess.run(["ssh-keygen", "-q", *arguments], check=True, capture_output=True)


def known_line(server: Sshd) -> str:
    return f"[{server.host}]:{server.port} {server.host_public_key}\n"


async def test_a_new_key_is_trusted_once_and_remembered_privately(sshd: Sshd, tmp_path: Path) -> None:
    path = tmp_path / "data/known_hosts"
    keys = HostKeys(path)
    states = []
    for _ in range(2):
        link = await open_with(sshd, keys)
        states.append(link.host_key_state)
        await link.close()
    assert states == ["added", "known"]
    assert path.read_text().split()[:3] == known_line(sshd).split()[:3]
    assert path.read_text().count("\n") == 1
    assert path.stat().st_mode & 0o777 == 0o600


async def test_a_changed_key_is_refused_before_any_login_is_tried(make_sshd: MakeSshd, tmp_path: Path) -> None:
    server = make_sshd(passwords=True)
    keys = HostKeys(tmp_path / "known_hosts")
    await (await open_with(server, keys, password(server.password))).close()
    await eventually(lambda: not server.child_pids(), what="the server has said all of the first connection")
    before = server.host_key_fingerprint
    server.rotate_host_key()
    seen = len(server.log())
    with pytest.raises(HostKeyChanged) as caught:
        await open_with(server, keys, password(server.password))
    assert caught.value.extra() == {
        "host": server.host,
        "fingerprint": server.host_key_fingerprint,
        "known_fingerprint": before,
    }
    assert before in str(caught.value)
    assert server.host_key_fingerprint in str(caught.value)
    server.stop()  # everything it had to say is in the log now
    after = server.log()[seen:]
    after = after[after.index("Connection from") :]
    for word in ("password", "keyboard-interactive", server.username, "Failed", "Accepted"):
        assert word not in after


async def test_a_forgotten_key_makes_room_for_the_new_one(sshd: Sshd, tmp_path: Path) -> None:
    keys = HostKeys(tmp_path / "known_hosts")
    await (await open_with(sshd, keys)).close()
    sshd.rotate_host_key()
    assert keys.forget(sshd.host, sshd.port)
    assert not keys.forget(sshd.host, sshd.port)
    link = await open_with(sshd, keys)
    assert (link.host_key_state, link.fingerprint) == ("added", sshd.host_key_fingerprint)
    await link.close()


async def test_strict_mode_asks_first_and_takes_only_the_confirmed_key(sshd: Sshd, tmp_path: Path) -> None:
    keys = HostKeys(tmp_path / "known_hosts", is_strict=True)
    pool = Pool(keys, backoff=QUICK)
    with pytest.raises(HostKeyUnconfirmed) as caught:
        await pool.connect(target_of(sshd), key_of(sshd))
    assert caught.value.fingerprint == sshd.host_key_fingerprint
    assert not (tmp_path / "known_hosts").exists()
    await pool.confirm_host_key(target_of(sshd), "SHA256:of-another-one")
    with pytest.raises(HostKeyUnconfirmed):
        await pool.connect(target_of(sshd), key_of(sshd))
    await pool.confirm_host_key(target_of(sshd), sshd.host_key_fingerprint)
    connection = await pool.connect(target_of(sshd), key_of(sshd))
    assert connection.host_key == "added"
    await pool.close()


async def test_a_named_key_is_the_only_new_one_taken_also_without_strict_mode(sshd: Sshd, tmp_path: Path) -> None:
    pool = Pool(HostKeys(tmp_path / "known_hosts"), backoff=QUICK)
    await pool.confirm_host_key(target_of(sshd), "SHA256:of-another-one")
    with pytest.raises(HostKeyUnconfirmed):
        await pool.connect(target_of(sshd), key_of(sshd))
    assert not (tmp_path / "known_hosts").exists()
    await pool.confirm_host_key(target_of(sshd), sshd.host_key_fingerprint)
    assert (await pool.connect(target_of(sshd), key_of(sshd))).host_key == "added"
    await pool.close()


async def test_strict_mode_confirms_each_hop_of_a_way(make_sshd: MakeSshd, tmp_path: Path) -> None:
    jump, end = make_sshd(), make_sshd()
    (tmp_path / "config").write_text(
        f"Host end\n  HostName {end.host}\n  Port {end.port}\n  User {end.username}\n"
        f"  IdentityFile {end.client_key_path}\n  ProxyJump jump\n"
        f"Host jump\n  HostName {jump.host}\n  Port {jump.port}\n  User {jump.username}\n"
        f"  IdentityFile {jump.client_key_path}\n"
    )
    pool = Pool(HostKeys(tmp_path / "known_hosts", is_strict=True), ssh_config=tmp_path / "config", backoff=QUICK)
    target = Target("end")
    for server in (jump, end):
        with pytest.raises(HostKeyUnconfirmed) as caught:
            await pool.connect(target, Credentials(use_agent=True))
        assert caught.value.fingerprint == server.host_key_fingerprint
        await pool.confirm_host_key(target, caught.value.fingerprint)
    assert (await pool.connect(target, Credentials(use_agent=True))).is_connected
    await pool.close()


async def test_the_users_known_hosts_is_read_and_never_written(sshd: Sshd, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text(known_line(sshd))
    before = theirs.stat()
    link = await open_with(sshd, HostKeys(tmp_path / "ours", also=[theirs], is_strict=True))
    assert link.host_key_state == "known"
    await link.close()
    assert not (tmp_path / "ours").exists()
    sshd.rotate_host_key()
    with pytest.raises(HostKeyChanged, match=str(theirs)):
        await open_with(sshd, HostKeys(tmp_path / "ours", also=[theirs]))
    assert theirs.stat().st_mtime_ns == before.st_mtime_ns


async def test_hashed_entries_of_ssh_keygen_count(sshd: Sshd, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text(known_line(sshd))
    run_keygen("-H", "-f", str(theirs))
    assert sshd.host not in theirs.read_text()
    link = await open_with(sshd, HostKeys(tmp_path / "ours", also=[theirs], is_strict=True))
    assert link.host_key_state == "known"
    await link.close()


async def test_a_revoked_key_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    theirs = tmp_path / "theirs"
    theirs.write_text(f"@revoked * {sshd.host_public_key}\n")
    with pytest.raises(HostKeyChanged, match="revoked"):
        await open_with(sshd, HostKeys(tmp_path / "ours", also=[theirs]))


async def test_a_key_signed_by_a_known_authority_is_trusted(make_sshd: MakeSshd, tmp_path: Path) -> None:
    ca, host = str(tmp_path / "ca"), str(tmp_path / "host")
    run_keygen("-t", "ed25519", "-N", "", "-f", ca)
    run_keygen("-t", "ed25519", "-N", "", "-f", host)
    run_keygen("-s", ca, "-I", "x", "-h", "-n", "127.0.0.1", f"{host}.pub")
    extra = f"HostKey {tmp_path}/host\nHostCertificate {tmp_path}/host-cert.pub"
    server = make_sshd(extra_config=extra, host_keys=())
    theirs = tmp_path / "theirs"
    theirs.write_text(f"@cert-authority * {(tmp_path / 'ca.pub').read_text()}")
    link = await open_with(server, HostKeys(tmp_path / "ours", also=[theirs], is_strict=True))
    assert link.host_key_state == "known"
    await link.close()


@pytest.mark.parametrize("known", ["rsa", "ecdsa", "ed25519"])
async def test_a_server_with_several_keys_never_looks_changed(make_sshd: MakeSshd, tmp_path: Path, known: str) -> None:
    """Whichever of its keys is known, that one is asked for."""
    server = make_sshd(host_keys=(known, *({"rsa", "ecdsa", "ed25519"} - {known})))
    theirs = tmp_path / "theirs"
    theirs.write_text(known_line(server))
    link = await open_with(server, HostKeys(tmp_path / "ours", also=[theirs], is_strict=True))
    assert link.fingerprint == server.host_key_fingerprint
    await link.close()


async def test_another_kind_of_key_than_the_known_one_is_a_change(make_sshd: MakeSshd, tmp_path: Path) -> None:
    server = make_sshd(host_keys=("rsa",))
    other = make_sshd()
    theirs = tmp_path / "theirs"
    theirs.write_text(f"[{server.host}]:{server.port} {other.host_public_key}\n")
    with pytest.raises(HostKeyChanged):
        await open_with(server, HostKeys(tmp_path / "ours", also=[theirs]))


async def test_a_key_of_port_22_says_nothing_about_another_port(
    sshd: Sshd, make_sshd: MakeSshd, tmp_path: Path
) -> None:
    other = make_sshd()
    theirs = tmp_path / "theirs"
    theirs.write_text(f"{sshd.host} {other.host_public_key}\n")
    link = await open_with(sshd, HostKeys(tmp_path / "ours", also=[theirs]))
    assert link.host_key_state == "added"
    await link.close()


async def test_a_key_is_learned_from_a_refused_login_too(make_sshd: MakeSshd, tmp_path: Path) -> None:
    server = make_sshd()
    with pytest.raises(Exception, match="Authentication failed"):
        await open_to(server, password("x"), tmp_path)
    assert (tmp_path / "known_hosts").read_text().startswith(f"[{server.host}]:{server.port} ")


async def test_a_key_that_cannot_be_remembered_stops_the_connect(sshd: Sshd, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConnectionFailed, match="could not be remembered"):
        await open_with(sshd, HostKeys(tmp_path / "file/known_hosts"))
