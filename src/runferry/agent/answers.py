"""Answers requests, one method each; each ends with one RESULT or ERROR. It reads files and directories, no
more.
"""

import threading
import time
from typing import Any, Callable, Dict, List, Optional, Tuple

from . import browse, names, process, read, scan, wire
from .outlet import Lot, Outlet
from .report import Part, Report, report_tree
from .watch import Follower

_FRAME = 384 * 1024
_ROWS = 4000
_CHILDREN = 20000
_HEARTBEAT = 10.0
_TAIL_PRIORITY = 1

Answer = Callable[["Request"], Any]


class Cancelled(Exception):
    """The client does not want the answer any more."""


class Request:
    """One request under way. ``is_cancelled`` is set by the thread that reads requests."""

    def __init__(self, kind: int, number: int, body: Dict[str, Any]) -> None:
        self.kind = kind
        self.number = number
        self.body = body
        self.priority = int(body.get("priority", 0))
        self.is_cancelled = False
        self.follower: Optional[Follower] = None
        self._lock = threading.Lock()

    def cancel(self) -> None:
        """Ask whoever works on it to stop."""
        with self._lock:
            self.is_cancelled = True
            if self.follower is not None:
                self.follower.stop()

    def attach(self, follower: Follower) -> None:
        """Let ``cancel`` stop this follower."""
        with self._lock:
            self.follower = follower
            if self.is_cancelled:
                follower.stop()

    def check(self) -> None:
        """Raise Cancelled where nobody waits any more."""
        if self.is_cancelled:
            raise Cancelled

    def root(self) -> bytes:
        """Return the absolute root it is about."""
        root = names.encode(self.body["root"])
        if not root.startswith(b"/") or b"\0" in root:
            raise wire.Violation("a root that is not absolute")
        return root

    def locate(self, path: str) -> bytes:
        """Return the absolute path of ``path`` below the root; the client never asks for another one."""
        if not path or not names.is_fine_path(path):
            raise wire.Violation("a path that leads out of the root")
        return scan.locate(self.root(), path)

    def lot(self) -> Lot:
        """Return how its bytes are sent."""
        return Lot(self.priority <= _TAIL_PRIORITY, bool(self.body.get("squeeze")))


