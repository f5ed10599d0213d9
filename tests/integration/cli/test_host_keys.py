"""Host keys at the command line: asked about, named in advance, changed and forgotten."""

from __future__ import annotations

from pathlib import Path

from tests.integration.cli.driver import Cli, TerminalSession, at
from tests.support.sshd import Sshd

Key = tuple[str, str]
STRICT = "strict_host_keys = true\n"


def test_a_person_is_shown_a_new_key_and_asked_before_it_is_trusted(cli: Cli, sshd: Sshd, key: Key) -> None:
    cli.write_settings(STRICT)
    session = TerminalSession(cli, "connect", at(sshd), *key)
    session.answer(f"is new: {sshd.host_key_fingerprint}\r\nTrust it? [y/N]", "y")
    code, shown = session.finish()
    assert code == 0, shown
    assert "new, now remembered" in shown
    assert cli.run("connect", at(sshd), *key).code == 0, "once is enough"


def test_anything_but_yes_is_a_no(cli: Cli, sshd: Sshd, key: Key) -> None:
    cli.write_settings(STRICT)
    for answer in ("", "n", "sure"):
        session = TerminalSession(cli, "connect", at(sshd), *key)
        session.answer("Trust it? [y/N]", answer)
        code, shown = session.finish()
        assert code == 16, shown
    assert not (cli.data_dir / "known_hosts").exists()
    assert "Accepted" not in sshd.log()


def test_without_a_terminal_a_new_key_ends_with_what_to_do(cli: Cli, sshd: Sshd, key: Key, tmp_path: Path) -> None:
    cli.write_settings(STRICT)
    (tmp_path / "tree").mkdir()
    where = at(sshd, str(tmp_path / "tree"))
    option = f"--accept-fingerprint {sshd.host_key_fingerprint}"
    for words in (("connect", at(sshd)), ("ls", where), ("sync", where, "--once")):
        done = cli.run(*words, *key)
        assert done.code == 16, done
        assert option in done.err
    assert cli.run("ls", where, *option.split(), *key).code == 0
    assert cli.run("sync", where, "--once", *key).code == 0, "it is known now"


def test_a_sync_takes_the_named_key_too(cli: Cli, sshd: Sshd, key: Key, tmp_path: Path) -> None:
    cli.write_settings(STRICT)
    (tmp_path / "tree").mkdir()
    words = ("sync", at(sshd, str(tmp_path / "tree")), "--once", "--accept-fingerprint", sshd.host_key_fingerprint)
    done = cli.run(*words, *key)
    assert done.code == 0, done


def test_naming_a_key_means_no_other_new_one_is_trusted_whatever_the_settings(cli: Cli, sshd: Sshd, key: Key) -> None:
    done = cli.run("connect", at(sshd), "--accept-fingerprint", "SHA256:another", *key)
    assert done.code == 16, done
    assert sshd.host_key_fingerprint in done.err
    assert "Accepted" not in sshd.log()


def test_the_doctor_asks_about_a_new_key_too(cli: Cli, sshd: Sshd, key: Key) -> None:
    cli.write_settings(STRICT)
    assert cli.run("doctor", at(sshd), *key).code == 16
    session = TerminalSession(cli, "doctor", at(sshd), *key)
    session.answer("Trust it? [y/N]", "yes")
    code, shown = session.finish()
    assert code == 0, shown
    assert "ok    host key" in shown


def test_a_changed_key_is_forgotten_on_purpose_and_the_new_one_learned(cli: Cli, sshd: Sshd, key: Key) -> None:
    assert cli.run("connect", at(sshd), *key).code == 0
    sshd.rotate_host_key()
    refused = cli.run("connect", at(sshd), *key)
    assert refused.code == 15
    assert "runferry forget-host-key" in refused.err
    where = f"{sshd.host}:{sshd.port}"
    done = cli.run("forget-host-key", where)
    assert (done.code, "Forgotten" in done.out) == (0, True), done
    learned = cli.run("connect", at(sshd), *key)
    assert f"{sshd.host_key_fingerprint} (new, now remembered)" in learned.out
    assert cli.run("forget-host-key", where).code == 0
    assert "No key of it was learned" in cli.run("forget-host-key", where).out


def test_a_key_is_forgotten_by_the_alias_of_its_server_and_in_a_running_one(cli: Cli, sshd: Sshd, key: Key) -> None:
    cli.write_ssh_config(f"Host gpu\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User {sshd.username}\n")
    with cli.serve():
        assert cli.run("connect", "gpu", *key).code == 0
        assert "Forgotten" in cli.run("forget-host-key", "gpu").out
        assert cli.run("forget-host-key", "user@").code == 2
