"""Where the files of an artifact version are, relative to a sync's root, and what their bytes must be. Pure."""

from __future__ import annotations

import re

from runferry.store.artifacts import LocalCopy
from runferry.store.catalogue import Numbered

ARCHIVE, BLOBS = "archive/", "archive/blobs/"
MANIFEST = "manifest.json"

_SHA256 = re.compile(r"(?:sha256:)?([0-9a-f]{64})", re.IGNORECASE)


def is_single(version: Numbered) -> bool:
    """Say whether the version is one archived file rather than a directory with a manifest."""
    return version.place.startswith(ARCHIVE) and not version.place.startswith("archive/manifests/")


def manifest_path(copy: LocalCopy, version: Numbered) -> str:
    """Return where the manifest is: archived datasets are one."""
    return copy.path if version.place.startswith(ARCHIVE) else f"{copy.path}/{MANIFEST}"


def find_path(copy: LocalCopy, version: Numbered, *, path: str, digest: str | None) -> str | None:
    """Return where a version's file is; None where that cannot be told."""
    if is_single(version):
        return copy.path
    if not version.place.startswith(ARCHIVE):
        return f"{copy.path}/files/{path}"
    root, blob = copy.path[: len(copy.path) - len(version.place)], find_sha256(digest)
    return f"{root}{BLOBS}{blob[:2]}/{blob}" if blob else None


def find_digest(place: str) -> str | None:
    """Return the digest of an archived blob, which is its name; outputs are named otherwise."""
    return f"sha256:{place.rpartition('/')[2]}" if place.startswith(BLOBS) else None


def find_sha256(digest: str | None) -> str | None:
    """Return the hex digits of a digest; None where it is missing or of another kind."""
    found = _SHA256.fullmatch(digest or "")
    return found[1].lower() if found else None
