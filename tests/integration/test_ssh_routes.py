"""Getting there through ~/.ssh/config: aliases, jump hosts each checked by itself, proxy commands."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

import pytest
import uvloop
from tests.conftest import MakeSshd
from tests.support.connecting import key_of, password, run
from tests.support.sshd import Sshd, is_running
from tests.support.waiting import eventually

from runferry.errors import AuthenticationFailed, ConnectionFailed, ConnectTimeout, HostKeyChanged, InvalidRequest
from runferry.ssh.connection import open_link
from runferry.ssh.credentials import Credentials
from runferry.ssh.hostkeys import HostKeys
from runferry.ssh.link import Link
from runferry.ssh.sshconfig import resolve_route
from runferry.ssh.target import Target

RELAY = """\
import os, socket, sys, threading
link = socket.create_connection((sys.argv[1], int(sys.argv[2])))
def up():
    while data := os.read(0, 65536):
        link.sendall(data)
    link.shutdown(socket.SHUT_WR)
threading.Thread(target=up, daemon=True).start()
print("relay is noisy", file=sys.stderr, flush=True)
while data := link.recv(65536):
    while data:
        data = data[os.write(1, data):]
"""


def block(alias: str, server: Sshd, *lines: str) -> str:
    """Return the config of one machine that is logged in to with its key."""
    settings = [
        f"HostName {server.host}",
        f"Port {server.port}",
        f"User {server.username}",
        f"IdentityFile {server.client_key_path}",
        *lines,
    ]
    return f"Host {alias}\n" + "".join(f"  {line}\n" for line in settings)


async def none_stays_open(*servers: Sshd) -> None:
    await eventually(lambda: not any(server.child_pids() for server in servers), what="no hop stays open")


async def open_alias(
    alias: str, folder: Path, config: str, *, credentials: Credentials | None = None, timeout: float = 10.0
) -> Link:
    path = folder / "config"
    path.write_text(config)
    route = resolve_route(Target(alias), path)
    keys = HostKeys(folder / "known_hosts")
    return await open_link(route, credentials or Credentials(), keys, timeout=timeout)


async def test_an_alias_says_where_and_who_and_with_which_key(sshd: Sshd, tmp_path: Path, home: Path) -> None:
    ignored = ("RemoteCommand /bin/false", "RequestTTY force", "ForwardAgent yes")
    link = await open_alias("gpu", tmp_path, block("gpu", sshd, *ignored))
    assert link.route.id == f"{sshd.username}@gpu:{sshd.port}"
    assert (link.hostname, link.port, link.username) == (sshd.host, sshd.port, sshd.username)
    assert await run(link, "echo hello; tty") == "hello\nnot a tty\n"
    await link.close()


async def test_two_jumps_are_made_and_each_hosts_key_is_learned(
    make_sshd: MakeSshd, tmp_path: Path, home: Path
) -> None:
    outer, inner, end = make_sshd(), make_sshd(), make_sshd()
    config = block("outer", outer) + block("inner", inner) + block("gpu", end, "ProxyJump outer,inner")
    link = await open_alias("gpu", tmp_path, config)
    assert link.fingerprint == end.host_key_fingerprint
    assert len((tmp_path / "known_hosts").read_text().splitlines()) == 3
    assert [len(server.child_pids()) for server in (outer, inner, end)] == [1, 1, 1]
    assert await run(link, "head -c 3000000 /dev/zero | wc -c") == "3000000\n"
    await link.close()
    await none_stays_open(outer, inner, end)


async def test_a_jump_host_may_have_a_jump_host_of_its_own(make_sshd: MakeSshd, tmp_path: Path, home: Path) -> None:
    outer, inner, end = make_sshd(), make_sshd(), make_sshd()
    config = block("outer", outer) + block("inner", inner, "ProxyJump outer") + block("gpu", end, "ProxyJump inner")
    link = await open_alias("gpu", tmp_path, config)
    await eventually(lambda: "Accepted" in outer.log() and "Accepted" in inner.log())
    await link.close()


@pytest.mark.parametrize("changed", [0, 1])
async def test_a_changed_key_of_any_hop_stops_the_way(
    make_sshd: MakeSshd, tmp_path: Path, home: Path, changed: int
) -> None:
    servers = jump, end = make_sshd(), make_sshd()
    config = block("jump", jump) + block("gpu", end, "ProxyJump jump")
    await (await open_alias("gpu", tmp_path, config)).close()
    servers[changed].rotate_host_key()
    with pytest.raises(HostKeyChanged) as caught:
        await open_alias("gpu", tmp_path, config)
    assert caught.value.fingerprint == servers[changed].host_key_fingerprint
    await none_stays_open(*servers)


async def test_the_targets_password_is_never_sent_to_a_hop(make_sshd: MakeSshd, tmp_path: Path, home: Path) -> None:
    end = make_sshd(passwords=True)
    jump = make_sshd(passwords=True)
    config = (
        f"Host jump\n HostName {jump.host}\n Port {jump.port}\n User {jump.username}\n"
        f"Host gpu\n HostName {end.host}\n Port {end.port}\n User {end.username}\n ProxyJump jump\n"
    )
    with pytest.raises(AuthenticationFailed, match="jump"):
        await open_alias("gpu", tmp_path, config, credentials=password(end.password))
    jump.stop()
    assert "Failed password" not in jump.log()
    assert "PAM: Authentication failure" not in jump.log()
    assert "Connection from" not in end.log()


async def test_the_given_key_opens_hops_too(make_sshd: MakeSshd, tmp_path: Path, home: Path) -> None:
    end, jump = make_sshd(), make_sshd()
    jump.authorize(end.client_key.export_public_key())
    config = (
        f"Host jump\n HostName {jump.host}\n Port {jump.port}\n"
        f"Host gpu\n HostName {end.host}\n Port {end.port}\n ProxyJump jump\n"
    )
    link = await open_alias("gpu", tmp_path, config, credentials=key_of(end))
    assert link.is_by_given
    await link.close()


async def test_a_jump_host_that_cannot_reach_the_target_says_so(
    make_sshd: MakeSshd, tmp_path: Path, home: Path
) -> None:
    jump, end = make_sshd(), make_sshd()
    end.stop()
    with pytest.raises(ConnectionFailed, match=r"the jump host could not reach .*gpu"):
        await open_alias("gpu", tmp_path, block("jump", jump) + block("gpu", end, "ProxyJump jump"))
    closed = make_sshd(allow_tcp_forwarding=False)
    end.start()
    with pytest.raises(ConnectionFailed, match=r"the jump host could not reach .*gpu"):
        await open_alias("gpu", tmp_path, block("jump", closed) + block("gpu", end, "ProxyJump jump"))


async def test_jumps_in_a_circle_are_refused(tmp_path: Path, home: Path) -> None:
    for config in ("Host *\n ProxyJump a\n", "Host gpu\n ProxyJump b\nHost b\n ProxyJump gpu\n"):
        with pytest.raises(InvalidRequest, match="circle"):
            await open_alias("gpu", tmp_path, config)


def proxy_command(folder: Path) -> str:
    (folder / "relay.py").write_text(RELAY)
    return f"ProxyCommand {sys.executable} {folder}/relay.py %h %p"


async def test_a_proxy_command_carries_the_link_and_ends_with_it(sshd: Sshd, tmp_path: Path, home: Path) -> None:
    link = await open_alias("gpu", tmp_path, block("gpu", sshd, proxy_command(tmp_path)))
    (pid,) = find_processes(f"{tmp_path}/relay.py")
    assert await run(link, "head -c 3000000 /dev/zero | wc -c") == "3000000\n"
    await link.close()
    assert not is_running(pid)


async def test_ssh_itself_may_be_the_proxy_command(make_sshd: MakeSshd, tmp_path: Path, home: Path) -> None:
    jump, end = make_sshd(), make_sshd()
    command = (
        f"ProxyCommand ssh -F none -i {jump.client_key_path} -p {jump.port} -o StrictHostKeyChecking=no "
        f"-o UserKnownHostsFile={tmp_path}/theirs -W %h:%p {jump.username}@{jump.host}"
    )
    link = await open_alias("gpu", tmp_path, block("gpu", end, command))
    assert link.fingerprint == end.host_key_fingerprint
    await link.close()


async def test_what_a_failing_proxy_command_says_is_told(sshd: Sshd, tmp_path: Path, home: Path) -> None:
    command = "ProxyCommand echo 'no \x1b[31mway' >&2; exit 1"
    with pytest.raises(ConnectionFailed, match=r"the ProxyCommand ended: no \[31mway\."):
        await open_alias("gpu", tmp_path, block("gpu", sshd, command))


async def test_a_silent_proxy_command_times_out_and_is_ended(sshd: Sshd, tmp_path: Path, home: Path) -> None:
    marker = f"{os.getpid()}.5"
    with pytest.raises(ConnectTimeout):
        await open_alias("gpu", tmp_path, block("gpu", sshd, f"ProxyCommand sleep {marker}"), timeout=0.5)
    assert find_processes(marker) == []


async def test_a_name_that_means_something_to_a_shell_is_refused(tmp_path: Path, home: Path) -> None:
    (tmp_path / "config").write_text(f"Host *\n ProxyCommand touch {tmp_path}/owned-%r\n")
    with pytest.raises(InvalidRequest, match="ProxyCommand"):
        resolve_route(Target("gpu", None, "$HOME"), tmp_path / "config")


async def test_the_loop_may_be_uvloop(make_sshd: MakeSshd, tmp_path: Path, home: Path) -> None:
    jump, end = make_sshd(), make_sshd()
    jumps = block("jump", jump) + block("gpu", end, "ProxyJump jump")
    proxied = block("gpu", end, proxy_command(tmp_path))

    async def use() -> None:
        for config in (block("gpu", end), jumps, proxied):
            link = await open_alias("gpu", tmp_path, config)
            assert await run(link, "echo hello") == "hello\n"
            await link.close()

    await asyncio.to_thread(run_in_uvloop, use)


def run_in_uvloop(use: Callable[[], Coroutine[None, None, None]]) -> None:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(use())


def find_processes(word: str) -> list[int]:
    """Return the processes below this one whose command line holds ``word``."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            is_match = word in path.read_bytes().decode(errors="replace")
            parent = int((path.parent / "stat").read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
        if is_match and parent == os.getpid():
            found.append(int(path.parent.name))
    return found
