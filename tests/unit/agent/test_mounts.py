"""On which filesystem does a path lie?"""

from __future__ import annotations

from pathlib import Path

import pytest

from runferry.agent.mounts import find_type, is_network, read_limit

TABLE = """\
/dev/sda1 / ext4 rw 0 0
server:/home /home nfs4 rw 0 0
/dev/sdb1 /home/local xfs rw 0 0
data /mnt/with\\040space beegfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        (b"/", "ext4"),
        (b"/var/log", "ext4"),
        (b"/home", "nfs4"),
        (b"/home/me/runs", "nfs4"),
        (b"/homeless", "ext4"),
        (b"/home/local/runs", "xfs"),
        (b"/mnt/with space/x", "beegfs"),
    ],
)
def test_the_closest_mount_above_a_path_counts(tmp_path: Path, path: bytes, kind: str) -> None:
    table = tmp_path / "mounts"
    table.write_text(TABLE)
    assert find_type(path, str(table)) == kind


def test_an_unreadable_table_tells_nothing(tmp_path: Path) -> None:
    assert find_type(b"/home", str(tmp_path / "missing")) == ""


@pytest.mark.parametrize(
    "kind", ["nfs", "nfs4", "lustre", "gpfs", "beegfs", "fuse.sshfs", "cifs", "smb3", "ceph", "9p"]
)
def test_network_filesystems_are_known(kind: str) -> None:
    assert is_network(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", ""])
def test_local_filesystems_are_known(kind: str) -> None:
    assert not is_network(kind)


def test_a_limit_that_does_not_exist_is_none() -> None:
    assert read_limit("max_user_watches") > 0
    assert read_limit("no-such-limit") == 0
