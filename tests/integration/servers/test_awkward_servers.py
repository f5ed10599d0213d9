"""A mirror of a root on servers that make it hard: few sessions, restricted shells, no watches, wrong clocks."""

from __future__ import annotations

import os
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.accounts import Account, run_until_unlocked
from tests.support.ferry import Ferry, files_below, write_run
from tests.support.pythons import find_python
from tests.support.sshd import Sshd
from tests.support.trees import picture, public_folder
from tests.support.waiting import eventually

from runferry.errors import AnswersNeeded
from runferry.service.connections import ConnectRequest
from runferry.ssh.credentials import Credentials, Secret
from runferry.ssh.target import Target
from runferry.sync.spec import Mode

MakeSshd = Callable[..., Sshd]
RUN = "20260101_000001_aaaaaa"
OTHER_RUN = "20260101_000002_bbbbbb"
RESTRICTED = "/bin/rbash"


def is_same(remote: Path, local: Path) -> bool:
    return files_below(local) == {
        path: data for path, data in files_below(remote).items() if not path.endswith(".lock")
    }


async def mirror_and_follow(sshd: Sshd, folder: Path, root: Path, *, within: float = 20.0) -> str:
    """Mirror a root, see what happens in it arrive, and return how the server was reached."""
    run = write_run(root, "nlp", "bert", RUN)
    async with Ferry(folder) as ferry:
        await ferry.connect(sshd)
        local = await ferry.keep(root)
        assert is_same(root, local)
        with (run / "logs.txt").open("a") as log:
            log.write("one more line\n")
        (run / "status.json").write_text('{"status": "failed"}')
        write_run(root, "nlp", "bert", OTHER_RUN)
        await eventually(lambda: is_same(root, local), within=within, what="the changes to arrive")
        status = await ferry.service.status()
        assert status.current is not None
        assert status.current.info is not None
        return status.current.info.transport


