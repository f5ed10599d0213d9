"""Runicorn's artifacts: 0.4's version lists, and what 0.7 archives for its runs. Opens nothing."""

from __future__ import annotations

import re
from collections.abc import Iterable

from runferry.formats.document import Document, count_of, objects_of, read_document, text_of, time_of
from runferry.model import ArtifactVersion

_ARTIFACT = r"(?:.*/)?artifacts/(?P<type>[^/]+)/(?P<name>[^/]+)"
_LIST = re.compile(rf"{_ARTIFACT}/versions\.json", re.DOTALL)
_VERSION = re.compile(rf"{_ARTIFACT}/v(?P<version>\d{{1,9}})", re.DOTALL)
_LARGEST_VERSION = 10**9
_ARCHIVE = "/archive/"
_KINDS = (("outputs", "output"), ("datasets", "dataset"), ("pretrained", "model"))


def is_version_list(path: str) -> bool:
    return _LIST.fullmatch(path) is not None


def is_version_dir(path: str) -> bool:
    return _VERSION.fullmatch(path) is not None


def artifacts_touched(changed: Iterable[str]) -> dict[str, set[str]]:
    """Return ``artifacts/<type>/<name>`` directories, each with those of its ``v<N>`` that changed."""
    touched: dict[str, set[str]] = {}
    for path in changed:
        if not path.endswith((".json", "/.deleted")) or "artifacts/" not in path:
            continue
        directory = path.rpartition("/")[0]
        if is_version_list(path):
            touched.setdefault(directory, set())
        elif is_version_dir(directory):
            touched.setdefault(directory.rpartition("/")[0], set()).add(directory)
    return touched


def read_versions(path: str, data: bytes) -> list[ArtifactVersion] | None:
    """Read a versions.json, or return None where it is unusable.

    Aliases are those of the top-level map: the lists inside the versions are not kept up to date by Runicorn.
    """
    place, document = _LIST.fullmatch(path), read_document(data)
    if place is None or document is None:
        return None
    directory = path.rpartition("/")[0]
    aliases = _read_aliases(document)
    found: dict[int, ArtifactVersion] = {}
    for item in objects_of(document, "versions"):
        number = count_of(item, "version", largest=_LARGEST_VERSION)
        if number is not None:
            found[number] = _read_version(
                item,
                name=text_of(document, "artifact_name") or place["name"],
                type=text_of(document, "artifact_type") or place["type"],
                path=f"{directory}/v{number}",
                aliases=tuple(aliases.get(number, ())),
            )
    return list(found.values())


def read_version_metadata(path: str, data: bytes) -> ArtifactVersion | None:
    """Read a version's metadata.json, or return None where it is unusable.

    It stands in where versions.json (which only its owner may read) is not at hand. Its aliases may be stale:
    none are taken.
    """
    directory, _, name = path.rpartition("/")
    place, document = _VERSION.fullmatch(directory), read_document(data)
    if place is None or document is None or name != "metadata.json":
        return None
    return _read_version(
        {**document, "version": int(place["version"])},
        name=text_of(document, "name") or place["name"],
        type=text_of(document, "type") or place["type"],
        path=directory,
        aliases=(),
    )


def read_archived_assets(path: str, assets: Document, *, run_id: str, place: str) -> list[ArtifactVersion]:
    """Read the archived outputs, datasets and pretrained models of the run in ``path``, 0.7's path ``place``.

    Each is known by the archived file it is made of, so that what several runs share is one artifact.
    """
    found: dict[str, ArtifactVersion] = {}
    for field, type_ in _KINDS:
        for item in objects_of(assets, field):
            archived = _archived_below(path, place, text_of(item, "archive_path", longest=4096))
            name = text_of(item, "name")
            if archived is None or name is None:
                continue
            is_output = field == "outputs"
            found[archived] = ArtifactVersion(
                name=f"{place}/{name}" if is_output and place else name,
                type=type_,
                version=1,  # 0.7 counts no versions: it tells contents apart by their fingerprints
                path=archived,
                created_at=time_of(item, "archived_at"),
                size_bytes=count_of(item, "total_size_bytes") or 0,
                num_files=count_of(item, "file_count", largest=2**31 - 1) or 1,
                created_by_run=run_id if is_output else None,
            )
    return list(found.values())


def _read_version(item: Document, *, name: str, type: str, path: str, aliases: tuple[str, ...]) -> ArtifactVersion:
    return ArtifactVersion(
        name=name,
        type=type,
        version=count_of(item, "version", largest=_LARGEST_VERSION) or 0,
        path=path,
        created_at=time_of(item, "created_at"),
        size_bytes=count_of(item, "size_bytes") or 0,
        num_files=count_of(item, "num_files", largest=2**31 - 1) or 0,
        created_by_run=text_of(item, "created_by_run"),
        aliases=aliases,
    )


def _read_aliases(document: Document) -> dict[int, list[str]]:
    written = document.get("aliases")
    aliases: dict[int, list[str]] = {}
    for alias in sorted(written) if isinstance(written, dict) else ():
        number = count_of({"version": written[alias]}, "version") if isinstance(written, dict) else None
        if number is not None:
            aliases.setdefault(number, []).append(alias[:200])
    return aliases


def _archived_below(path: str, place: str, archive_path: str | None) -> str | None:
    """Turn the server's absolute ``archive_path`` into one relative to the same root as ``path``."""
    before, found, inside = (archive_path or "").rpartition(_ARCHIVE)
    storage = _storage_of(path, place)
    if not found or storage is None or not before:
        return None
    parts = inside.split("/")
    if any(part in ("", ".", "..") or "\ufffd" in part for part in parts):
        return None
    return "/".join([*storage, "archive", *parts])


def _storage_of(path: str, place: str) -> list[str] | None:
    """Return the parts of the storage root above ``runs``; None where it lies above what is synced."""
    above = path.split("/")[:-1]
    own = ["runs", *place.split("/")] if place else ["runs"]
    if above[-len(own) :] == own:
        return above[: -len(own)]
    return above[: above.index("runs")] if "runs" in above else None
