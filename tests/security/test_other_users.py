"""Another user of the same machine reads nothing of what Runferry keeps, whatever the umask was."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.ferry import Ferry, write_run
from tests.support.sshd import Sshd
from tests.support.trees import public_folder

_LOOK = """
import os, pwd, sys
user = pwd.getpwnam(sys.argv[2])
os.setgroups([])
os.setgid(user.pw_gid)
os.setuid(user.pw_uid)
found = []
for folder, _, names in os.walk(sys.argv[1], onerror=lambda error: None):
    for name in names:
        try:
            open(os.path.join(folder, name), "rb").read(1)
            found.append(name)
        except OSError:
            pass
print(len(found))
"""


def count_readable(folder: Path, user: str) -> int:
    """Return how many files below a folder somebody else can read."""
    python = [sys.executable, "-I", "-c", _LOOK, str(folder), user]
    return int(subprocess.run(python, capture_output=True, text=True, check=True, cwd="/").stdout)


async def test_another_user_reads_nothing_of_the_data_directory(sshd: Sshd, tmp_path: Path) -> None:
    root = tmp_path / "root"
    write_run(root, "nlp", "bert", "20260101_000001_aaaaaa")
    with public_folder() as folder:
        before = os.umask(0)
        try:
            (folder / "data").mkdir()
            async with Ferry(folder) as ferry:
                await ferry.connect(sshd)
                await ferry.keep(root)
                assert (folder / "data").stat().st_mode & 0o077 == 0
                assert sum(1 for path in (folder / "data").rglob("*") if path.is_file()) > 5
                assert count_readable(folder, "nobody") == 0
                (folder / "theirs").write_text("1")
                assert count_readable(folder, "nobody") == 1
        finally:
            os.umask(before)
