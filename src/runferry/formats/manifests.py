"""What an artifact version says of itself and of its files: metadata.json and manifests. Opens nothing, never raises.

Runicorn 0.4 writes a list of files with digests; 0.7 archives a dataset as a map from path to blob.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from runferry.formats.document import Document, count_of, objects_of, read_document, text_of, time_of

_LONGEST_PATH = 4096


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """One file of a version. ``digest`` is ``sha256:<hex>`` as written; ``path`` is relative to the version's files."""

    path: str
    size: int
    digest: str | None = None
    modified_at: float | None = None


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a version, and what it only refers to. ``is_archive``: the files are blobs."""

    files: tuple[ManifestFile, ...]
    references: tuple[Document, ...] = ()
    total_size: int = 0
    is_archive: bool = False


def read_details(data: bytes) -> Mapping[str, object]:
    """Return a metadata.json as it was written, as safe JSON; empty where it is unusable."""
    return read_document(data) or {}


def read_manifest(data: bytes) -> Manifest | None:
    """Return the manifest, or None where it is unusable. Files without a sound path are left out."""
    document = read_document(data)
    if document is None:
        return None
    archived = document.get("files")
    if isinstance(archived, dict):
        files = [_read_blob(path, item) for path, item in archived.items() if isinstance(item, dict)]
        size = count_of(document, "total_size_bytes")
        return _make(files, (), size, is_archive=True)
    files = [_read_file(item) for item in objects_of(document, "files")]
    references = tuple(_read_reference(item) for item in objects_of(document, "references"))
    return _make(files, references, count_of(document, "total_size"), is_archive=False)


def is_sound(path: str) -> bool:
    """Say whether a path from a manifest leads nowhere but below the version's files."""
    parts = path.split("/")
    return len(path) <= _LONGEST_PATH and all(part not in ("", ".", "..") and "\0" not in part for part in parts)


def find_parents(details: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Return the parents that a metadata.json names, as {name, version, type}: written as objects or as "name:v1"."""
    written = details.get("parent_artifacts")
    parents: list[Mapping[str, object]] = []
    for item in written if isinstance(written, list) else ():
        if isinstance(item, dict):
            parents.append(item)
        elif isinstance(item, str):
            name, _, version = item.rpartition(":v")
            if name and version.isascii() and version.isdigit() and len(version) < 10:
                parents.append({"name": name, "version": int(version)})
    return parents


def _make(
    files: list[ManifestFile | None], references: tuple[Document, ...], size: int | None, *, is_archive: bool
) -> Manifest:
    found = tuple(file for file in files if file is not None)
    total = sum(file.size for file in found) if size is None else size
    return Manifest(found, references, total, is_archive)


def _read_file(item: Document) -> ManifestFile | None:
    path = item.get("path")  # as it is: a path that were cut or cleaned would be another one
    if not isinstance(path, str) or not is_sound(path):
        return None
    digest = text_of(item, "digest", longest=200)
    return ManifestFile(path, count_of(item, "size") or 0, digest, time_of(item, "modified_at"))


def _read_blob(path: str, item: Document) -> ManifestFile | None:
    sha = text_of(item, "sha256", longest=64)
    if not is_sound(path):
        return None
    return ManifestFile(path, count_of(item, "size_bytes") or 0, f"sha256:{sha}" if sha else None)


def _read_reference(item: Document) -> Document:
    metadata = item.get("metadata")
    return {
        "uri": text_of(item, "uri", longest=_LONGEST_PATH) or "",
        "checksum": text_of(item, "checksum"),
        "size": count_of(item, "size"),
        "metadata": metadata if isinstance(metadata, dict) else {},
    }
