"""Artifacts as users know them, made of version rows: by type and name, per storage root of a server. Pure.

Names may repeat: on other servers, in other roots of one server, and across types. Runicorn 0.7 counts no versions;
what it archives under one name is numbered here by time. What is gone or deleted counts in that, so that numbers stay.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from runferry.errors import Ambiguous, NotFound
from runferry.store.artifacts import ArtifactRow

_VERSIONED = re.compile(r"(?P<root>.*)/artifacts/[^/]+/[^/]+/v\d+", re.DOTALL)
_ARCHIVED = "/archive/"


@dataclass(frozen=True, slots=True)
class Artifact:
    """One artifact; ``versions`` are those to be shown, by number. ``root`` is its storage root on the server."""

    server_id: int
    server: str
    root: str
    type: str
    name: str
    versions: Mapping[int, ArtifactRow] = field(default_factory=dict)

    @property
    def latest(self) -> int:
        return max(self.versions)

    @property
    def aliases(self) -> Mapping[str, int]:
        return {alias: number for number, row in self.versions.items() for alias in row.version.aliases}

    @property
    def query(self) -> str:
        """Return what names this artifact and no other, as the query of a URL."""
        return urlencode({"type": self.type, "server": self.server, "root": self.root})


@dataclass(frozen=True, slots=True)
class Numbered:
    """A version within its artifact."""

    artifact: Artifact
    number: int
    row: ArtifactRow

    @property
    def place(self) -> str:
        """Return where it lies below its storage root, as runs name it too (``run_facts.find_place``)."""
        return self.row.remote_dir[len(self.artifact.root.rstrip("/")) + 1 :]


class Catalogue:
    """The artifacts that ``rows`` make. Give it all rows of the names in question, gone and hidden ones too."""

    def __init__(self, rows: Iterable[ArtifactRow]) -> None:
        groups: dict[tuple[int, str, str, str], list[ArtifactRow]] = {}
        for row in rows:
            key = (row.server_id, find_root(row.remote_dir), row.version.type, row.version.name)
            groups.setdefault(key, []).append(row)
        self._artifacts: list[Artifact] = []
        self._places: dict[tuple[int, str], Numbered] = {}
        for (server_id, root, type_, name), members in groups.items():
            numbers = number_versions(members)
            shown = {number: row for number, row in numbers.items() if row.is_shown}
            artifact = Artifact(server_id, members[0].server, root, type_, name, shown)
            for number, row in shown.items():
                self._places[server_id, row.remote_dir] = Numbered(artifact, number, row)
            if shown:
                self._artifacts.append(artifact)

    @property
    def artifacts(self) -> Sequence[Artifact]:
        """Return them by type, name, server and root."""
        return sorted(self._artifacts, key=lambda one: (one.type, one.name, one.server, one.root))

    def at(self, server_id: int, remote_dir: str) -> Numbered | None:
        """Return the version at this absolute place on the server."""
        return self._places.get((server_id, remote_dir))

    def below(self, server_id: int, directory: str, place: str) -> Numbered | None:
        """Return the version at ``place`` below one of the roots that hold ``directory``, the nearest first."""
        parts = directory.split("/")
        for end in range(len(parts), 0, -1):
            found = self.at(server_id, f"{'/'.join(parts[:end])}/{place}")
            if found is not None:
                return found
        return None

    def find(
        self, name: str, *, type: str | None = None, server: str | None = None, root: str | None = None
    ) -> Artifact:
        """Return the artifact that is meant. Raises NotFound, and Ambiguous with what tells the candidates apart."""
        wanted = (("type", type), ("server", server), ("root", root))
        found = [
            one
            for one in self.artifacts
            if one.name == name and all(value in (None, getattr(one, field_)) for field_, value in wanted)
        ]
        if not found:
            raise NotFound(f"There is no artifact {name}; see GET /api/artifacts.")
        if len(found) > 1:
            candidates = [one.query for one in found]
            places = ", ".join(f"{one.type} on {one.server}" for one in found)
            raise Ambiguous(
                f"Several artifacts are named {name} ({places}): add one of the queries.", candidates=candidates
            )
        return found[0]


def find_version(artifact: Artifact, number: int) -> Numbered:
    """Return one version. Raises NotFound."""
    if number not in artifact.versions:
        have = ", ".join(f"v{known}" for known in sorted(artifact.versions))
        raise NotFound(f"{artifact.name} has no v{number}; there are {have}.")
    return Numbered(artifact, number, artifact.versions[number])


def number_versions(rows: Sequence[ArtifactRow]) -> dict[int, ArtifactRow]:
    """Return the rows of one artifact by number: the tool's own, or counted by time where it counts none.

    Where one number occurs twice (a directory that was replaced), the one that is there goes before one that is gone.
    """
    if all(_VERSIONED.fullmatch(row.remote_dir) for row in rows):
        ordered = sorted(rows, key=lambda row: (row.is_shown, row.gone_at or 0.0))
        return {row.version.version: row for row in ordered}
    archived = sorted(rows, key=lambda row: (row.version.created_at or 0.0, row.remote_dir))
    return dict(enumerate(archived, start=1))


def find_root(remote_dir: str) -> str:
    """Return the storage root that a version lies in."""
    versioned = _VERSIONED.fullmatch(remote_dir)
    before = versioned["root"] if versioned else remote_dir.rpartition(_ARCHIVED)[0]
    return before or "/"
