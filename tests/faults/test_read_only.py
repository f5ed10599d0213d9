"""Nothing is ever written on the server: every write, create, rename, chmod or utime would move a ctime or an mtime."""

from __future__ import annotations

import os
import pwd
from pathlib import Path

import pytest
from tests.conftest import MakeAccount, MakeSshd
from tests.support.ferry import Ferry, run_directories, write_run

from runferry.sync.spec import Mode


def times_below(root: Path) -> dict[str, tuple[int, ...]]:
    """Return mode, inode, size, mtime and ctime of everything, the root included. Access times are the kernel's."""
    found: dict[str, tuple[int, ...]] = {}
    for folder, directories, names in os.walk(root):
        for name in [".", *directories, *names]:
            path = Path(folder, name)
            status = path.lstat()
            found[str(path)] = (
                status.st_mode, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns
            )  # fmt: skip
    return found


@pytest.mark.parametrize("transport", ["agent", "sftp"])
async def test_a_full_session_leaves_no_trace_on_the_server(
    tmp_path: Path, make_sshd: MakeSshd, make_account: MakeAccount, transport: str
) -> None:
    account = make_account()
    root = account.home / "runs"
    for place in run_directories(20):
        write_run(root, *place)
    (root / "model.pt").write_bytes(os.urandom(2_000_000))
    (root / "link").symlink_to("model.pt")
    owner = pwd.getpwnam(account.name).pw_uid
    for path in [root, *root.rglob("*")]:
        os.lchown(path, owner, -1)
    server = make_sshd(account=account, sftp_only=transport == "sftp")
    before = times_below(account.home)
    async with Ferry(tmp_path) as ferry:
        view = await ferry.connect(server)
        assert view.info is not None
        assert view.info.transport == transport
        await ferry.service.list_directory("~", depth=2)
        await ferry.keep(root, Mode.SMART, interval=60.0)
        await ferry.keep(root, Mode.MIRROR)
        for mode in Mode:
            await ferry.service.sync_now(mode)
            await ferry.in_step(mode)
    assert times_below(account.home) == before
