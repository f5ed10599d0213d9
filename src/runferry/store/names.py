"""What a remote name is called on a local volume that takes several names for one. Pure but for the probe.

Linux tells ``Model.pt`` from ``model.pt``, and a composed letter from a decomposed one; the usual volumes of macOS and
Windows do not. A local copy on such a volume carries ``FOLDING`` at the end of its directory's name, and in it every
name but the plainest of those that could be confused gets a mark made from its exact spelling. See docs/adr/0004.
"""

from __future__ import annotations

import re
import secrets
from hashlib import blake2b
from pathlib import Path, PurePath
from unicodedata import normalize

FOLDING = "~ci"
"""Ends the directory name of a local copy whose volume folds names; no other one holds a tilde."""

_MARKED = re.compile(r"~[0-9a-f]{12}(\.[^.]*)?$")
_MARK_LENGTH = 13


def folds_names(directory: Path) -> bool:
    """Say whether the volume of ``directory`` takes names for one that differ in case or in Unicode form only.

    A file is made for that, and removed again. Raises OSError.
    """
    directory.mkdir(parents=True, exist_ok=True)
    probe = directory / f"Probe-{secrets.token_hex(4)}-\u00e9"
    probe.touch()
    try:
        others = (probe.name.lower(), normalize("NFD", probe.name))
        return any((directory / other).exists() for other in others)
    finally:
        probe.unlink()


def is_folding(root: PurePath) -> bool:
    """Say whether ``root`` is a local copy in which names are marked."""
    return root.name.endswith(FOLDING)


def localize(root: PurePath, path: str) -> str:
    """Return what the remote ``path`` is called below the local ``root``; for showing, as it checks nothing."""
    return "/".join(map(name_locally, path.split("/"))) if is_folding(root) else path


def describe_place(root: PurePath, path: str) -> str:
    """Return where the remote ``path`` (``""``: the root) is kept, to be shown."""
    return f"{root}/{localize(root, path)}".rstrip("/")


def name_locally(name: str) -> str:
    """Return the name under which a folding volume keeps a remote name; no two names share one, however it folds."""
    if not name or (fold(name) == name and _MARKED.search(name) is None):
        return name
    stem, extension = split_ending(name)
    mark = blake2b(name.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
    return f"{stem}~{mark}{extension}"


def name_remotely(name: str) -> str | None:
    """Return the remote name of what a folding volume keeps as ``name``; None for what was not named by us."""
    for spelling in dict.fromkeys((name, normalize("NFC", name))):  # some volumes decompose what they are given
        stem, extension = split_ending(spelling)
        for remote in (spelling, stem[:-_MARK_LENGTH] + extension):
            if name_locally(remote) == spelling:
                return remote
    return None


def split_ending(name: str) -> tuple[str, str]:
    """Split off what follows the last dot; dots at the beginning do not count."""
    dot = max(0, name.rfind("."))
    return (name[:dot], name[dot:]) if name[:dot].strip(".") else (name, "")


def fold(name: str) -> str:
    """Return one spelling for all names that some volume could take for the same; it folds more than any of them."""
    return normalize("NFKC", normalize("NFKC", name).upper().casefold())
