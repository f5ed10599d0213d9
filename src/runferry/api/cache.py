"""The cache of files that smart syncs fetched on demand, and the trash.

Nothing here touches a server, what a mirror holds, or metadata.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from runferry.api.access import TheService, describe_errors
from runferry.api.answers import MessageAnswer
from runferry.api.answers_cache import CacheAnswer, CacheBody, CacheQuery, EmptiedTrashAnswer, EvictedAnswer
from runferry.api.bulk import make_bulk_response
from runferry.service.cache import Evicted, format_size

router = APIRouter(prefix="/api/cache", tags=["cache"])

RUN_ERRORS = describe_errors(400, 404, 409, 500)


@router.get("", response_model=CacheAnswer, responses=describe_errors(400, 500))
async def show_cache(service: TheService, query: Annotated[CacheQuery, Query()]) -> Response:
    """Show how full the cache is and, with `limit`, what is in it."""
    view, trash = await service.cache.view(), await service.trash.view()
    files = await service.cache.list_files(limit=query.limit, offset=query.offset) if query.limit else ()
    return await make_bulk_response(
        lambda: {
            "limit_bytes": view.limit_bytes,
            "used_bytes": view.used_bytes,
            "reserve_bytes": view.reserve_bytes,
            "free_bytes": view.free_bytes,
            "files": view.files,
            "pinned_bytes": view.pinned_bytes,
            "trash_files": trash.files,
            "trash_bytes": trash.bytes,
            "entries": [
                {
                    "server": file.server,
                    "path": f"{file.remote_root.rstrip('/')}/{file.path}",
                    "size": file.size,
                    "used_at": file.used_at,
                    "pinned": file.is_pinned,
                    "gone": file.is_gone,
                }
                for file in files
            ],
        }
    )


@router.post("/clear", response_model=EvictedAnswer, responses=describe_errors(500))
async def clear_cache(service: TheService) -> EvictedAnswer:
    """Evict everything that may be. What is pinned, in use, or a last copy stays; so do curves and metadata."""
    return shape_evicted(await service.cache.clear())


@router.post("/empty-trash", response_model=EmptiedTrashAnswer, responses=describe_errors(500))
async def empty_trash(service: TheService) -> EmptiedTrashAnswer:
    """Remove for good what left the local copies: it is gone from the server (`delete: true`), or stood in the way."""
    emptied = await service.trash.empty()
    message = f"Removed {count_files(emptied.files)}, {format_size(emptied.bytes)}, from the trash."
    return EmptiedTrashAnswer(ok=True, message=message, removed_files=emptied.files, freed_bytes=emptied.bytes)


@router.post("/evict", response_model=EvictedAnswer, responses=RUN_ERRORS)
async def evict(body: CacheBody, service: TheService) -> EvictedAnswer:
    """Evict a run's files, or some paths of it. They are fetched again when somebody asks for them."""
    return shape_evicted(await service.cache.evict(body.run, body.paths))


@router.post("/pin", response_model=MessageAnswer, responses=RUN_ERRORS)
async def pin(body: CacheBody, service: TheService) -> MessageAnswer:
    """Never evict a run's files, or those at or below some paths of it. Fetches nothing."""
    await service.cache.pin(body.run, body.paths, is_pinned=True)
    return MessageAnswer(ok=True, message=f"Pinned {describe(body)}.")


@router.post("/unpin", response_model=MessageAnswer, responses=RUN_ERRORS)
async def unpin(body: CacheBody, service: TheService) -> MessageAnswer:
    """Let a run's files, or those at or below some paths of it, be evicted again."""
    await service.cache.pin(body.run, body.paths, is_pinned=False)
    return MessageAnswer(ok=True, message=f"Unpinned {describe(body)}.")


def describe(body: CacheBody) -> str:
    return f"{', '.join(body.paths)} of {body.run}" if body.paths else body.run


def count_files(count: int) -> str:
    return "1 file" if count == 1 else f"{count:,} files"


def shape_evicted(evicted: Evicted) -> EvictedAnswer:
    kept = f"; {evicted.kept:,} stayed (pinned, in use, or last copies)" if evicted.kept else ""
    return EvictedAnswer(
        ok=True,
        message=f"Evicted {count_files(evicted.files)}, {format_size(evicted.bytes)}{kept}.",
        evicted_files=evicted.files,
        freed_bytes=evicted.bytes,
        kept_files=evicted.kept,
    )
