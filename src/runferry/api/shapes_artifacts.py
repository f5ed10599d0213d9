"""Turns artifacts into the documented answers. Pure functions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from runferry.service.artifacts import VersionDetails, VersionFiles
from runferry.service.lineage import Graph, RunArtifact
from runferry.store.artifacts import ArtifactRow
from runferry.store.catalogue import Artifact


def shape_artifact(artifact: Artifact) -> dict[str, Any]:
    rows = list(artifact.versions.values())
    times = [row.version.created_at for row in rows if row.version.created_at is not None]
    return {
        **shape_place(artifact),
        "num_versions": len(rows),
        "latest_version": artifact.latest,
        "size_bytes": artifact.versions[artifact.latest].version.size_bytes,
        "total_size_bytes": sum(row.version.size_bytes for row in rows),
        "created_at": min(times, default=None),
        "updated_at": max(times, default=None),
        "aliases": artifact.aliases,
    }


def shape_place(artifact: Artifact) -> dict[str, Any]:
    return {"name": artifact.name, "type": artifact.type, "server": artifact.server, "root": artifact.root}


def shape_versions(artifact: Artifact) -> dict[str, Any]:
    numbers = sorted(artifact.versions, reverse=True)
    versions = [shape_version(number, artifact.versions[number]) for number in numbers]
    return {**shape_place(artifact), "versions": versions, "aliases": artifact.aliases}


def shape_version(number: int, row: ArtifactRow) -> dict[str, Any]:
    version = row.version
    return {
        "version": number,
        "created_at": version.created_at,
        "created_by_run": version.created_by_run,
        "size_bytes": version.size_bytes,
        "num_files": version.num_files,
        "aliases": version.aliases,
        "remote_dir": row.remote_dir,
    }


def shape_details(found: VersionDetails) -> dict[str, Any]:
    """Answer with what metadata.json says, wherever that is of the expected type."""
    numbered, details = found.version, found.details
    references = details.get("num_references")
    metadata, tags, parents = (details.get(name) for name in ("metadata", "tags", "parent_artifacts"))
    return {
        **shape_place(numbered.artifact),
        **shape_version(numbered.number, numbered.row),
        "created_by_user": take_text(details, "created_by_user"),
        "updated_at": take_number(details, "updated_at"),
        "num_references": references if isinstance(references, int) else 0,
        "status": take_text(details, "status"),
        "metadata": metadata if isinstance(metadata, dict) else {},
        "description": take_text(details, "description"),
        "tags": [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else [],
        "parent_artifacts": parents if isinstance(parents, list) else [],
        "manifest_digest": take_text(details, "manifest_digest"),
        "metadata_is_here": bool(details),
        "local_dir": found.local_dir,
    }


def shape_files(found: VersionFiles) -> dict[str, Any]:
    files = [
        {
            "path": file.path,
            "size": file.size,
            "digest": file.digest,
            "modified_at": file.modified_at,
            "absolute_path": file.absolute_path,
            "is_remote": file.absolute_path is None,
        }
        for file in found.files
    ]
    return {
        "artifact": found.version.artifact.name,
        "version": found.version.number,
        "server": found.version.artifact.server,
        "files": files,
        "references": list(found.references),
        "total_size": found.total_size,
        "total_files": len(files),
        "total_references": len(found.references),
        "is_remote": not found.is_complete or any(file["is_remote"] for file in files),
        "is_complete": found.is_complete,
    }


def shape_graph(graph: Graph) -> dict[str, Any]:
    return {
        "root_artifact": graph.root.id,
        "nodes": [
            {"node_type": node.kind, "node_id": node.id, "label": node.label, "metadata": node.metadata}
            for node in graph.nodes
        ],
        "edges": [{"source": edge.source, "target": edge.target, "edge_type": edge.kind} for edge in graph.edges],
        "is_whole": graph.is_whole,
    }


def shape_run_artifacts(found: Iterable[RunArtifact]) -> dict[str, Any]:
    lists: dict[str, list[dict[str, Any]]] = {"created": [], "used": []}
    for one in found:
        lists[one.relation].append(shape_run_artifact(one))
    return lists


def shape_run_artifact(one: RunArtifact) -> dict[str, Any]:
    item, known = one.item, one.version
    number = known.number if known else item.get("version")
    uri = take_text(item, "uri") or take_text(item, "path_or_uri") or take_text(item, "path")
    size = item.get("size_bytes", item.get("total_size_bytes"))
    files = item.get("num_files", item.get("file_count"))
    return {
        "name": one.name,
        "type": one.type,
        "version": number if isinstance(number, int) else None,
        "server": known.artifact.server if known else None,
        "root": known.artifact.root if known else None,
        "is_known": known is not None,
        "size_bytes": size if isinstance(size, int) else known.row.version.size_bytes if known else None,
        "num_files": files if isinstance(files, int) else known.row.version.num_files if known else None,
        "created_at": take_number(item, "created_at") or take_number(item, "archived_at"),
        "used_at": take_number(item, "used_at"),
        "uri": uri,
        "item": item,
    }


def take_text(document: Mapping[str, object], name: str) -> str | None:
    value = document.get(name)
    return value if isinstance(value, str) else None


def take_number(document: Mapping[str, object], name: str) -> float | None:
    value = document.get(name)
    return float(value) if isinstance(value, (int, float)) and not isinstance(value, bool) else None
