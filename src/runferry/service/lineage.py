"""Where artifacts come from and where they went: runs and artifacts as a graph, and what one run created and used.

It reads the index and the versions' own descriptions, never a server.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from runferry.blocking import in_thread
from runferry.formats.manifests import find_parents
from runferry.service.artifacts import Artifacts, Which
from runferry.store.catalogue import Catalogue, Numbered, find_version
from runferry.store.db import Database
from runferry.store.run_facts import find_place, list_items
from runferry.store.run_links import LinkedRun, RunLinks
from runferry.store.runs import RunStore

MOST_NODES = 2000
"""A graph ends here: a dataset that ten thousand runs use is told as such, not drawn."""

USES, PRODUCES = "uses", "produces"
_EDGES = {"created": PRODUCES, "used": USES}


@dataclass(frozen=True, slots=True)
class RunArtifact:
    """One entry of a run's lists, ``item`` as written. ``version`` is None where it is not in the index."""

    relation: str
    type: str
    name: str
    item: Mapping[str, object]
    version: Numbered | None = None


@dataclass(frozen=True, slots=True)
class Node:
    """A run or an artifact version. ``id`` is unique in the graph."""

    kind: str
    id: str
    label: str
    metadata: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Edge:
    """``produces`` leads from a run to an artifact, ``uses`` from an artifact to the run (or artifact) made with it."""

    source: str
    target: str
    kind: str


@dataclass(frozen=True, slots=True)
class Graph:
    """``is_whole`` False: it went on beyond MOST_NODES."""

    root: Node
    nodes: Sequence[Node]
    edges: Sequence[Edge]
    is_whole: bool = True


class Lineage:
    """Follows the links between runs and artifacts."""

    def __init__(self, db: Database, artifacts: Artifacts) -> None:
        self._artifacts = artifacts
        self._links = RunLinks(db)
        self._runs = RunStore(db)

    async def trace(self, name: str, number: int, which: Which, *, max_depth: int) -> Graph:
        """Return what can be reached from a version in at most ``max_depth`` steps. Raises NotFound, Ambiguous."""
        version = find_version(await self._artifacts.find(name, which), number)
        return await in_thread(self._trace, version, max_depth)

    async def of_run(self, run_id: str) -> Sequence[RunArtifact]:
        """Return what a run created and used. Raises NotFound, Ambiguous."""
        row = await in_thread(self._runs.find, run_id)
        return await in_thread(self._list_of, row.key, row.server_id, row.remote_dir)

    def _trace(self, version: Numbered, max_depth: int) -> Graph:
        walk = _Walk(self._artifacts, self._links, self._artifacts.load())
        return walk.trace(version, max_depth)

    def _list_of(self, key: str, server_id: int, remote_dir: str) -> list[RunArtifact]:
        assets = self._links.assets(key)
        return list(list_artifacts(assets, server_id, remote_dir, self._artifacts.load()))


