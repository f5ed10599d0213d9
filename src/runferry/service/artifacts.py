"""Artifacts: listed over all servers, with versions, files and what they say of themselves; deleted here only.

It reads the index and the local copies. The one thing it may fetch is a manifest that is not here yet.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from runferry.blocking import in_thread
from runferry.errors import NotFound, RunferryError
from runferry.formats.manifests import Manifest, ManifestFile, read_details, read_manifest
from runferry.service.artifact_places import find_digest, find_path, find_sha256, is_single, manifest_path
from runferry.service.demand import Demand
from runferry.service.file_facts import FileSpot
from runferry.service.recycle import RecycleBin
from runferry.store.artifact_files import ArtifactFiles, ListedFile
from runferry.store.artifacts import ArtifactStore, LocalCopy
from runferry.store.catalogue import Artifact, Catalogue, Numbered, find_version
from runferry.store.db import Database
from runferry.store.recycle import Place, RecycleStore
from runferry.store.run_facts import find_place, list_items
from runferry.store.run_links import RunLinks

MANIFEST_SECONDS = 20.0
"""How long a manifest that is not here is waited for before the version is shown without it."""

METADATA = "metadata.json"


@dataclass(frozen=True, slots=True)
class Which:
    """What tells artifacts of one name apart."""

    type: str | None = None
    server: str | None = None
    root: str | None = None


@dataclass(frozen=True, slots=True)
class VersionDetails:
    """One version; ``details`` is its metadata.json as written, empty where that is not here."""

    version: Numbered
    details: Mapping[str, object]
    local_dir: str | None


@dataclass(frozen=True, slots=True)
class FileView:
    """One file of a version; ``absolute_path`` is where its bytes are on this machine, None where they are not."""

    path: str
    size: int
    digest: str | None
    modified_at: float | None
    absolute_path: str | None


@dataclass(frozen=True, slots=True)
class VersionFiles:
    """The files of a version. ``is_complete`` False: the manifest is not at hand, so these are what was listed."""

    version: Numbered
    files: Sequence[FileView] = ()
    references: Sequence[Mapping[str, object]] = ()
    total_size: int = 0
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class Stats:
    """Counts over all artifacts; ``by_type`` and ``by_server`` hold artifacts, versions and bytes."""

    artifacts: int
    versions: int
    size_bytes: int
    by_type: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    by_server: Mapping[str, Mapping[str, int]] = field(default_factory=dict)


class Artifacts:
    """The artifacts of all servers."""

    def __init__(
        self, db: Database, data_dir: Path, demand: Demand, bin_: RecycleBin, *, clock: Callable[[], float]
    ) -> None:
        self._store = ArtifactStore(db)
        self._files = ArtifactFiles(db, data_dir)
        self._links = RunLinks(db)
        self._recycle = RecycleStore(db)
        self._data_dir = data_dir
        self._demand = demand
        self._bin = bin_
        self._clock = clock

    async def all(self, which: Which) -> Sequence[Artifact]:
        """Return the artifacts of a type, a server or a root, or all."""
        catalogue = await in_thread(self.load)
        wanted = (("type", which.type), ("server", which.server), ("root", which.root))
        return [one for one in catalogue.artifacts if all(value in (None, getattr(one, key)) for key, value in wanted)]

    async def stats(self) -> Stats:
        return count((await in_thread(self.load)).artifacts)

    async def find(self, name: str, which: Which) -> Artifact:
        """Raises NotFound, and Ambiguous with what tells the candidates apart."""
        catalogue = await in_thread(self.load, name)
        return catalogue.find(name, type=which.type, server=which.server, root=which.root)

    async def get(self, name: str, number: int, which: Which) -> VersionDetails:
        """Return one version. Raises as ``find`` does."""
        version = find_version(await self.find(name, which), number)
        return await in_thread(self._describe, version)

    async def files(self, name: str, number: int, which: Which) -> VersionFiles:
        """Return the files of a version, as its manifest lists them. Raises as ``find`` does."""
        version = find_version(await self.find(name, which), number)
        manifest = await self._find_manifest(version)
        if manifest is None:
            return await in_thread(self._list_without_manifest, version)
        return await in_thread(self._list_files, version, manifest)

    async def locate(self, name: str, number: int, path: str, which: Which) -> FileSpot:
        """Return where one file of a version is. Raises NotFound (the artifact, its version, the file), Ambiguous."""
        found = await self.files(name, number, which)
        file = next((one for one in found.files if one.path == path), None)
        spot = self.find_spot(found.version, file) if file is not None else None
        if spot is None:
            raise NotFound(f"{name}:v{number} has no file {path}.")
        return spot

    def find_spot(self, version: Numbered, file: FileView) -> FileSpot | None:
        """Return where a file of a version is: where its server can be asked for it, else where it is held.

        None: its manifest does not tell.
        """
        spots = []
        for copy in version.row.copies:
            path = find_path(copy, version, path=file.path, digest=file.digest)
            if path is not None:
                root, sha256 = self._data_dir / copy.local_dir, find_sha256(file.digest)
                spot = FileSpot(copy.sync_id, path, root, copy.last_sync_at, sha256=sha256)
                is_held = self._files.locate(copy, path) == file.absolute_path
                spots.append((not self._demand.can_reach(copy.sync_id), not is_held, copy.sync_id, spot))
        return min(spots, key=lambda one: one[:3])[-1] if spots else None

    async def delete(self, name: str, number: int, which: Which, *, is_permanent: bool) -> tuple[Numbered, int]:
        """Hide a version here, whatever syncs bring; permanently: also remove its local bytes. Returns those freed."""
        version = find_version(await self.find(name, which), number)
        row = version.row
        place = Place(row.server_id, row.remote_dir)
        if not is_permanent:
            await in_thread(self._hide, [place], is_emptied=False)
            return version, 0
        manifest = await in_thread(self._read_manifest, version)
        await in_thread(self._hide, [place], is_emptied=True)
        freed = await self._bin.remove([place])
        unshared = await in_thread(self._find_unshared, version, manifest)
        if unshared:
            await in_thread(self._hide, unshared, is_emptied=True)
            freed += await self._bin.remove(unshared)
        return version, freed

    def load(self, name: str | None = None) -> Catalogue:
        """Return all artifacts, or those with this name. Blocks."""
        return Catalogue(self._store.list_all(name))

    def read_details(self, version: Numbered) -> Mapping[str, object]:
        """Return a version's metadata.json; empty where it is not here. Blocks."""
        for copy in version.row.copies:
            data = self._files.read(copy, f"{copy.path}/{METADATA}")
            if data is not None:
                return read_details(data)
        return {}

    def _describe(self, version: Numbered) -> VersionDetails:
        copies = [self._files.locate(copy, copy.path) for copy in version.row.copies]
        present = next((path for path in copies if Path(path).exists()), None)
        return VersionDetails(version, self.read_details(version), present)

    def _hide(self, places: Sequence[Place], *, is_emptied: bool) -> None:
        self._recycle.hide(places, at=self._clock(), is_emptied=is_emptied)

    # Manifests and files

    async def _find_manifest(self, version: Numbered) -> Manifest | None:
        """Return the manifest, fetching it where a server can be reached; None where there is none to be had."""
        manifest = await in_thread(self._read_manifest, version)
        if manifest is not None or is_single(version):
            return manifest
        for copy in version.row.copies:
            if not self._demand.can_reach(copy.sync_id):
                continue
            try:
                async with asyncio.timeout(MANIFEST_SECONDS):
                    await self._demand.fetch(copy.sync_id, manifest_path(copy, version))
            except (RunferryError, TimeoutError):
                continue
            return await in_thread(self._read_manifest, version)
        return None

    def _read_manifest(self, version: Numbered) -> Manifest | None:
        for copy in version.row.copies:
            if is_single(version):
                name = version.artifact.name.rpartition("/")[2]
                digest = find_digest(version.place) or self._find_fingerprint(version)
                size = next((file.size for file in self._files.find(copy.sync_id, [copy.path]).values()), 0)
                return Manifest((ManifestFile(name, size, digest, version.row.version.created_at),), (), size)
            data = self._files.read(copy, manifest_path(copy, version))
            manifest = read_manifest(data) if data is not None else None
            if manifest is not None:
                return manifest
        return None

    def _find_fingerprint(self, version: Numbered) -> str | None:
        """Return the digest that the run which made an archived output has noted of it."""
        for run in self._links.linked(version.row.server_id, version.artifact.root, version.place):
            for _, _, item in list_items(self._links.assets(run.key)):
                fingerprint, kind = item.get("fingerprint"), item.get("fingerprint_kind")
                if find_place(item) == version.place and kind == "sha256" and isinstance(fingerprint, str):
                    return f"sha256:{fingerprint}"
        return None

    def _list_files(self, version: Numbered, manifest: Manifest) -> VersionFiles:
        held: dict[str, str] = {}
        for copy in version.row.copies:
            places = {
                file.path: find_path(copy, version, path=file.path, digest=file.digest) for file in manifest.files
            }
            listed = self._files.find(copy.sync_id, {place for place in places.values() if place})
            for path, place in places.items():  # files of one content share a place in an archive
                if place in listed and listed[place].is_held:
                    held.setdefault(path, self._files.locate(copy, place))
        files = [
            FileView(file.path, file.size, file.digest, file.modified_at, held.get(file.path))
            for file in manifest.files
        ]
        return VersionFiles(version, files, manifest.references, manifest.total_size)

    def _list_without_manifest(self, version: Numbered) -> VersionFiles:
        """Return what the server's listing shows below the version's files."""
        found: dict[str, tuple[LocalCopy, ListedFile]] = {}
        for copy in version.row.copies:
            start = f"{copy.path}/files"
            for listed in self._files.below(copy.sync_id, start):
                name = listed.path[len(start) + 1 :]
                if name not in found or (listed.is_held and not found[name][1].is_held):
                    found[name] = (copy, listed)
        files = [
            FileView(
                name,
                listed.size,
                None,
                listed.mtime,
                self._files.locate(copy, listed.path) if listed.is_held else None,
            )
            for name, (copy, listed) in sorted(found.items())
        ]
        size = sum(file.size for file in files) or version.row.version.size_bytes
        return VersionFiles(version, files, (), size, is_complete=False)

    # What goes with a version that is deleted for good

    def _find_unshared(self, version: Numbered, manifest: Manifest | None) -> list[Place]:
        """Return the places of stored contents that only the deleted version had."""
        if manifest is None or is_single(version):
            return []
        digests = {digest for file in manifest.files if (digest := find_sha256(file.digest))}
        root, server_id = version.artifact.root.rstrip("/"), version.row.server_id
        if manifest.is_archive:
            lone = {one for one in digests - self._find_used(version) if not self._links.mentions(server_id, one)}
            return [Place(server_id, f"{root}/archive/blobs/{one[:2]}/{one}") for one in sorted(lone)]
        stored = [f"{root}/artifacts/.dedup/{one[:2]}/{one}" for one in sorted(digests)]
        return [Place(server_id, place) for place in stored if self._is_alone(Place(server_id, place))]

    def _find_used(self, deleted: Numbered) -> set[str]:
        """Return the digests of contents that other archived artifacts of the same root are made of."""
        used: set[str] = set()
        manifests = [
            Numbered(artifact, number, row)
            for artifact in self.load().artifacts
            for number, row in artifact.versions.items()
            if artifact.server_id == deleted.artifact.server_id and artifact.root == deleted.artifact.root
        ]
        for version in manifests:
            if is_single(version):
                used.add(version.place.rpartition("/")[2])
                continue
            manifest = self._read_manifest(version)
            for file in manifest.files if manifest is not None else ():
                used |= {digest} if (digest := find_sha256(file.digest)) else set()
        return used

    def _is_alone(self, place: Place) -> bool:
        """Say whether no other local file shares these bytes: the store holds them for versions as hard links."""
        for one in self._recycle.locate(place):
            path = self._data_dir / one.local_dir / one.path
            if path.is_file() and not path.is_symlink():
                return path.stat().st_nlink == 1
        return False


def count(artifacts: Sequence[Artifact]) -> Stats:
    by_type: dict[str, dict[str, int]] = {}
    by_server: dict[str, dict[str, int]] = {}
    for artifact in artifacts:
        size = sum(row.version.size_bytes for row in artifact.versions.values())
        for table, key in ((by_type, artifact.type), (by_server, artifact.server)):
            counts = table.setdefault(key, {"artifacts": 0, "versions": 0, "size_bytes": 0})
            counts["artifacts"] += 1
            counts["versions"] += len(artifact.versions)
            counts["size_bytes"] += size
    total = {name: sum(counts[name] for counts in by_type.values()) for name in ("artifacts", "versions", "size_bytes")}
    return Stats(**total, by_type=by_type, by_server=by_server)
