"""serve, connect, disconnect, ls, doctor: what is done with servers."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from pathlib import Path
from tempfile import TemporaryFile

import pytest
from tests.conftest import MakeSshd
from tests.integration.cli.driver import Cli, TerminalSession, at, read_whole
from tests.support.loaded import start_loaded
from tests.support.network import closed_port, silent_port
from tests.support.questioner import Questioner
from tests.support.sshd import Sshd

Key = tuple[str, str]


def test_the_version_and_the_help_are_told_without_a_data_directory(cli: Cli) -> None:
    assert cli.run("--version").out.startswith("runferry ")
    assert "sync" in cli.run("--help").out
    assert not cli.data_dir.exists()


@pytest.mark.parametrize("host", ["192.168.1.4", "example.org", "::"])
def test_serving_strangers_is_refused_with_the_way_to_do_it_right(cli: Cli, host: str) -> None:
    done = cli.run("serve", "--host", host, "--port", "0", "--no-browser")
    assert done.code == 2
    assert "without a token" in done.err
    assert "ssh -L" in done.err
    assert not cli.data_dir.exists()


def test_a_running_server_is_found_by_its_data_directory_and_ends_cleanly(cli: Cli) -> None:
    with cli.start("serve", "--port", "0", "--no-browser") as server:
        url = server.wait_for("Runferry runs at").split("at ", 1)[1].split()[0]
        told = json.loads((cli.data_dir / "server.json").read_text())
        assert told["url"] == url
        assert url in cli.run("status").err
        assert cli.run("status", "--url", url).code == 0
        server.end(signal.SIGINT)
        assert not (cli.data_dir / "server.json").exists()
        assert "Traceback" not in server.output


def test_a_place_where_no_data_can_be_kept_is_told_in_a_sentence(cli: Cli) -> None:
    for command in ("runs", "serve"):
        done = cli.run(command, "--data-dir", "/proc/none")
        assert done.code == 2, done
        assert done.err.startswith("runferry: Data cannot be kept in /proc/none: "), done.err
        assert "--data-dir" in done.err


@pytest.mark.parametrize("words", [("runs",), ("runs", "--json"), ("export", "-q", "")])
def test_output_to_a_full_disk_is_told_in_a_sentence(cli: Cli, words: tuple[str, ...]) -> None:
    with Path("/dev/full").open("wb") as full, TemporaryFile() as err:
        command = start_loaded(*words, environment=cli.environment, stdout=full.fileno(), stderr=err.fileno())
        assert command.wait(40) == 23
        told = read_whole(err).splitlines()
    assert told[-1] == "runferry: The output cannot be written: the disk is full."
    assert not any("Traceback" in line or "Exception" in line for line in told)


def test_a_second_server_in_one_data_directory_is_refused(cli: Cli) -> None:
    with cli.serve():
        done = cli.run("serve", "--port", "0", "--no-browser")
    assert done.code == 14
    assert str(cli.data_dir) in done.err


def test_what_a_killed_server_left_behind_does_not_mislead_a_command(cli: Cli) -> None:
    with closed_port() as port:
        cli.write_settings("")
        (cli.data_dir / "server.json").write_text(json.dumps({"url": f"http://127.0.0.1:{port}", "pid": 1}))
        assert cli.run("runs").code == 0


def test_a_server_that_does_not_answer_has_its_own_exit_code(cli: Cli) -> None:
    with closed_port() as port:
        done = cli.run("runs", "--url", f"http://127.0.0.1:{port}")
    assert done.code == 4
    assert f"http://127.0.0.1:{port}" in done.err
    assert cli.run("runs", "--url", "nonsense").code == 2


def test_what_only_asks_a_server_loads_none_of_what_makes_one(cli: Cli) -> None:
    cli.environment["PYTHONPROFILEIMPORTTIME"] = "1"
    with closed_port() as port:
        for words in (("--help",), ("runs", "--url", f"http://127.0.0.1:{port}")):
            loaded = {line.rpartition("|")[2].strip() for line in cli.run_anew(*words).err.splitlines()}
            assert "runferry.cli.runs" in loaded
            assert not loaded & {"alembic", "asyncssh", "fastapi", "numpy", "sqlalchemy", "uvicorn"}


def test_connect_shows_the_fingerprint_and_knows_it_the_next_time(cli: Cli, sshd: Sshd, key: Key) -> None:
    with cli.serve():
        first = cli.run("connect", at(sshd), *key)
        assert first.code == 0, first
        assert f"{sshd.host_key_fingerprint} (new, now remembered)" in first.out
        assert "transport  agent" in first.out
        assert f"{at(sshd)}  connected" in cli.run("status").out
        assert at(sshd) in cli.run("disconnect", at(sshd)).out
        assert f"{sshd.host_key_fingerprint} (known)" in cli.run("connect", at(sshd), *key).out
        assert cli.run("disconnect", at(sshd)).code == 0
        assert "Not connected" in cli.run("status").out
        assert cli.run("disconnect", at(sshd)).code == 12


def test_a_changed_host_key_is_refused_with_both_fingerprints(cli: Cli, sshd: Sshd, key: Key) -> None:
    assert cli.run("connect", at(sshd), *key).code == 0
    old = sshd.host_key_fingerprint
    sshd.rotate_host_key()
    done = cli.run("connect", at(sshd), *key)
    assert done.code == 15
    assert f"the key we know:  {old}" in done.err
    assert f"the key it shows: {sshd.host_key_fingerprint}" in done.err


def test_each_way_to_fail_has_its_exit_code_and_its_sentence(cli: Cli, sshd: Sshd) -> None:
    cli.write_settings("connect_timeout = 1.0\n")
    rejected = cli.run("connect", at(sshd))
    assert (rejected.code, "Authentication failed" in rejected.err) == (10, True)
    with closed_port() as port:
        refused = cli.run("connect", f"u@127.0.0.1:{port}")
    assert (refused.code, "Connection failed" in refused.err) == (20, True)
    with silent_port() as port:
        silent = cli.run("connect", f"u@127.0.0.1:{port}")
    assert (silent.code, "did not answer" in silent.err) == (13, True)
    assert cli.run("connect", "user@").code == 2
    assert cli.run("connect", at(sshd), "-i", "/no/such/key").code == 2


def test_a_password_is_read_from_standard_input_when_asked_for(cli: Cli, make_sshd: MakeSshd) -> None:
    server = make_sshd(passwords=True)
    assert cli.run("connect", at(server), "--password", stdin="wrong\n").code == 10
    done = cli.run("connect", at(server), "--password", stdin=f"{server.password}\n")
    assert done.code == 0, done
    assert cli.run("connect", at(server), "--password").code == 2


def test_a_person_is_asked_for_the_password_after_the_keys_were_rejected(cli: Cli, make_sshd: MakeSshd) -> None:
    server = make_sshd(passwords=True)
    session = TerminalSession(cli, "connect", at(server))
    session.answer("Password for", "wrong")
    session.answer("Password for", server.password)
    code, shown = session.finish()
    assert code == 0, shown
    assert "Connected:" in shown
    assert server.password not in shown


def test_what_to_do_next_is_told_after_an_error(cli: Cli, sshd: Sshd, key: Key, tmp_path: Path) -> None:
    assert cli.run("tail", "nobody").err.endswith("runferry runs lists those there are\n")
    with closed_port() as port:
        assert cli.run("runs", "--url", f"http://127.0.0.1:{port}").err.endswith("runferry serve starts one\n")
    done = cli.run("connect", at(sshd))
    assert done.code == 10, done
    assert "--password reads one, -i takes another key" in done.err
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/dangling").symlink_to("nowhere")
    assert "1970" not in cli.run("ls", at(sshd, str(tmp_path / "tree")), *key).out


def test_ctrl_c_at_a_question_ends_the_command_and_the_terminal_shows_what_is_typed_again(
    cli: Cli, make_sshd: MakeSshd
) -> None:
    session = TerminalSession(cli, "connect", at(make_sshd(passwords=True)))
    session.interrupt("Password for")
    code, shown = session.finish(keeps_terminal=True)
    assert code == 130, shown
    assert not session.is_silent()
    session.close()


def test_a_person_is_not_asked_more_than_three_times(cli: Cli, make_sshd: MakeSshd) -> None:
    session = TerminalSession(cli, "connect", at(make_sshd(passwords=True)))
    for _ in range(3):
        session.answer("Password for", "wrong")
    code, shown = session.finish()
    assert code == 10
    assert "Authentication failed" in shown


def test_a_directory_is_listed_and_hostile_names_cannot_act(cli: Cli, sshd: Sshd, key: Key, tmp_path: Path) -> None:
    root = tmp_path / "tree"
    (root / "folder").mkdir(parents=True)
    (root / "model.bin").write_bytes(b"x" * 1500)
    (root / ".hidden").touch()
    (root / "bad\x1b[2Jname\n").touch()
    (root / "link").symlink_to("folder")
    done = cli.run("ls", at(sshd, str(root)), *key)
    assert done.code == 0, done
    assert "folder/" in done.out
    assert "link@/" in done.out
    assert "1.50 kB" in done.out
    assert "\x1b" not in done.out
    assert "bad\\x1b[2Jname\\n" in done.out
    assert ".hidden" not in done.out
    assert ".hidden" in cli.run("ls", at(sshd, str(root)), "-a", *key).out


def test_a_missing_directory_and_a_file_have_their_exit_codes(cli: Cli, sshd: Sshd, key: Key, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert cli.run("ls", at(sshd, str(tmp_path / "missing")), *key).code == 12
    assert cli.run("ls", at(sshd, str(tmp_path / "file")), *key).code == 2


def test_an_alias_of_the_ssh_config_works_wherever_a_host_does(cli: Cli, sshd: Sshd, tmp_path: Path) -> None:
    cli.write_ssh_config(
        f"Host gpu\n  HostName 127.0.0.1\n  Port {sshd.port}\n  User {sshd.username}\n"
        f"  IdentityFile {sshd.client_key_path}\n"
    )
    (tmp_path / "tree" / "inside").mkdir(parents=True)
    assert "inside/" in cli.run("ls", f"gpu:{tmp_path}/tree").out
    assert cli.run("doctor", "gpu").code == 0
    with cli.serve():
        assert cli.run("connect", "gpu").code == 0
        assert "inside/" in cli.run("ls", f"gpu:{tmp_path}/tree").out
        assert len(cli.read_json("status")["connections"]) == 1
        assert cli.run("disconnect", "gpu").code == 0


def test_what_a_command_without_a_server_opened_is_closed_again(cli: Cli, sshd: Sshd, key: Key, tmp_path: Path) -> None:
    assert cli.run("ls", at(sshd, str(tmp_path)), *key).code == 0
    assert not sshd.child_pids()
    assert not cli.read_json("status").get("connections")


def test_the_doctor_tells_what_a_server_offers(cli: Cli, sshd: Sshd, key: Key) -> None:
    done = cli.run("doctor", at(sshd), *key)
    assert done.code == 0, done
    for word in ("route", "host key", sshd.host_key_fingerprint, "login", "transport", "agent", "python", "inotify"):
        assert word in done.out
    report = cli.read_json("doctor", at(sshd), *key)
    assert report["ok"]
    assert report["facts"]["transport"] == "agent"


def test_the_doctor_takes_a_port_and_a_relative_folder_together(cli: Cli, sshd: Sshd, key: Key) -> None:
    done = cli.run("doctor", at(sshd, "no-such-folder"), *key)
    assert done.code == 12, done
    assert "no-such-folder does not exist" in done.out


def test_the_doctor_says_why_it_is_sftp(cli: Cli, make_sshd: MakeSshd) -> None:
    server = make_sshd(sftp_only=True)
    done = cli.run("doctor", at(server), "-i", str(server.client_key_path))
    assert done.code == 0, done
    assert "sftp" in done.out


def test_the_doctor_names_the_step_that_failed_and_exits_with_its_code(cli: Cli, sshd: Sshd) -> None:
    done = cli.run("doctor", at(sshd))
    assert done.code == 10
    assert "FAIL  login" in done.out


def test_the_doctor_asks_a_person_for_the_password(cli: Cli, make_sshd: MakeSshd) -> None:
    server = make_sshd(passwords=True)
    session = TerminalSession(cli, "doctor", at(server))
    session.answer("Password for", server.password)
    code, shown = session.finish()
    assert code == 0, shown
    assert "ok    login" in shown


def test_secrets_of_the_environment_are_not_shown_by_a_failure(cli: Cli, make_sshd: MakeSshd) -> None:
    server = make_sshd(passwords=True)
    secret = f"secret-{os.getpid()}"
    done = cli.run("connect", at(server), "--password", stdin=f"{secret}\n")
    assert secret not in done.out + done.err
    assert not [path for path in cli.data_dir.rglob("*") if path.is_file() and secret.encode() in path.read_bytes()]


async def test_a_second_factor_is_asked_for_as_the_server_asks(cli: Cli) -> None:
    async with Questioner([("Password: ", False, "pw"), ("One-time code: ", True, "424242")]) as server:

        def log_in() -> str:
            session = TerminalSession(cli, "connect", f"u@127.0.0.1:{server.port}")
            session.answer("Password:", "pw")
            session.answer("One-time code:", "424242")
            return session.finish()[1]

        shown = await asyncio.to_thread(log_in)
        assert server.logins == 1, shown
        assert [list(given) for given in server.answers] == [["pw", "424242"]]


async def test_questions_nobody_can_answer_are_an_error_of_their_own(cli: Cli) -> None:
    async with Questioner([("Password: ", False, "pw"), ("One-time code: ", True, "424242")]) as server:
        done = await asyncio.to_thread(cli.run, "connect", f"u@127.0.0.1:{server.port}")
        assert done.code == 17
        assert server.logins == 0


def test_without_a_user_it_is_the_local_one_as_with_ssh(cli: Cli, sshd: Sshd, key: Key) -> None:
    done = cli.run("connect", f"{sshd.host}:{sshd.port}", *key)
    assert done.code == 0, done
    assert f"Connected: {at(sshd)}" in done.out
