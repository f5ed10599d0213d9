"""Our known_hosts file: what is written, what is understood, what is left alone."""

from __future__ import annotations

import threading
from pathlib import Path

import asyncssh
import pytest
from asyncssh.public_key import SSHKey

from runferry.errors import ConnectionFailed, HostKeyChanged, HostKeyUnconfirmed
from runferry.ssh.hostkeys import HostKeys


@pytest.fixture(scope="module")
def keys() -> list[SSHKey]:
    return [asyncssh.generate_private_key("ssh-ed25519").convert_to_public() for _ in range(2)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "data/known_hosts"


def line(name: str, key: SSHKey) -> str:
    return f"{name} {key.export_public_key().decode().strip()}\n"


def test_a_key_is_kept_per_host_and_port_whatever_the_case(path: Path, keys: list[SSHKey]) -> None:
    known = HostKeys(path)
    known.add("GPU.example", 22, keys[0])
    known.add("gpu.example", 22, keys[0])
    known.add("gpu.example", 2222, keys[1])
    known.add("::1", 2222, keys[1])
    entries = [entry.split()[0] for entry in path.read_text().splitlines()]
    assert entries == ["gpu.example", "[gpu.example]:2222", "[::1]:2222"]
    assert known.look_up("gpu.EXAMPLE", 22).judge(keys[0]) is None
    assert isinstance(known.look_up("gpu.example", 22).judge(keys[1]), HostKeyChanged)
    assert known.look_up("gpu.example", 2222).judge(keys[1]) is None


def test_the_file_is_private_and_an_unfinished_line_is_not_glued(path: Path, keys: list[SSHKey]) -> None:
    path.parent.mkdir()
    path.write_text(line("old", keys[0]).rstrip())
    known = HostKeys(path)
    known.add("new", 22, keys[1])
    assert path.read_text() == line("old", keys[0]) + line("new", keys[1])
    known.forget("old", 22)
    assert path.read_text() == line("new", keys[1])
    assert path.stat().st_mode & 0o777 == 0o600
    assert [entry.name for entry in path.parent.iterdir()] == ["known_hosts"]


def test_many_threads_add_a_key_once(path: Path, keys: list[SSHKey]) -> None:
    known = HostKeys(path)
    threads = [threading.Thread(target=known.add, args=("gpu", 22, keys[0])) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert path.read_text() == line("gpu", keys[0])


def test_lines_that_make_no_sense_are_passed_over(path: Path, keys: list[SSHKey]) -> None:
    path.parent.mkdir()
    rubbish = b"gpu\n\xff\xfe\ngpu ssh-ed25519 !!!\n|1|x|y ssh-ed25519 AAAA\n@odd gpu ssh-ed25519 AAAA\n# gpu\n\n"
    path.write_bytes(rubbish + line("gpu", keys[0]).encode())
    assert HostKeys(path).look_up("gpu", 22).is_known(keys[0])


def test_patterns_networks_and_lists_count(path: Path, keys: list[SSHKey]) -> None:
    path.parent.mkdir()
    path.write_text(line("*.lab,!bad.lab", keys[0]) + line("a,b", keys[1]) + line("10.0.0.0/8", keys[1]))
    known = HostKeys(path)
    assert known.look_up("gpu.lab", 22).is_known(keys[0])
    assert not known.look_up("bad.lab", 22).is_known(keys[0])
    assert known.look_up("b", 22).is_known(keys[1])
    assert known.look_up("10.1.2.3", 22).is_known(keys[1])
    assert not known.look_up("11.1.2.3", 22).is_known(keys[1])


def test_a_key_known_without_the_port_helps_but_never_hinders(path: Path, keys: list[SSHKey]) -> None:
    path.parent.mkdir()
    path.write_text(line("gpu", keys[0]))
    known = HostKeys(path, is_strict=True).look_up("gpu", 2222)
    assert known.judge(keys[0]) is None
    assert isinstance(known.judge(keys[1]), HostKeyUnconfirmed)


def test_a_confirmed_fingerprint_counts_for_its_server_only(path: Path, keys: list[SSHKey]) -> None:
    known = HostKeys(path, is_strict=True)
    known.confirm("gpu", 22, keys[0].get_fingerprint())
    assert known.look_up("gpu", 22).judge(keys[0]) is None
    assert isinstance(known.look_up("gpu", 22).judge(keys[1]), HostKeyUnconfirmed)
    assert isinstance(known.look_up("gpu", 2222).judge(keys[0]), HostKeyUnconfirmed)
    assert not path.exists()


def test_known_kinds_of_keys_are_asked_for_first_and_none_is_left_out(path: Path) -> None:
    known = HostKeys(path)
    before = known.look_up("gpu", 22).algorithms()
    known.add("gpu", 22, asyncssh.generate_private_key("ecdsa-sha2-nistp384").convert_to_public())
    after = known.look_up("gpu", 22).algorithms()
    assert after[0] == "ecdsa-sha2-nistp384"
    assert sorted(after) == sorted(before)


def test_a_file_that_cannot_be_written_is_told(tmp_path: Path, keys: list[SSHKey]) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConnectionFailed, match="could not be remembered"):
        HostKeys(tmp_path / "file/known_hosts").add("gpu", 22, keys[0])
