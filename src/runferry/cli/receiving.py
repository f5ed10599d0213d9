"""Writes one file of the API below a directory: whole under its name or not at all, continued where it was begun.

It never writes outside that directory, whatever a server calls its files.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from runferry.cli.client import ApiError, Client, NoServer
from runferry.errors import InvalidRequest

PART, MARK = ".runferry-part", ".runferry-etag"
"""Beside a file that is under way: its first bytes, and which version they are of. As the Python client has them."""

TRIES = 5
PAUSE = 0.5
PARTIAL_CONTENT, UNSATISFIABLE = 206, 416


@dataclass(frozen=True, slots=True)
class Received:
    """How a file came: ``size`` bytes, of them ``moved`` now; ``freshness`` as the API says it, ``age`` in seconds."""

    size: int
    moved: int
    freshness: str
    age: int


def find_target(root: Path, path: str) -> Path:
    """Return where ``path`` goes below ``root``. Raises InvalidRequest for one that would lead elsewhere."""
    parts = path.split("/")
    for part in parts:
        if part in {"", ".", ".."} or "\\" in part or "\0" in part or (os.name == "nt" and ":" in part):
            raise InvalidRequest(f"{path!a} cannot be written safely on this machine.")
    target = root.joinpath(*parts)
    existing = target.parent
    while not existing.exists() and existing != root:
        existing = existing.parent
    if existing.exists() and root.exists() and not existing.resolve().is_relative_to(root.resolve()):
        raise InvalidRequest(f"{target}: a link there leads out of {root}.")
    return target


async def receive(
    client: Client, url: str, target: Path, *, mtime: float | None, on_bytes: Callable[[int], None]
) -> Received:
    """Bring a file to ``target``. ``on_bytes`` is told of bytes that count, also those that were here before.

    Raises ApiError, NoServer (the answer broke off too often), InvalidRequest (nothing can be written there).
    """
    part = PartFile(target)
    counted = moved = 0
    for number in range(TRIES):
        progress = Progress(on_bytes, counted)
        try:
            received = await receive_once(client, url, part, progress)
            part.finish(mtime)
        except ApiError as error:
            if error.status != UNSATISFIABLE or number == TRIES - 1:
                raise
            part.drop()  # what we hold is no beginning of what there is now
        except NoServer:
            if number == TRIES - 1:
                raise
            await asyncio.sleep(PAUSE)
        except OSError as error:
            raise InvalidRequest(f"{target} cannot be written: {error.strerror}.") from error
        else:
            return replace(received, moved=moved + received.moved)
        finally:
            counted, moved = progress.counted, moved + progress.moved
    raise AssertionError  # the last try returns or raises


class Progress:
    """Tells of bytes, each once, however often a file is begun again."""

    def __init__(self, on_bytes: Callable[[int], None], counted: int) -> None:
        self._on_bytes = on_bytes
        self.counted = counted
        self.moved = 0
        self.position = 0

    def begin(self, position: int) -> None:
        self.position = position
        self._tell()

    def add(self, amount: int) -> None:
        self.position += amount
        self.moved += amount
        self._tell()

    def _tell(self) -> None:
        if self.position > self.counted:
            self._on_bytes(self.position - self.counted)
            self.counted = self.position


class PartFile:
    """The first bytes of a file that is under way, and the tag of the version they are of."""

    def __init__(self, target: Path) -> None:
        self._part, self._mark = target.with_name(target.name + PART), target.with_name(target.name + MARK)
        self._target = target
        self._descriptor = -1

    def find_begun(self) -> tuple[int, str]:
        """Return how many bytes are here, and their tag; 0 where it is not known what they are of."""
        self._part.parent.mkdir(parents=True, exist_ok=True)
        try:
            return self._part.stat().st_size, self._mark.read_text(encoding="ascii")
        except (FileNotFoundError, UnicodeDecodeError):
            return 0, ""

    def begin(self, position: int, etag: str) -> None:
        """Write from ``position`` on. What is of another version goes before its tag does."""
        self._descriptor = os.open(self._part, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        os.ftruncate(self._descriptor, position)
        os.lseek(self._descriptor, position, os.SEEK_SET)
        self._mark.write_text(etag, encoding="ascii")

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._descriptor, view) :]

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def drop(self) -> None:
        self._part.unlink(missing_ok=True)

    def finish(self, mtime: float | None) -> None:
        """Give the file its name."""
        if mtime is not None:
            os.utime(self._part, (mtime, mtime))
        self._part.replace(self._target)
        self._mark.unlink(missing_ok=True)


async def receive_once(client: Client, url: str, part: PartFile, progress: Progress) -> Received:
    begun, etag = part.find_begun()
    headers = {"Range": f"bytes={begun}-", "If-Range": etag} if begun and etag else {}
    try:
        async with client.stream(url, headers) as response:
            start = begun if response.status_code == PARTIAL_CONTENT else 0
            part.begin(start, response.headers.get("ETag", ""))
            progress.begin(start)
            async for piece in response.aiter_raw():
                part.write(piece)
                progress.add(len(piece))
            freshness, age = response.headers.get("Runferry-Freshness", "live"), response.headers.get("Age", "0")
            return Received(progress.position, progress.moved, freshness, int(age))
    finally:
        part.close()
