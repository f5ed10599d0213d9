"""What every file of a tree has ever held, and whether a local copy shows nothing else: the invariants of design.md."""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from runferry.store.files import content_hash
from runferry.store.sync_state import FileRecord
from runferry.sync.plan import may_grow


class History:
    """Tell it of every change before it is made, then ``check`` at any moment.

    ``versions`` are the generations of a file that grows, each as long as it ever was, and every content of another.
    """

    def __init__(self) -> None:
        self.versions: dict[str, list[bytes]] = {}
        self._seen: dict[str, int] = {}
        self._generations: dict[tuple[str, int], bytes] = {}

    def begin(self, path: str, content: bytes) -> None:
        """``path`` is about to hold ``content``, whatever it held before."""
        self.versions.setdefault(path, []).append(content)

    def extend(self, path: str, data: bytes) -> None:
        """``data`` is about to be written behind what ``path`` holds now."""
        versions = self.versions.setdefault(path, [b""])
        if may_grow(path):
            versions[-1] += data
        else:
            versions.append(versions[-1] + data)

    def check(self, local: Path) -> None:
        """Look at every local file: nothing that never was, nothing torn, nothing older than what was here before."""
        for folder, _, names in os.walk(local):
            for name in names:
                file = Path(folder, name)
                with suppress(FileNotFoundError):
                    self._check_file(file.relative_to(local).as_posix(), file.read_bytes())

    def _check_file(self, path: str, content: bytes) -> None:
        known = self.versions.get(path, [])
        matches = [
            number
            for number, version in enumerate(known)
            if (version.startswith(content) if may_grow(path) else version == content)
        ]
        shown = [(len(version), version[:24]) for version in known]
        assert matches, f"{path} holds {len(content)} bytes that never were: {content[:24]!r}, not of {shown}"
        newest_seen = self._seen.get(path, 0)
        assert matches[-1] >= newest_seen, f"{path} went back from version {newest_seen} to {matches[-1]} of {shown}"
        self._seen[path] = max(newest_seen, matches[0])

    def check_records(self, local: Path, records: Mapping[str, FileRecord]) -> None:
        """At rest: the index tells of what is on the disk, and one generation is never another's content."""
        for path, record in records.items():
            if record.held is None:
                continue
            content = (local / path).read_bytes()
            held = record.held
            assert held.version.size == len(content), f"{path}: {held.version.size} bytes in the index"
            assert held.content_hash in (b"", content_hash(content)), f"{path}: another hash in the index"
            before = self._generations.get((path, held.generation))
            if before is not None:
                is_same = content.startswith(before) if may_grow(path) else content == before
                assert is_same, f"{path}: generation {held.generation} is {content[:24]!r} and was {before[:24]!r}"
            self._generations[path, held.generation] = content
