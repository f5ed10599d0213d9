"""Logging in to Debian's sshd with everything a user may give."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncssh
import pytest
from tests.conftest import MakeSshd
from tests.support.connecting import Output, key_of, open_to, password, run
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.errors import AuthenticationFailed, ConnectionLost, InvalidCredentials, RemoteFailed
from runferry.ssh.credentials import Credentials, Secret

PASSPHRASE = "correct horse"


@pytest.fixture
def agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, home: Path) -> Iterator[Path]:
    """A running, empty ssh-agent, as the environment of the program names it."""
    path = tmp_path / "agent"
    process = subprocess.Popen(["ssh-agent", "-D", "-a", str(path)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()  # it says where it listens once it does
    monkeypatch.setenv("SSH_AUTH_SOCK", str(path))
    yield path
    process.terminate()
    process.wait()
    process.stdout.close()


def add_to_agent(server: Sshd) -> None:
    subprocess.run(["ssh-add", "-q", str(server.client_key_path)], check=True, capture_output=True)


async def test_a_key_file_logs_in_and_commands_run(sshd: Sshd, tmp_path: Path) -> None:
    link = await open_to(sshd, key_of(sshd), tmp_path)
    assert await run(link, "echo hello") == "hello\n"
    assert link.fingerprint == sshd.host_key_fingerprint
    assert (link.host_key_state, link.is_by_given, link.was_interactive) == ("added", True, False)
    await link.close()
    await link.close()
    assert not link.is_open


async def test_key_text_logs_in_whatever_its_line_ends(sshd: Sshd, tmp_path: Path) -> None:
    text = sshd.client_key_path.read_text().replace("\n", "\r\n")
    link = await open_to(sshd, Credentials(private_key=Secret(text), use_agent=False), tmp_path)
    assert await run(link, "echo hello") == "hello\n"
    await link.close()


@pytest.mark.parametrize("is_file", [True, False])
async def test_a_passphrase_opens_an_encrypted_key(sshd: Sshd, tmp_path: Path, *, is_file: bool) -> None:
    path = encrypt_key(sshd, tmp_path)
    credentials = Credentials(
        private_key=None if is_file else Secret(path.read_text()),
        private_key_path=str(path) if is_file else None,
        passphrase=Secret(PASSPHRASE),
        use_agent=False,
    )
    link = await open_to(sshd, credentials, tmp_path)
    assert link.is_open
    await link.close()


@pytest.mark.parametrize(
    ("passphrase", "words"), [(None, "give its passphrase"), ("wrong", "passphrase does not open")]
)
async def test_an_encrypted_key_that_cannot_be_opened_says_why(
    sshd: Sshd, tmp_path: Path, passphrase: str | None, words: str
) -> None:
    path = str(encrypt_key(sshd, tmp_path))
    credentials = Credentials(private_key_path=path, passphrase=Secret.of(passphrase), use_agent=False)
    with pytest.raises(InvalidCredentials, match=words):
        await open_to(sshd, credentials, tmp_path)
    assert "Connection from" not in sshd.log()


async def test_a_password_logs_in(make_sshd: MakeSshd, tmp_path: Path) -> None:
    server = make_sshd(passwords=True)
    link = await open_to(server, password(server.password), tmp_path)
    assert await run(link, "id -un") == f"{server.username}\n"
    await link.close()


@pytest.mark.parametrize("method", ["PasswordAuthentication no", "KbdInteractiveAuthentication no"])
async def test_a_password_logs_in_by_either_method(make_sshd: MakeSshd, tmp_path: Path, method: str) -> None:
    server = make_sshd(passwords=True, extra_config=method)
    link = await open_to(server, password(server.password), tmp_path)
    assert link.is_open
    assert not link.was_interactive
    await link.close()


async def test_a_wrong_password_is_refused_after_one_try(make_sshd: MakeSshd, tmp_path: Path) -> None:
    server = make_sshd(passwords=True)
    with pytest.raises(AuthenticationFailed, match=r"^Authentication failed: .*\(tried: password\)") as caught:
        await open_to(server, password("not-this-one"), tmp_path)
    assert "not-this-one" not in str(caught.value)
    log = server.log()
    assert log.count("PAM: Authentication failure") + log.count("Failed password") == 1
    await eventually(lambda: not server.child_pids(), what="nothing stays open")


async def test_a_key_the_server_does_not_know_is_refused(sshd: Sshd, tmp_path: Path) -> None:
    path = write_key(tmp_path / "other")
    with pytest.raises(AuthenticationFailed, match=r"^Authentication failed: "):
        await open_to(sshd, Credentials(private_key_path=str(path), use_agent=False), tmp_path)


async def test_the_agent_is_asked_when_allowed_and_only_then(sshd: Sshd, tmp_path: Path, agent: Path) -> None:
    add_to_agent(sshd)
    link = await open_to(sshd, Credentials(), tmp_path)
    assert not link.is_by_given
    await link.close()
    other = str(write_key(tmp_path / "other"))
    with pytest.raises(AuthenticationFailed):
        await open_to(sshd, Credentials(private_key_path=other, use_agent=False), tmp_path)


async def test_what_was_given_is_offered_before_the_agents_keys(sshd: Sshd, tmp_path: Path, agent: Path) -> None:
    add_to_agent(sshd)
    key = asyncssh.generate_private_key("ssh-ed25519")
    sshd.authorize(key.export_public_key())
    given = Credentials(private_key=Secret(key.export_private_key().decode()))
    link = await open_to(sshd, given, tmp_path)
    assert link.is_by_given
    await link.close()
    assert key.get_fingerprint() in sshd.log()
    assert sshd.client_key.get_fingerprint() not in sshd.log()


async def test_the_default_identities_of_the_home_are_tried(sshd: Sshd, tmp_path: Path, home: Path) -> None:
    (home / ".ssh").mkdir()
    (home / ".ssh/id_ed25519").write_bytes(sshd.client_key_path.read_bytes())
    link = await open_to(sshd, Credentials(), tmp_path)
    assert link.is_open
    await link.close()
    with pytest.raises(AuthenticationFailed):
        await open_to(sshd, password("x"), tmp_path)


async def test_a_dead_agent_is_passed_over(
    sshd: Sshd, tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_AUTH_SOCK", str(tmp_path / "nobody"))
    with pytest.raises(AuthenticationFailed):
        await open_to(sshd, Credentials(), tmp_path)


async def test_no_secret_is_logged_or_shown(
    make_sshd: MakeSshd, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    server = make_sshd(passwords=True)
    key = server.client_key_path.read_text()
    given = Credentials(Secret(server.password), Secret(key), passphrase=Secret(PASSPHRASE), use_agent=False)
    link = await open_to(server, given, tmp_path)
    await link.close()
    with pytest.raises(AuthenticationFailed) as caught:
        await open_to(server, password("wrong-secret"), tmp_path)
    seen = caplog.text + repr(given) + str(given) + repr(caught.value)
    for secret in (server.password, key.splitlines()[1], PASSPHRASE, "wrong-secret"):
        assert secret not in seen


async def test_sftp_starts_and_a_server_without_it_is_told(make_sshd: MakeSshd, sshd: Sshd, tmp_path: Path) -> None:
    link = await open_to(sshd, key_of(sshd), tmp_path)
    sftp = await link.start_sftp()
    assert tmp_path.name in await sftp.listdir(str(tmp_path.parent))
    sftp.exit()
    await link.close()
    no_sftp = make_sshd(force_command="/bin/true")
    link = await open_to(no_sftp, key_of(no_sftp), tmp_path)
    with pytest.raises(RemoteFailed):
        await link.start_sftp()
    await link.close()


async def test_where_one_session_is_allowed_each_may_follow_on_the_heels_of_the_last(
    make_sshd: MakeSshd, tmp_path: Path
) -> None:
    server = make_sshd(extra_config="MaxSessions 1")
    link = await open_to(server, key_of(server), tmp_path)
    for _ in range(5):
        channel, _ = await link.open_channel("sleep 0.05", Output)
        channel.close()  # the server hears of it together with the next request
    sftp = await link.start_sftp()
    with pytest.raises(RemoteFailed, match="refused: open failed"):
        await link.open_channel("true", Output)
    sftp.exit()
    assert await run(link, "echo freed") == "freed\n"
    await link.close()


async def test_a_broken_link_says_so(sshd: Sshd, tmp_path: Path) -> None:
    link = await open_to(sshd, key_of(sshd), tmp_path)
    assert link.loss_reason == ""
    sshd.drop_connections()
    await link.wait_closed()
    assert not link.is_open
    assert link.loss_reason == "the connection broke"
    with pytest.raises(ConnectionLost):
        await run(link, "true")
    await link.close()


async def test_commands_get_no_terminal_and_nothing_of_our_environment(
    sshd: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LC_SECRET", "x")
    link = await open_to(sshd, key_of(sshd), tmp_path)
    output = await run(link, "tty; env")
    await link.close()
    assert "not a tty" in output
    assert "LC_SECRET" not in output
    assert "SSH_AUTH_SOCK" not in output


def encrypt_key(server: Sshd, folder: Path) -> Path:
    path = folder / "encrypted"
    # as many rounds as ssh-keygen's: asyncssh would take a second for its own
    path.write_bytes(server.client_key.export_private_key(passphrase=PASSPHRASE, rounds=16, ignore_few_rounds=True))
    return path


def write_key(path: Path) -> Path:
    path.write_bytes(asyncssh.generate_private_key("ssh-ed25519").export_private_key())
    return path
