"""The agent on the servers one meets: Pythons old and new, odd login shells, accounts that allow little."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.accounts import Account
from tests.support.connecting import key_of, open_to
from tests.support.following import Following
from tests.support.pythons import find_python, folder_with
from tests.support.sshd import Sshd
from tests.support.trees import picture, public_folder, write
from tests.support.waiting import eventually

from runferry.errors import RemoteFailed
from runferry.model import Chunk, Content, Digest
from runferry.remote.base import Priority, Remote
from runferry.remote.channel import AgentOptions
from runferry.remote.open import open_remote
from runferry.remote.retry import RetryingRemote

SHORT = AgentOptions(hello_timeout=3.0)
MakeSshd = Callable[..., Sshd]


async def work_with(remote: Remote, root: Path) -> None:
    """Do a bit of everything with a remote."""
    write(root / "run/log", "one\n")
    (root / "link").symlink_to("run")
    assert set((await remote.scan(str(root))).entries) == {"run", "run/log", "link"}
    assert [entry.name for entry in await remote.list_directory(f"{root}/run")] == ["log"]
    chunk = await remote.read(str(root), "run/log", offset=1, length=9, priority=Priority.TAIL, check=True)
    assert isinstance(chunk, Chunk)
    assert chunk.data == b"ne\n"
    assert chunk.head
    assert isinstance(await remote.digest(str(root), "run/log", length=4), Digest)
    async for batch in remote.read_many(str(root), ["run/log"], priority=Priority.SMALL):
        assert all(isinstance(answer, Content) and answer.data == b"one\n" for answer in batch)
    async with Following(remote, root) as following:
        write(root / "run/log", "one\ntwo\n")
        await following.until(lambda: following.size("run/log") == 8)


@pytest.mark.parametrize("version", ["3.6", "3.8", "3.11", "3.13"])
async def test_every_python_from_3_6_on_runs_the_agent(make_sshd: MakeSshd, tmp_path: Path, version: str) -> None:
    server = make_sshd(path=str(folder_with(find_python(version), tmp_path)))
    link = await open_to(server, key_of(server), tmp_path)
    remote = await open_remote(link)
    try:
        assert remote.info.transport == "agent"
        assert remote.info.python.startswith(f"{version}.")
        await work_with(remote, tmp_path / "root")
    finally:
        await remote.close()
        await link.close()


async def test_a_python3_that_is_too_old_or_broken_is_passed_over(make_sshd: MakeSshd, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    folder.mkdir()
    (folder / "python3").write_text("#!/bin/sh\necho this is no Python\nexit 1\n")
    (folder / "python3").chmod(0o755)
    (folder / "python3.12").symlink_to(find_python("3.8"))
    server = make_sshd(path=str(folder))
    link = await open_to(server, key_of(server), tmp_path)
    remote = await open_remote(link)
    assert remote.info.python.startswith("3.8.")
    await remote.close()
    await link.close()


async def test_an_agent_that_was_only_slow_is_tried_again_and_takes_over_from_sftp(
    make_sshd: MakeSshd, tmp_path: Path
) -> None:
    busy = write(tmp_path / "busy")
    folder = tmp_path / "bin"
    python = write(folder / "python3", f'#!/bin/sh\n[ -e {busy} ] && exec sleep 30\nexec {sys.executable} "$@"\n')
    python.chmod(0o755)
    server = make_sshd(path=f"{folder}:/usr/bin:/bin")
    link = await open_to(server, key_of(server), tmp_path)
    remote = RetryingRemote(lambda: open_remote(link, options=SHORT), look_after=[0.1])
    try:
        assert (await remote.ensure_open()).transport == "sftp"
        assert "did not answer within 3 s" in remote.info.reason
        assert "tried again" in remote.info.reason
        busy.unlink()
        await eventually(lambda: remote.info.transport == "agent", within=20, what="the agent to take over")
        await work_with(remote, tmp_path / "root")
    finally:
        await remote.close()
        await link.close()


@pytest.mark.parametrize("shell", ["/bin/bash", "/usr/bin/fish", "/usr/bin/tcsh", "/bin/sh"])
async def test_a_talkative_login_shell_of_any_kind_is_no_obstacle(tmp_path: Path, shell: str) -> None:
    banner = "echo Welcome to the cluster\necho your quota is 93 percent full\n"
    dotfiles = {
        ".bashrc": f"{banner}printf 'RF\\001\\002\\n'\nalias python3=false\n",
        ".config/fish/config.fish": banner,
        ".tcshrc": banner,
        ".cshrc": banner,
        ".profile": banner,
    }
    # Without its start files on the way a shell would prove nothing: sshd's bash reads .bashrc for commands too.
    with Account(shell=shell, files=dotfiles) as account, Sshd(account=account) as server, public_folder() as root:
        link = await open_to(server, key_of(server), tmp_path)
        remote = await open_remote(link)
        try:
            assert remote.info.transport == "agent", remote.info
            await work_with(remote, root)
        finally:
            await remote.close()
            await link.close()


async def test_an_account_that_allows_sftp_only_is_reached_by_sftp(make_sshd: MakeSshd, tmp_path: Path) -> None:
    server = make_sshd(sftp_only=True)
    link = await open_to(server, key_of(server), tmp_path)
    remote = await open_remote(link)
    try:
        assert remote.info.transport == "sftp"
        assert remote.info.reason.startswith("SFTP is used, which is slower: ")
        assert [sentence.split(":")[0] for sentence in remote.info.tried] == ["Agent", "SFTP"]
        await work_with(remote, tmp_path / "root")
    finally:
        await remote.close()
        await link.close()


async def test_a_server_without_python_is_reached_by_sftp(make_sshd: MakeSshd, tmp_path: Path) -> None:
    server = make_sshd(chroot_without_python=True)
    link = await open_to(server, key_of(server), tmp_path)
    remote = await open_remote(link)
    try:
        assert remote.info.transport == "sftp"
        assert remote.info.reason == "SFTP is used, which is slower: The server has no Python."
        write(server.root / "data/run/log", "one\n")
        assert set((await remote.scan("/data")).entries) == {"run", "run/log"}
        async with Following(remote, "/data") as following:
            write(server.root / "data/run/log", "one\ntwo\n")
            await following.until(lambda: following.size("run/log") == 8)
    finally:
        await remote.close()
        await link.close()


@pytest.mark.parametrize("command", ["echo no shell access", "yes", "exit 3", "cat"])
async def test_a_server_that_runs_something_else_is_refused_with_the_reasons(
    make_sshd: MakeSshd, tmp_path: Path, command: str
) -> None:
    server = make_sshd(force_command=command)
    link = await open_to(server, key_of(server), tmp_path)
    with pytest.raises(RemoteFailed, match="can run no agent and offers no SFTP") as failed:
        await open_remote(link, options=SHORT)
    assert str(failed.value).isprintable()
    assert link.is_open
    await link.close()


async def test_sftp_can_be_asked_for(sshd: Sshd, tmp_path: Path) -> None:
    link = await open_to(sshd, key_of(sshd), tmp_path)
    remote = await open_remote(link, prefer="sftp")
    assert (remote.info.transport, remote.info.precise_times) == ("sftp", False)
    await remote.close()
    await link.close()


async def test_starting_the_agent_leaves_nothing_on_the_server(make_sshd: MakeSshd, tmp_path: Path) -> None:
    """Python itself would like to leave its compiled modules somewhere, and a home is where such things go."""
    with Account() as account, Sshd(account=account) as server, public_folder() as root:
        write(root / "run/file", "1")
        before = picture(account.home), picture(root)
        link = await open_to(server, key_of(server), tmp_path)
        remote = await open_remote(link)
        await remote.scan(str(root))
        await remote.close()
        await link.close()
        assert (picture(account.home), picture(root)) == before
