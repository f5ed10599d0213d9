"""On which kind of filesystem a path lies, and whether notifications can be trusted there. It only reads
/proc.
"""

import os
import re
from typing import List, Tuple

from .names import decode

NETWORK = {
    *("nfs", "nfs4", "lustre", "gpfs", "beegfs", "cifs", "smb3", "smbfs", "ceph", "9p", "afs", "panfs"),
    *("pvfs2", "orangefs", "glusterfs", "virtiofs", "ncpfs", "coda"),
}
"""Where another machine can change files without a notification here."""


def find_type(path: bytes, table: str = "/proc/self/mounts") -> str:
    """Return the type of the filesystem that ``path`` (absolute, no links) lies on, or "" where unknown."""
    best, kind = -1, ""
    for point, name in _read(table):
        if (path == point or path.startswith(point.rstrip(b"/") + b"/")) and len(point) >= best:
            best, kind = len(point), name
    return kind


def is_network(kind: str) -> bool:
    """Say whether changes on a filesystem of this type may come without a notification."""
    return kind in NETWORK or kind.startswith("fuse")


def _read(table: str) -> List[Tuple[bytes, str]]:
    try:
        with open(table, "rb") as lines:
            rows = [line.split(b" ") for line in lines]
    except OSError:
        return []
    return [(_unescape(row[1]), decode(row[2])) for row in rows if len(row) > 2]


def _unescape(point: bytes) -> bytes:
    return re.sub(rb"\\([0-7]{3})", lambda match: bytes([int(match.group(1), 8) & 255]), point)


def read_limit(name: str) -> int:
    """Return an inotify limit of the kernel (``max_user_watches`` ...), or 0 where there is none."""
    try:
        with open(os.path.join("/proc/sys/fs/inotify", name), "rb") as file:
            return int(file.read())
    except (OSError, ValueError):
        return 0
