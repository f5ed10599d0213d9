"""The files of runs: listings, and bytes with ranges and conditions, fetched where they are not here."""

from __future__ import annotations

import time
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request, Response

from runferry.api.access import TheService, describe_errors
from runferry.api.answers_files import FilesAnswer, FilesQuery
from runferry.api.bulk import make_bulk_response
from runferry.api.file_headers import make_headers
from runferry.api.ranges import Span, Unsatisfiable, choose_span, is_known
from runferry.api.sending import SendFile
from runferry.errors import NotFound
from runferry.model import Problem
from runferry.service import Service
from runferry.service.file_facts import FileFacts, FileSpot
from runferry.service.files import FilePage
from runferry.store.file_list import FileRow

router = APIRouter(prefix="/api/runs", tags=["files"])

RunId = Annotated[str, Path(max_length=1000, description="A run's `id`, or its unique `key`.")]
FilePath = Annotated[str, Path(max_length=4096, description="A file's path, relative to the run's directory.")]

CONTENT: dict[int | str, dict[str, Any]] = {
    200: {"description": "The bytes, with a type by the file's name.", "content": {"*/*": {}}}
}


@router.get("/{run_id:whole}/files", response_model=FilesAnswer, responses=describe_errors(400, 404, 409, 500))
async def list_files(
    request: Request, service: TheService, run_id: RunId, query: Annotated[FilesQuery, Query()]
) -> Response:
    """List a run's files with what is here of each. `depth=1` shows one level of `prefix`, for trees."""
    try:
        page = await service.files.list(
            run_id, prefix=query.prefix, is_flat=query.depth == 0, limit=query.limit, offset=query.offset
        )
    except NotFound:
        if "/files/" in run_id:  # a file that is itself called "files"
            return await answer_file(request, service, f"{run_id}/files")
        raise
    return await make_bulk_response(lambda: shape_page(page))


@router.get(
    "/{run_id:whole}/files/{path:whole}",
    response_class=Response,
    responses=CONTENT | describe_errors(400, 404, 409, 410, 500, 507),
)
async def read_file(request: Request, service: TheService, run_id: RunId, path: FilePath) -> Response:
    """Give a file's bytes as they are now. In smart mode what is not here is fetched, and sent as it comes.

    `Range` (one range), `If-Range`, `If-None-Match` and HEAD work as in RFC 9110, with the answers 206, 304 and 416;
    the entity tag is strong. A short range of a file that is not here is read from the server, without fetching the
    rest. `Age` tells how many seconds ago the server had exactly this, `Runferry-Freshness` whether it was asked
    (`live`), could not be (`offline`), could not tell (`stale`) or has it no more (`gone`). Should the file change
    while it is sent, the connection ends: bytes of two versions are never mixed.
    """
    return await answer_file(request, service, f"{run_id}/files/{path}")


@router.head("/{run_id:whole}/files/{path:whole}", include_in_schema=False)
async def examine_file(request: Request, service: TheService, run_id: RunId, path: FilePath) -> Response:
    """Answer what GET would, without the bytes; nothing is fetched."""
    return await answer_file(request, service, f"{run_id}/files/{path}")


async def answer_file(request: Request, service: Service, text: str) -> Response:
    return await answer_spot(request, service, await service.files.locate_within(text))


async def answer_spot(request: Request, service: Service, spot: FileSpot) -> Response:
    """Answer a GET or HEAD for a file of any sync. Raises as ``Files.examine`` and ``Files.open`` do."""
    facts = await service.files.examine(spot)
    if is_known(facts.etag, request.headers.get("if-none-match")):
        return Response(status_code=304, headers=describe(spot, facts))
    try:
        span = find_span(request, facts)
    except Unsatisfiable:
        return refuse_range(spot, facts)
    if request.method == "HEAD":
        return Response(status_code=206 if span.is_partial else 200, headers=describe(spot, facts, span))
    return await send(request, service, spot, facts, span)


async def send(request: Request, service: Service, spot: FileSpot, facts: FileFacts, span: Span) -> Response:
    opened = await service.files.open_range(spot, facts, span.start, span.end) if span.is_partial else None
    if opened is None:
        opened = await service.files.open(spot, is_whole=not span.is_partial)
        try:
            span = find_span(request, opened.facts)  # of what is there now, which may be another version
        except Unsatisfiable:
            await opened.close()
            return refuse_range(spot, opened.facts)
    chunks = service.files.read_checked(opened, spot, span.start, span.end)
    status = 206 if span.is_partial else 200
    return SendFile(opened, chunks, status=status, headers=describe(spot, opened.facts, span))


def find_span(request: Request, facts: FileFacts) -> Span:
    headers = request.headers
    return choose_span(facts.size, facts.etag, wanted=headers.get("range"), only_if=headers.get("if-range"))


def refuse_range(spot: FileSpot, facts: FileFacts) -> Response:
    headers = describe(spot, facts) | {"Content-Range": f"bytes */{facts.size}"}
    return Response(status_code=416, headers=headers)


def describe(spot: FileSpot, facts: FileFacts, span: Span | None = None) -> dict[str, str]:
    headers = make_headers(
        spot.name,
        etag=facts.etag,
        mtime=facts.version.mtime_ns / 1e9,
        age=time.time() - facts.as_of,
        freshness=facts.freshness.value,
    )
    if span is not None:
        headers["Content-Length"] = str(span.length)
        if span.is_partial:
            headers["Content-Range"] = f"bytes {span.start}-{span.end - 1}/{facts.size}"
    return headers


def shape_page(page: FilePage) -> dict[str, Any]:
    """Return a ``FilesAnswer`` as plain values: there may be two hundred thousand files."""
    return {
        "run": page.run,
        "root": page.root,
        "total_files": page.totals.files,
        "total_bytes": page.totals.bytes,
        "held_bytes": page.totals.held_bytes,
        "count": page.count,
        "files": [shape_file(one, page.problems.get(one.path)) for one in page.files],
    }


def shape_file(one: FileRow, problem: Problem | None) -> dict[str, Any]:
    shaped: dict[str, Any] = {
        "path": one.path,
        "size": one.size,
        "mtime": one.mtime,
        "kind": one.kind,
        "local": one.local,
        "is_link": one.kind == "link",
    }
    if one.gone_at is not None:
        shaped["gone_at"] = one.gone_at
    if problem is not None:
        shaped["problem"] = {"code": problem.code.value, "message": problem.message}
    if one.files is not None:
        shaped |= {"files": one.files, "bytes": one.bytes, "held_bytes": one.held_bytes}
    return shaped