def write_program(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


async def test_one_session_per_connection_is_enough(make_sshd: MakeSshd, tmp_path: Path) -> None:
    sshd = make_sshd(extra_config="MaxSessions 1")
    assert await mirror_and_follow(sshd, tmp_path, tmp_path / "root") == "agent"


async def test_one_session_is_enough_for_sftp_too(make_sshd: MakeSshd, tmp_path: Path) -> None:
    sshd = make_sshd(extra_config="MaxSessions 1", sftp_only=True)
    assert await mirror_and_follow(sshd, tmp_path, tmp_path / "root") == "sftp"


async def test_a_server_that_lets_one_log_in_at_a_time_is_no_obstacle(make_sshd: MakeSshd, tmp_path: Path) -> None:
    sshd = make_sshd(max_startups="1:100:1")
    assert await mirror_and_follow(sshd, tmp_path, tmp_path / "root") == "agent"


async def test_a_restricted_shell_leaves_sftp(tmp_path: Path) -> None:
    with Account(shell=RESTRICTED) as account, Sshd(account=account) as sshd, public_folder() as root:
        assert await mirror_and_follow(sshd, tmp_path, root) == "sftp"


async def test_a_server_with_python_2_only_is_reached_by_sftp(make_sshd: MakeSshd, tmp_path: Path) -> None:
    folder = tmp_path / "bin"
    for name in ("sh", "python", "python2", "python3"):
        program = Path("/bin/sh") if name == "sh" else find_python("2.7")
        folder.mkdir(exist_ok=True)
        (folder / name).symlink_to(program)
    sshd = make_sshd(extra_config=f"SetEnv PATH={folder}")
    assert await mirror_and_follow(sshd, tmp_path, tmp_path / "root") == "sftp"


async def test_a_home_that_cannot_be_written_is_left_alone(tmp_path: Path) -> None:
    with Account() as account, Sshd(account=account) as sshd, public_folder() as root:
        account.home.chmod(0o555)
        before = picture(account.home)
        assert await mirror_and_follow(sshd, tmp_path, root) == "agent"
        assert picture(account.home) == before


async def test_without_watches_the_server_is_polled(make_sshd: MakeSshd, tmp_path: Path) -> None:
    """A user namespace has its own limit, so that no other program of this machine is without watches."""
    python = shlex.quote(str(find_python("3.11")))
    inner = f'echo 0 > /proc/sys/user/max_inotify_watches; exec {python} "$@"'
    write_program(tmp_path / "bin" / "python3", f'exec unshare -U -r sh -c {shlex.quote(inner)} sh "$@"')
    sshd = make_sshd(path=str(tmp_path / "bin"))
    assert await mirror_and_follow(sshd, tmp_path, tmp_path / "root") == "agent"


async def test_where_tmp_runs_no_programs_nothing_is_missed(make_sshd: MakeSshd, tmp_path: Path) -> None:
    """A mount namespace has its own /tmp options; a program in /tmp shows that they hold."""
    python = shlex.quote(str(find_python("3.11")))
    write_program(tmp_path / "probe", "true")
    mount = "mount --bind /tmp /tmp && mount -o remount,bind,noexec /tmp"
    inner = f'{mount} && ! {shlex.quote(str(tmp_path / "probe"))} 2>/dev/null && exec {python} "$@"'
    write_program(tmp_path / "bin" / "python3", f'exec unshare -U -r -m sh -c {shlex.quote(inner)} sh "$@"')
    sshd = make_sshd(path=str(tmp_path / "bin"))
    assert await mirror_and_follow(sshd, tmp_path, tmp_path / "root") == "agent"


NETWORK_FILESYSTEM = """
import builtins, os, time
def caching(look, known={}):
    def cached(path, **options):
        found = known.get(path)
        if found is None or time.monotonic() - found[0] > 1.5:
            found = known[path] = time.monotonic(), look(path, **options)
        return found[1]
    return cached
class Item:
    def __init__(self, item):
        self.name, self.path, self._item = item.name, item.path, item
        self.is_dir, self.is_file, self.is_symlink = item.is_dir, item.is_file, item.is_symlink
    def stat(self, follow_symlinks=True):
        return (os.stat if follow_symlinks else os.lstat)(self.path)
class Items:
    def __init__(self, items):
        self._items = items
    def __enter__(self):
        return map(Item, self._items)
    def __exit__(self, *problem):
        self._items.close()
os.lstat, os.stat = caching(os.lstat, {}), caching(os.stat, {})
os.scandir = lambda path, scan=os.scandir: Items(scan(path))
builtins.open = lambda name, *a, real=open, **k: real({table!r} if name == "/proc/self/mounts" else name, *a, **k)
import ctypes
ctypes.CDLL = None  # whoever asks for notifications here fails
"""
"""Runs before the agent: attributes are up to 1.5 s old, as NFS keeps them, and no notification comes."""


async def test_a_network_filesystem_with_old_attributes_is_polled_and_mirrored(
    make_sshd: MakeSshd, tmp_path: Path
) -> None:
    python = shlex.quote(str(find_python("3.11")))
    table = tmp_path / "mounts"
    table.write_text("server:/export / nfs4 rw,relatime,vers=4.2 0 0\n")
    before = shlex.quote(NETWORK_FILESYSTEM.replace("{table!r}", repr(str(table))))
    write_program(tmp_path / "bin" / "python3", f'before={before}\nexec {python} "$1" "$2" "$before$3"')
    sshd = make_sshd(path=str(tmp_path / "bin"))
    assert await mirror_and_follow(sshd, tmp_path, tmp_path / "root") == "agent"


@pytest.mark.parametrize("hours", [-3, 3])
async def test_a_clock_that_is_hours_off_changes_nothing(make_sshd: MakeSshd, tmp_path: Path, hours: int) -> None:
    python = shlex.quote(str(find_python("3.11")))
    shift = (
        "import time\n"
        f"time.time = lambda real=time.time: real() + {hours * 3600}\n"
        f"time.time_ns = lambda real=time.time_ns: real() + {hours * 3600} * 10**9\n"
    )
    # called as: python3 -IBS -c <code>
    write_program(tmp_path / "bin" / "python3", f'shift={shlex.quote(shift)}\nexec {python} "$1" "$2" "$shift$3"')
    sshd = make_sshd(path=str(tmp_path / "bin"))
    assert await mirror_and_follow(sshd, tmp_path, tmp_path / "root") == "agent"


async def test_a_password_that_is_about_to_expire_logs_in(make_sshd: MakeSshd, tmp_path: Path) -> None:
    sshd = make_sshd(passwords=True)
    assert sshd.account is not None
    run_until_unlocked(["chage", "-M", "5", "-W", "10", sshd.account.name], "")
    with public_folder() as root:
        write_run(root, "nlp", "bert", RUN)
        async with Ferry(tmp_path) as ferry:
            await connect_with_password(ferry, sshd)
            assert is_same(root, await ferry.keep(root))


async def test_what_a_server_asks_when_a_password_has_expired_is_handed_on(make_sshd: MakeSshd, tmp_path: Path) -> None:
    sshd = make_sshd(passwords=True)
    assert sshd.account is not None
    run_until_unlocked(["chage", "-d", "0", sshd.account.name], "")
    async with Ferry(tmp_path) as ferry:
        with pytest.raises(AnswersNeeded) as asked:
            await connect_with_password(ferry, sshd)
    assert any("password" in text for text, _ in asked.value.prompts)


async def connect_with_password(ferry: Ferry, sshd: Sshd) -> None:
    target = Target(sshd.host, sshd.port, sshd.username)
    await ferry.service.connect(ConnectRequest(target, Credentials(password=Secret(sshd.password), use_agent=False)))


async def test_two_hundred_thousand_files_in_one_directory(sshd: Sshd, tmp_path: Path) -> None:
    root = tmp_path / "root"
    run = write_run(root, "nlp", "bert", RUN)
    crowd = root / "crowd"
    crowd.mkdir()
    for number in range(200_000):
        os.mknod(crowd / f"sample_{number:06d}.npy", 0o644)
    async with Ferry(tmp_path / "ferry") as ferry:
        await ferry.connect(sshd)
        local = await ferry.keep(root, Mode.SMART)
        with (run / "status.json").open("w") as file:
            file.write('{"status": "failed"}')
        relative = (run / "status.json").relative_to(root)
        await eventually(lambda: (local / relative).read_text() == '{"status": "failed"}', within=20)
        assert not (local / "crowd" / "sample_000000.npy").exists()
    shutil.rmtree(crowd)
