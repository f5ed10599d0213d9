"""Which local file already holds the bytes of a listed one: hard links, and files under an old name. Pure.

A version that includes an inode names one file's content wherever it is listed, so a second name of it need not cross
the wire again.
"""

from __future__ import annotations

from runferry.model import Entry, Version
from runferry.store.sync_state import Held


class Twins:
    """Finds a home for a version, and makes names of one file wait for the first of them."""

    def __init__(self) -> None:
        self._homes: dict[Version, tuple[str, bool]] = {}  # path, and whether its content is racy
        self._leaders: dict[tuple[int, int], str] = {}
        self._key_of: dict[str, tuple[int, int]] = {}
        self._waiting: dict[str, list[str]] = {}

    def settle(self, path: str, held: Held) -> None:
        """Note that ``path`` holds ``held.version``."""
        if held.version.inode:
            self._homes[held.version] = path, held.is_racy

    def home_of(self, entry: Entry) -> str | None:
        """Return another path that held exactly this version when last heard of.

        A racy one may have changed unseen since: it can lend its bytes only to another name of the same file.
        """
        found = self._homes.get(entry.version)
        if found is None:
            return None
        home, is_racy = found
        return None if home == entry.path or (is_racy and entry.links < 2) else home

    def forget_home(self, version: Version) -> None:
        self._homes.pop(version, None)

    def must_wait(self, entry: Entry) -> bool:
        """Say whether another name of the same file is being fetched; ``entry`` then waits for ``release``."""
        key = entry.inode_key
        if key is None:
            return False
        leader = self._leaders.setdefault(key, entry.path)
        if leader == entry.path:
            self._key_of[leader] = key
            return False
        names = self._waiting.setdefault(leader, [])
        if entry.path not in names:
            names.append(entry.path)
        return True

    def release(self, path: str) -> list[str]:
        """Return the names that waited for ``path``, whatever has become of it."""
        key = self._key_of.pop(path, None)
        if key is not None:
            del self._leaders[key]
        return self._waiting.pop(path, [])

    def start_over(self) -> None:
        """Forget who waits for whom (homes stay true)."""
        self._leaders.clear()
        self._key_of.clear()
        self._waiting.clear()
