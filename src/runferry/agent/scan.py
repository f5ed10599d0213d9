"""What lies in a directory, as lstat sees it. It follows no link, opens no file and keeps no state.

A ``Record`` is what is known of one name: ``(kind, size, mtime_ns, ctime_ns, inode, device, links, target,
problem)``. Two equal records are taken for the same thing. Of a directory only its identity counts (inode and
device): its times and size change with its content, and that is reported for itself.
"""

import errno
import os
import stat
from typing import Dict, Iterator, Optional, Tuple, Union

from . import names

FILE, DIR, LINK, OTHER = 0, 1, 2, 3
BAD = 4  # a name that cannot be spoken about: a problem, never an entry
UNSURE = 5  # it is there but cannot be looked at: what was known of it stays

LAST_TIME = 2**63 - 1

Problem = Tuple[str, str]  # code (see ``model.ProblemCode``), message
Record = Tuple[int, int, int, int, int, int, int, Optional[str], Optional[Problem]]

_ABSENT = frozenset((errno.ENOENT, errno.ENOTDIR))


def is_absent(error: OSError) -> bool:
    """Say whether an error means that the name is not there (any other one never counts as "deleted")."""
    return error.errno in _ABSENT


def explain(error: OSError) -> Problem:
    """Return the problem that an error with one file or directory becomes."""
    if is_absent(error):
        return "vanished", "It is no longer there."
    if error.errno in (errno.EACCES, errno.EPERM):
        return "denied", "The account may not read it on the server."
    if error.errno == errno.ELOOP:
        return "link", "It is a symbolic link, which is not followed."
    if error.errno == errno.ENAMETOOLONG:
        return "name", "Its path is too long for the server."
    return "io", "The server cannot read it: %s." % os.strerror(error.errno or errno.EIO)


def name_error(error: OSError) -> str:
    """Return the code of an error with a root or a directory browsed."""
    if isinstance(error, PermissionError):
        return "denied"
    return {errno.ENOENT: "not-found", errno.ENOTDIR: "not-a-directory"}.get(error.errno or 0, "io")


def list_records(directory: bytes, depth: int) -> Dict[str, Record]:
    """Return a record for each name in ``directory``, which lies ``depth`` levels below the root. Raises
    OSError.
    """
    records: Dict[str, Record] = {}
    too_deep = depth >= names.MAX_DEPTH
    with os.scandir(directory) as items:
        for item in items:
            name = names.decode(item.name)
            if too_deep or not names.is_fine(name):
                records[name] = _refuse(too_deep)
                continue
            try:
                status = item.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            except OSError as error:
                records[name] = (UNSURE, 0, 0, 0, 0, 0, 1, None, explain(error))
                continue
            records[name] = describe(item.path, status)
    return records


def look(directory: bytes, name: str, depth: int) -> Optional[Record]:
    """Return the record of one name in ``directory``, or None where it is not there."""
    too_deep = depth >= names.MAX_DEPTH
    is_refused = too_deep or not names.is_fine(name)
    path = directory + b"/" + names.encode(name)
    try:
        status = os.lstat(path)
    except OSError as error:
        if is_absent(error):
            return None
        return _refuse(too_deep) if is_refused else (UNSURE, 0, 0, 0, 0, 0, 1, None, explain(error))
    return _refuse(too_deep) if is_refused else describe(path, status)


def describe(path: bytes, status: os.stat_result) -> Record:
    """Return the record of what lstat said of ``path``; a link is read and tried, nothing else is touched."""
    mode = status.st_mode
    if stat.S_ISDIR(mode):
        return DIR, 0, 0, 0, status.st_ino, status.st_dev, 1, None, None
    kind = FILE
    target: Optional[str] = None
    problem: Optional[Problem] = None
    if stat.S_ISLNK(mode):
        kind = LINK
        target, problem = _try_link(path)
    elif not stat.S_ISREG(mode):
        kind, problem = OTHER, ("special", "It is %s: it is never opened." % _name_type(mode))
    return (
        kind,
        status.st_size,
        hold_time(status.st_mtime_ns),
        hold_time(status.st_ctime_ns),
        status.st_ino,
        status.st_dev,
        status.st_nlink,
        target,
        problem,
    )


def hold_time(time_ns: int) -> int:
    """Return a file's time within 64 bits: some filesystems hold times after the year 2262, no index does."""
    if -LAST_TIME <= time_ns <= LAST_TIME:
        return time_ns
    return LAST_TIME if time_ns > 0 else -LAST_TIME


def _refuse(too_deep: bool) -> Record:
    text = "It lies deeper than %d levels." % names.MAX_DEPTH
    if not too_deep:
        text = "Its name is not UTF-8, is too long, or holds a backslash or a drive prefix."
    return BAD, 0, 0, 0, 0, 0, 1, None, ("name", text)


def _try_link(path: bytes) -> Tuple[Optional[str], Problem]:
    try:
        target = names.escape(names.decode(os.readlink(path)))
    except OSError as error:
        return None, explain(error)
    try:
        os.stat(path)
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP):
            return target, ("dangling", "symbolic link to %s, which leads nowhere" % target)
    return target, ("link", "symbolic link to %s; not followed" % target)


def _name_type(mode: int) -> str:
    if stat.S_ISFIFO(mode):
        return "a FIFO"
    return "a socket" if stat.S_ISSOCK(mode) else "a device"


def identify(root: bytes) -> Tuple[int, int]:
    """Return (device, inode) of a root. Raises OSError, NotADirectoryError where it is no directory (or a
    link).
    """
    status = os.lstat(root)
    if not stat.S_ISDIR(status.st_mode):
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR))
    return status.st_dev, status.st_ino


Listed = Union[Dict[str, Record], OSError]


def walk(root: bytes) -> Iterator[Tuple[str, Listed]]:
    """Yield (path of a directory, its records or the error that reading it gave), parents first."""
    todo = [""]
    while todo:
        path = todo.pop()
        try:
            records = list_records(locate(root, path), names.depth(path))
        except OSError as error:
            yield path, error
            continue
        yield path, records
        todo.extend(names.join(path, name) for name, record in records.items() if record[0] == DIR)


def locate(root: bytes, path: str) -> bytes:
    """Return the absolute path, in bytes, of ``path`` below ``root``."""
    if not path:
        return root
    return root.rstrip(b"/") + b"/" + names.encode(path)