class Answers:
    """``serve`` answers one request in the calling thread. ``watch_budget`` None: the default."""

    def __init__(self, outlet: Outlet, watch_budget: Optional[int]) -> None:
        self._outlet = outlet
        self._watch_budget = watch_budget
        self._methods: Dict[int, Answer] = {
            wire.PING: self._ping,
            wire.RESOLVE: self._resolve,
            wire.LIST: self._list,
            wire.SCAN: self._scan,
            wire.FOLLOW: self._follow,
            wire.READ: self._read,
            wire.READ_MANY: self._read_many,
            wire.DIGEST: self._digest,
            wire.STAT: self._stat,
            wire.PROCESSES: self._processes,
        }

    def serve(self, request: Request) -> None:
        """Answer. Trouble with the root or path asked for becomes an ERROR; a file's trouble is a result."""
        try:
            request.check()
            body = self._methods[request.kind](request)
        except Cancelled:
            self._outlet.tell(wire.ERROR, request.number, {"code": "cancelled", "message": ""})
        except OSError as error:
            body = {"code": scan.name_error(error), "message": error.strerror or "it failed"}
            self._outlet.tell(wire.ERROR, request.number, body)
        else:
            if body is not None:
                self._outlet.tell(wire.RESULT, request.number, body)

    def _ping(self, request: Request) -> Any:
        return {"clock": _clock()}

    def _resolve(self, request: Request) -> Any:
        return {"path": names.decode(browse.resolve(request.body["path"]))}

    def _list(self, request: Request) -> Any:
        root = browse.resolve(request.body["path"])
        rows = browse.list_rows(root)
        self._tell_rows(request, None, rows)
        below: List[str] = []
        budget = _CHILDREN if request.body["depth"] > 1 else 0
        for name in [row[0] for row in rows if row[1] == scan.DIR]:
            if budget <= 0:
                break
            try:
                children = browse.list_rows(scan.locate(root, name))
            except OSError:
                continue
            budget -= len(children) + 1
            below.append(name)
            self._tell_rows(request, name, children)
        return {"path": names.decode(root), "read": below}

    def _tell_rows(self, request: Request, directory: Optional[str], rows: List[browse.Row]) -> None:
        for start in range(0, len(rows), _ROWS):
            request.check()
            part = {"in": directory, "rows": rows[start : start + _ROWS]}
            self._outlet.tell(wire.PART, request.number, part)

    def _scan(self, request: Request) -> Any:
        report_tree(request.root(), Report(self._emitter(request)), request.check)
        return {}

    def _follow(self, request: Request) -> Any:
        body = request.body
        emit = self._emitter(request)
        follower = Follower(request.root(), float(body["interval"]), self._watch_budget, emit)
        request.attach(follower)
        follower.run()
        raise Cancelled

    def _emitter(self, request: Request) -> Callable[[Part], None]:
        def emit(part: Part) -> None:
            request.check()
            self._outlet.tell(wire.PART, request.number, part)

        return emit

    def _read(self, request: Request) -> Any:
        body = request.body
        path = request.locate(body["path"])
        clock = _clock()  # before the read: a file must not look older than it was
        try:
            found = read.read_range(path, body["offset"], min(body["length"], read.BLOCK), body["check"])
        except (OSError, read.Refused) as error:
            return {"problem": _problem(error)}
        data, version, stable, head, tail = found
        answer = {"v": version, "stable": stable, "clock": clock, "head": head.hex(), "tail": tail.hex()}
        self._outlet.give(request.number, data, answer, request.lot())
        return None

    def _read_many(self, request: Request) -> Any:
        """Send files until the budget of bytes is used; the client asks again for the others."""
        paths, budget, lot = request.body["paths"], request.body["budget"], request.lot()
        prefix = request.root().rstrip(b"/") + b"/"
        done = 0
        while done < len(paths) and budget > 0:
            request.check()
            parts = [wire.CLOCK.pack(_clock())]
            room = _FRAME
            while done < len(paths) and room > 0:
                if not names.is_fine_path(paths[done]):
                    raise wire.Violation("a path that leads out of the root")
                record, data = _read_record(done, prefix + names.encode(paths[done]))
                parts.append(record)
                parts.append(data)
                room -= len(data) + 64
                done += 1
            budget -= _FRAME - room
            self._outlet.give_raw(wire.RECORDS, request.number, b"".join(parts), lot)
        return {"done": done}

    def _digest(self, request: Request) -> Any:
        path = request.locate(request.body["path"])
        told = time.monotonic()

        def go_on() -> bool:
            nonlocal told
            if time.monotonic() - told > _HEARTBEAT:
                told = time.monotonic()
                self._outlet.tell(wire.PART, request.number, {})
            return not request.is_cancelled

        try:
            length, digest, version = read.digest_start(path, request.body["length"], go_on)
        except (OSError, read.Refused) as error:
            request.check()
            return {"problem": _problem(error)}
        return {"length": length, "digest": digest.hex(), "v": version}

    def _stat(self, request: Request) -> Any:
        rows: List[Any] = []
        for path in request.body["paths"]:
            request.locate(path)
            directory, _, name = path.rpartition("/")
            record = scan.look(scan.locate(request.root(), directory), name, names.depth(directory))
            rows.append(record)
        return {"rows": rows}

    def _processes(self, request: Request) -> Any:
        return {"answers": process.check(request.body["questions"])}


def _read_record(index: int, path: bytes) -> Tuple[bytes, bytes]:
    try:
        data, (size, mtime, ctime, inode, device), stable = read.read_small(path)
    except (OSError, read.Refused) as error:
        code, message = _problem(error)
        data = ("%s\0%s" % (code, message)).encode("utf-8")
        return wire.RECORD.pack(index, wire.PROBLEM, 0, 0, 0, 0, 0, len(data)), data
    return wire.RECORD.pack(index, int(stable), size, mtime, ctime, inode, device, len(data)), data


def _problem(error: Exception) -> Tuple[str, str]:
    if isinstance(error, read.Refused):
        return error.problem
    return scan.explain(error) if isinstance(error, OSError) else ("io", "")


def _clock() -> int:
    return int(time.time() * 1e9)