@dataclass(slots=True)
class _Walk:
    """One breadth-first walk. What was visited is not visited again, so circles end."""

    artifacts: Artifacts
    links: RunLinks
    catalogue: Catalogue
    nodes: dict[str, Node] = field(default_factory=dict)
    edges: dict[Edge, None] = field(default_factory=dict)
    waiting: deque[tuple[Numbered | LinkedRun, int]] = field(default_factory=deque)
    is_whole: bool = True
    _names: dict[str, tuple[int, str]] = field(default_factory=dict)

    def trace(self, version: Numbered, max_depth: int) -> Graph:
        root = self._add_version(version, 0)
        while self.waiting:
            found, depth = self.waiting.popleft()
            if depth >= max_depth:
                continue
            if isinstance(found, LinkedRun):
                self._expand_run(found, depth + 1)
            else:
                self._expand_version(found, depth + 1)
        edges = [edge for edge in self.edges if edge.source in self.nodes and edge.target in self.nodes]
        return Graph(self.nodes[root], list(self.nodes.values()), edges, self.is_whole)

    def _expand_version(self, version: Numbered, depth: int) -> None:
        artifact, here = version.artifact, self._id_of(version)
        for run in self.links.linked(artifact.server_id, artifact.root, version.place):
            self._join(here, self._add_run(run, depth), run.relation)
        maker = version.row.version.created_by_run
        run_found = self.links.find(artifact.server_id, artifact.root, maker) if maker else None
        if run_found is not None:
            self._join(here, self._add_run(run_found, depth), "created")
        for parent in find_parents(self.artifacts.read_details(version)):
            found = self._find_parent(version, parent)
            if found is not None:
                self._add_edge(Edge(self._add_version(found, depth), here, USES))

    def _expand_run(self, run: LinkedRun, depth: int) -> None:
        assets = self.links.assets(run.key)
        for item in list_artifacts(assets, run.server_id, run.remote_dir, self.catalogue):
            node = self._add_version(item.version, depth) if item.version else self._add_unknown(item, run)
            self._join(node, run.key, item.relation)

    def _find_parent(self, version: Numbered, parent: Mapping[str, object]) -> Numbered | None:
        """Return the parent that a version names, in the same root; its type is that of the version where not told."""
        type_, name, number = parent.get("type"), parent.get("name"), parent.get("version")
        for one in self.catalogue.artifacts:
            is_near = (one.server_id, one.root) == (version.artifact.server_id, version.artifact.root)
            is_typed = one.type == type_ if isinstance(type_, str) else True
            if is_near and is_typed and one.name == name and isinstance(number, int) and number in one.versions:
                return find_version(one, number)
        return None

    def _join(self, artifact: str, run: str, relation: str) -> None:
        kind = _EDGES[relation]
        self._add_edge(Edge(run, artifact, kind) if kind == PRODUCES else Edge(artifact, run, kind))

    def _add_edge(self, edge: Edge) -> None:
        self.edges[edge] = None

    def _add_version(self, version: Numbered, depth: int) -> str:
        node_id = self._id_of(version)
        artifact, row = version.artifact, version.row.version
        metadata = {
            "type": artifact.type,
            "name": artifact.name,
            "version": version.number,
            "server": artifact.server,
            "root": artifact.root,
            "size_bytes": row.size_bytes,
            "created_at": row.created_at,
            "aliases": list(row.aliases),
            "is_known": True,
        }
        node = Node("artifact", node_id, f"{artifact.name}:v{version.number}", metadata)
        return self._add(node, version, depth)

    def _add_run(self, run: LinkedRun, depth: int) -> str:
        metadata = {
            "id": run.run_id,
            "server": run.server,
            "project": run.project,
            "name": run.name,
            "status": run.status,
            "created_time": run.created_at,
        }
        return self._add(Node("run", run.key, f"{run.project}/{run.name} {run.run_id}", metadata), run, depth)

    def _add_unknown(self, item: RunArtifact, run: LinkedRun) -> str:
        """Add what a run lists and the index does not have: never stored, deleted, or not part of any sync."""
        number, uri = item.item.get("version"), item.item.get("uri") or item.item.get("path_or_uri")
        label = f"{item.name}:v{number}" if isinstance(number, int) else item.name
        mark = f"@{uri}" if isinstance(uri, str) and uri else ""
        metadata = {"type": item.type, "name": item.name, "server": run.server, "uri": uri, "is_known": False}
        return self._add(Node("artifact", f"{run.server}/{item.type}/{label}{mark}?", label, metadata), None, 0)

    def _add(self, node: Node, found: Numbered | LinkedRun | None, depth: int) -> str:
        if node.id not in self.nodes:
            if len(self.nodes) >= MOST_NODES:
                self.is_whole = False
                return node.id
            self.nodes[node.id] = node
            if found is not None:
                self.waiting.append((found, depth))
        return node.id

    def _id_of(self, version: Numbered) -> str:
        """Return ``server/type/name:v1``, with the root where two roots of one server would share it."""
        artifact = version.artifact
        name = f"{artifact.server}/{artifact.type}/{artifact.name}:v{version.number}"
        place = (artifact.server_id, artifact.root)
        return name if self._names.setdefault(name, place) == place else f"{name}@{artifact.root}"


def list_artifacts(
    assets: Mapping[str, object], server_id: int, remote_dir: str, catalogue: Catalogue
) -> Iterator[RunArtifact]:
    """Yield what a run lists, each with the version it means where that is known."""
    for relation, type_, item in list_items(assets):
        place = find_place(item)
        version = catalogue.below(server_id, remote_dir, place) if place is not None else None
        written = item.get("name")
        name = version.artifact.name if version is not None else written if isinstance(written, str) else ""
        yield RunArtifact(relation, version.artifact.type if version else type_, name, item, version)
