"""A tree's paths, sorted by what recognition asks for. Names only: nothing is opened."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import lru_cache

EVENTS = "tfevents"
"""The kind of TensorBoard's files, whose names only contain the word. Other kinds are endings: ``.csv``."""


_REMEMBERED = 4096
"""Names whose kind is kept: those of one run's files come back in the next run."""


@lru_cache(_REMEMBERED)
def _find_kind(name: str) -> str:
    return EVENTS if ".tfevents." in name else name[name.rfind(".") :].lower() if "." in name else ""


class Listing:
    """One pass over the paths of a tree (relative, ``/``-separated); then every question is cheap."""

    def __init__(self, paths: Iterable[str]) -> None:
        self._names: dict[str, list[str]] = defaultdict(list)
        self._with: dict[str, list[str]] = defaultdict(list)
        self._kinds: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._children: dict[str, set[str]] = defaultdict(set)
        self._paths = dict.fromkeys(path for path in paths if path)
        for path in self._paths:
            directory, _, name = path.rpartition("/")
            self._names[directory].append(name)
            self._with[name].append(directory)
            if kind := _find_kind(name):
                self._kinds[kind].append((directory, name))
        for directory in list(self._names):
            self._link(directory)

    def _link(self, directory: str) -> None:
        """Say to every directory above that it holds this one."""
        while directory:
            above, _, name = directory.rpartition("/")
            if name in self._children[above]:
                return
            self._children[above].add(name)
            directory = above

    def __contains__(self, path: str) -> bool:
        return path in self._paths

    def dirs_with(self, name: str) -> Sequence[str]:
        """Return the directories that hold an entry of this name."""
        return self._with.get(name, ())

    def of_kind(self, kind: str) -> Sequence[tuple[str, str]]:
        """Return directory and name of the files whose names end so (in lower case)."""
        return self._kinds.get(kind, ())

    def names_in(self, directory: str) -> Sequence[str]:
        return self._names.get(directory, ())

    def below(self, directory: str, *, depth: int = 64) -> list[str]:
        """Return the paths of everything below ``directory``, relative to it, in order."""
        found: list[str] = []
        stack = [("", directory, depth)]
        while stack:
            prefix, place, left = stack.pop()
            children = self._children.get(place, set())
            found += [prefix + name for name in self._names.get(place, ()) if name not in children]
            if left > 1:
                start = f"{place}/" if place else ""
                stack += [(f"{prefix}{name}/", start + name, left - 1) for name in children]
        return sorted(found)
