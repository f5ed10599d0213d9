"""What an artifact's manifest says its files' bytes are, and whether they are. It fetches nothing and removes nothing.

A manifest is ``manifest.json`` beside a directory ``files``; its digests are ``sha256:<hex>``.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections import OrderedDict
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import orjson

from runferry.blocking import in_thread
from runferry.errors import RemoteFailed
from runferry.model import Version
from runferry.store.cache import Place
from runferry.store.contained import open_file

LARGEST_MANIFEST = 64 * 1024 * 1024
REMEMBERED = 4096
MANIFESTS = 8
_PIECE = 1024 * 1024
_FILES = "/files/"
_NAMED = re.compile(r"(?:^|/)(?:archive/blobs|artifacts/\.dedup)/[0-9a-f]{2}/([0-9a-f]{64})$")
"""Stored contents are called what they are."""


class DigestMismatch(RemoteFailed):
    """The bytes the server gave are not those that the manifest promises."""


@dataclass(frozen=True, slots=True)
class Expected:
    """The sha256 (hex) that the manifest ``source`` gives for one file."""

    sha256: str
    source: str


class Digests:
    """Finds expected digests below local roots and remembers what was found right or wrong."""

    def __init__(self) -> None:
        self._manifests: OrderedDict[tuple[str, int, int], dict[str, str]] = OrderedDict()
        self._proven: OrderedDict[tuple[Place, Version], str | None] = OrderedDict()

    def find(self, root: Path, path: str) -> Expected | None:
        """Return what a manifest held here says of ``path``; None where none speaks of it. Blocks."""
        if named := _NAMED.search(path):
            return Expected(named[1], "its own name")
        start = path.find(_FILES)
        while start > 0:
            source = f"{path[:start]}/manifest.json"
            digest = self._read(root, source).get(path[start + len(_FILES) :], "")
            kind, _, value = digest.partition(":")
            if kind == "sha256" and value:
                return Expected(value.lower(), source)
            start = path.find(_FILES, start + 1)
        return None

    def is_proven(self, place: Place, version: Version) -> bool:
        """Say whether these bytes were compared and found right. Raises DigestMismatch where they were found wrong."""
        key = place, version
        if key not in self._proven:
            return False
        sentence = self._proven[key]
        if sentence is not None:
            raise DigestMismatch(sentence)
        return True

    def judge(self, place: Place, version: Version, expected: Expected, found: str) -> None:
        """Remember how a comparison ended. Raises DigestMismatch."""
        is_right = found == expected.sha256
        sentence = (
            None
            if is_right
            else (
                f"The bytes of {place[1]} are not those its manifest promises (sha256 {found[:16]}..., expected "
                f"{expected.sha256[:16]}... by {expected.source}): the file on the server is damaged or was replaced."
            )
        )
        self._proven[place, version] = sentence
        while len(self._proven) > REMEMBERED:
            self._proven.popitem(last=False)
        if sentence is not None:
            raise DigestMismatch(sentence)

    async def check(self, descriptor: int, place: Place, version: Version, expected: Expected) -> None:
        """Compare the first ``version.size`` bytes of an open file. Raises DigestMismatch."""
        if not self.is_proven(place, version):
            self.judge(place, version, expected, await in_thread(hash_open, descriptor, version.size))

    async def guard(
        self, pieces: AsyncIterator[bytes], place: Place, version: Version, expected: Expected
    ) -> AsyncGenerator[bytes, None]:
        """Pass on the bytes of a whole file, the last of them only if all are right. Raises DigestMismatch."""
        state = hashlib.sha256()
        kept: bytes | None = None
        async for piece in pieces:
            if kept is not None:
                yield kept
            await in_thread(state.update, piece)
            kept = piece
        self.judge(place, version, expected, state.hexdigest())
        if kept is not None:
            yield kept

    def _read(self, root: Path, source: str) -> dict[str, str]:
        try:
            descriptor = open_file(root, source)
        except OSError:
            return {}
        with os.fdopen(descriptor, "rb") as file:
            status = os.fstat(descriptor)
            key = (f"{root}/{source}", status.st_mtime_ns, status.st_size)
            if key not in self._manifests:
                data = file.read(LARGEST_MANIFEST) if status.st_size <= LARGEST_MANIFEST else b""
                self._manifests[key] = read_manifest(data)
                while len(self._manifests) > MANIFESTS:
                    self._manifests.popitem(last=False)
        return self._manifests.get(key, {})


def read_manifest(data: bytes) -> dict[str, str]:
    """Return the digest of each file a manifest names; nothing for what is no manifest."""
    found: dict[str, str] = {}
    with suppress(orjson.JSONDecodeError, RecursionError):
        document = orjson.loads(data)
        files = document.get("files") if isinstance(document, dict) else None
        for file in files if isinstance(files, list) else ():
            if isinstance(file, dict):
                path, digest = file.get("path"), file.get("digest")
                if isinstance(path, str) and isinstance(digest, str):
                    found[path] = digest
    return found


def hash_open(descriptor: int, length: int) -> str:
    """Return the sha256 (hex) of the first ``length`` bytes. Blocks."""
    state, offset = hashlib.sha256(), 0
    while offset < length:
        piece = os.pread(descriptor, min(_PIECE, length - offset), offset)
        if not piece:
            break
        state.update(piece)
        offset += len(piece)
    return state.hexdigest()
