"""Linux's inotify through ctypes. It knows watches and events, nothing of trees. Raises OSError where there
is none.
"""

import ctypes
import errno
import os
import struct
from typing import Any, List, Tuple

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF = 0x400, 0x800
UNMOUNT, OVERFLOW, IGNORED = 0x2000, 0x4000, 0x8000
ISDIR = 0x40000000
_ONLYDIR, _DONT_FOLLOW, _EXCL_UNLINK = 0x1000000, 0x2000000, 0x4000000

CONTENT = MODIFY | CLOSE_WRITE | MOVED_TO | CREATE
"""Events after which a file counts as changed even where lstat says the same as before."""

_MASK = (
    MODIFY
    | ATTRIB
    | CLOSE_WRITE
    | MOVED_FROM
    | MOVED_TO
    | CREATE
    | DELETE
    | DELETE_SELF
    | MOVE_SELF
    | _ONLYDIR
    | _DONT_FOLLOW
    | _EXCL_UNLINK
)
_EVENT = struct.Struct("iIII")
_BUFFER = 64 * 1024

Event = Tuple[int, int, bytes]


class Inotify:
    """One inotify instance; ``descriptor`` can be polled. ``close`` is idempotent."""

    def __init__(self) -> None:
        try:
            self._libc: Any = ctypes.CDLL(None, use_errno=True)
            self.descriptor = int(self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        except (AttributeError, TypeError) as error:
            raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS)) from error
        if self.descriptor < 0:
            raise _last_error()

    def add(self, path: bytes) -> int:
        """Watch a directory and return the watch's number, the same one for the same directory."""
        watch = int(self._libc.inotify_add_watch(self.descriptor, ctypes.c_char_p(path), ctypes.c_uint32(_MASK)))
        if watch < 0:
            raise _last_error()
        return watch

    def remove(self, watch: int) -> None:
        """Stop a watch; one that is gone already is no error."""
        self._libc.inotify_rm_watch(self.descriptor, ctypes.c_int(watch))

    def read(self) -> List[Event]:
        """Return the events at hand, (watch, mask, name), without waiting: at most what one buffer holds."""
        try:
            data = os.read(self.descriptor, _BUFFER)
        except BlockingIOError:
            return []
        events = []
        at = 0
        while at < len(data):
            watch, mask, _, length = _EVENT.unpack_from(data, at)
            at += _EVENT.size
            events.append((watch, mask, data[at : at + length].rstrip(b"\0")))
            at += length
        return events

    def close(self) -> None:
        """Give the instance and all its watches back."""
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
