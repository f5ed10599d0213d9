"""Artifacts: lists, versions, files, lineage. What is deleted here is deleted on this machine only."""

from __future__ import annotations

import re
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request, Response

from runferry.api import answers_artifacts as answers
from runferry.api.access import TheService, describe_errors
from runferry.api.bulk import make_bulk_response
from runferry.api.files import CONTENT, FilePath, answer_spot
from runferry.api.shapes_artifacts import (
    shape_artifact,
    shape_details,
    shape_files,
    shape_graph,
    shape_run_artifacts,
    shape_versions,
)
from runferry.errors import NotFound
from runferry.service import Service
from runferry.service.artifacts import Which
from runferry.service.file_facts import FileSpot

router = APIRouter(prefix="/api", tags=["artifacts"])

Name = Annotated[str, Path(max_length=1000, description="An artifact's name; it may hold slashes.")]
Version = Annotated[int, Path(ge=0, le=2**31, examples=[1])]


async def choose(
    type: Annotated[str | None, Query(max_length=500, description="Such as model or dataset.")] = None,
    server: Annotated[str | None, Query(max_length=500, description="A server's label.")] = None,
    root: Annotated[str | None, Query(max_length=4096, description="The storage root on the server.")] = None,
) -> Which:
    """Return which of the artifacts of one name is meant."""
    return Which(type, server, root)


TheWhich = Annotated[Which, Depends(choose)]

_PLACE = re.compile(r"/v(\d{1,10})/files/(?=.)", re.DOTALL)

ERRORS = describe_errors(400, 404, 409, 500)


@router.get("/artifacts", response_model=list[answers.ArtifactAnswer], responses=describe_errors(400, 500))
async def list_artifacts(service: TheService, which: TheWhich) -> Response:
    """List the artifacts of all servers by type and name."""
    found = await service.artifacts.all(which)
    return await make_bulk_response(
        lambda: [shape_artifact(one) for one in found], headers={"X-Total-Count": str(len(found))}
    )


@router.get("/artifacts/stats", response_model=answers.StatsAnswer, responses=describe_errors(500))
async def show_stats(service: TheService) -> Response:
    """Count artifacts, versions and bytes, by type and by server."""
    stats = await service.artifacts.stats()
    return await make_bulk_response(
        lambda: {
            "total_artifacts": stats.artifacts,
            "total_versions": stats.versions,
            "total_size_bytes": stats.size_bytes,
            "by_type": stats.by_type,
            "by_server": stats.by_server,
        }
    )


@router.head("/artifacts/{name:whole}/v{version:int}/files/{path:whole}", include_in_schema=False)
@router.get(
    "/artifacts/{name:whole}/v{version:int}/files/{path:whole}",
    response_class=Response,
    responses=CONTENT | describe_errors(400, 404, 409, 410, 500, 507),
)
async def read_file(
    request: Request,
    service: TheService,
    name: Name,
    version: Version,
    path: FilePath,
    which: TheWhich,
) -> Response:
    """Give the bytes of one file of a version, as `GET /api/runs/{run_id}/files/{path}` does: with ranges, conditions
    and HEAD, fetched through where it is not here, and only whole where its manifest's digest is right.
    """
    text = f"{name}/v{version}/files/{path}"
    return await answer_spot(request, service, await locate(service, text, which))


@router.get("/artifacts/{name:whole}/versions", response_model=answers.VersionsAnswer, responses=ERRORS)
async def list_versions(service: TheService, name: Name, which: TheWhich) -> Response:
    """List the versions of an artifact. A name that several have is answered 409; `candidates` are queries to add."""
    found = await service.artifacts.find(name, which)
    return await make_bulk_response(lambda: shape_versions(found))


@router.get("/artifacts/{name:whole}/v{version:int}/files", response_model=answers.FilesAnswer, responses=ERRORS)
async def list_files(service: TheService, name: Name, version: Version, which: TheWhich) -> Response:
    """List a version's files as its manifest has them; one that is not here has no `absolute_path`.

    A manifest that is not here is fetched where its server can be reached.
    """
    found = await service.artifacts.files(name, version, which)
    return await make_bulk_response(lambda: shape_files(found))


@router.get("/artifacts/{name:whole}/v{version:int}/lineage", response_model=answers.LineageAnswer, responses=ERRORS)
async def show_lineage(
    service: TheService,
    name: Name,
    version: Version,
    which: TheWhich,
    max_depth: Annotated[int, Query(ge=1, le=10, description="How many steps from the artifact.")] = 3,
) -> Response:
    """Show which runs made and used a version, what else they used and made, and so on."""
    graph = await service.lineage.trace(name, version, which, max_depth=max_depth)
    return await make_bulk_response(lambda: shape_graph(graph))


@router.get("/artifacts/{name:whole}/v{version:int}", response_model=answers.VersionDetailsAnswer, responses=ERRORS)
async def get_version(service: TheService, name: Name, version: Version, which: TheWhich) -> Response:
    """Show one version with what its metadata.json says."""
    found = await service.artifacts.get(name, version, which)
    return await make_bulk_response(lambda: shape_details(found))


@router.delete(
    "/artifacts/{name:whole}/v{version:int}",
    response_model=answers.DeletedVersionAnswer,
    responses=describe_errors(400, 404, 409, 500, 507),
)
async def delete_version(
    service: TheService,
    name: Name,
    version: Version,
    which: TheWhich,
    permanent: Annotated[bool, Query(description="Also remove the local bytes, and never fetch them again.")] = False,
) -> answers.DeletedVersionAnswer:
    """Hide a version on this machine; no sync brings it back. The server keeps what it has."""
    found, freed = await service.artifacts.delete(name, version, which, is_permanent=permanent)
    done = "Removed the local copy of" if permanent else "Hid"
    message = f"{done} {found.artifact.name}:v{found.number}; nothing was changed on {found.artifact.server}"
    return answers.DeletedVersionAnswer(ok=True, message=message, freed_bytes=freed)


@router.get("/runs/{run_id:whole}/artifacts", response_model=answers.RunArtifactsAnswer, responses=ERRORS)
async def list_run_artifacts(
    service: TheService,
    run_id: Annotated[str, Path(max_length=1000, description="A run's `id`, or its unique `key`.")],
) -> Response:
    """List what a run created and what it used."""
    found = await service.lineage.of_run(run_id)
    return await make_bulk_response(lambda: shape_run_artifacts(found))


async def locate(service: Service, text: str, which: Which) -> FileSpot:
    """Return the file that ``<name>/v<n>/files/<path>`` means: names and paths may both hold such a piece."""
    failure: NotFound | None = None
    for piece in _PLACE.finditer(text):
        name, path = text[: piece.start()], text[piece.end() :]
        try:
            return await service.artifacts.locate(name, int(piece[1]), path, which)
        except NotFound as error:
            failure = failure or error
    raise failure or NotFound(f"There is no file {text}.")
