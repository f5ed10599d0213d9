"""Downloads: tasks that bring files into the local copy. A client never says where on this machine they go."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Response

from runferry.api.access import TheService, describe_errors
from runferry.api.answers_downloads import (
    SHOWN_ITEMS,
    CancelAnswer,
    DownloadAnswer,
    DownloadBody,
    DownloadsAnswer,
)
from runferry.api.bulk import make_bulk_response
from runferry.service.download import DownloadRequest, DownloadView, State

router = APIRouter(prefix="/api/downloads", tags=["downloads"])

DownloadId = Annotated[str, Path(max_length=100, description="The download's `id`.")]


@router.post("", response_model=DownloadAnswer, responses=describe_errors(400, 404, 409, 500, 507))
async def create_download(body: DownloadBody, service: TheService) -> Response:
    """Bring files of a run or an artifact here. Answers at once; `download` events tell how far it is.

    It survives lost links and restarts, and goes on where it was. What a manifest's digest contradicts fails and is
    not kept.
    """
    request = DownloadRequest(**body.model_dump() | {"paths": tuple(body.paths)})
    view = await service.downloads.create(request)
    return await make_bulk_response(lambda: shape_download(view, SHOWN_ITEMS))


@router.get("", response_model=DownloadsAnswer, responses=describe_errors(500))
async def list_downloads(service: TheService) -> Response:
    """List all downloads, the newest first; the last 200 that ended are remembered."""
    views = service.downloads.list()
    return await make_bulk_response(lambda: {"downloads": [shape_download(view, 0) for view in views]})


@router.get("/{download_id}", response_model=DownloadAnswer, responses=describe_errors(404, 500))
async def get_download(service: TheService, download_id: DownloadId) -> Response:
    """Show one download, with its files."""
    view = service.downloads.get(download_id)
    return await make_bulk_response(lambda: shape_download(view, SHOWN_ITEMS))


@router.delete("/{download_id}", response_model=CancelAnswer, responses=describe_errors(404, 500))
async def cancel_download(service: TheService, download_id: DownloadId) -> CancelAnswer:
    """Stop a download: what has come stays, and a file that is half here goes on there next time. One that has ended
    is forgotten.
    """
    had_ended = service.downloads.get(download_id).ended_at is not None
    view = await service.downloads.cancel(download_id)
    if had_ended:
        message = "It had ended; it is no longer listed."
    else:
        message = "Cancelled." if view.state is State.CANCELLED else f"It ended meanwhile: {view.state.value}."
    return CancelAnswer(ok=True, id=view.id, state=view.state.value, message=message)


def shape_download(view: DownloadView, most_items: int) -> dict[str, Any]:
    request = view.request
    return {
        "id": view.id,
        "state": view.state.value,
        "run": request.run,
        "paths": list(request.paths),
        "artifact": request.artifact,
        "version": request.version,
        "files_done": view.files_done,
        "files_total": view.files_total,
        "files_failed": view.failed,
        "bytes_done": view.bytes_done,
        "bytes_total": view.bytes_total,
        "bytes_per_second": round(view.bytes_per_second, 1),
        "eta_seconds": view.eta_seconds,
        "current_file": view.current_file,
        "waiting_for": view.waiting_for,
        "error": view.error,
        "created_at": view.created_at,
        "ended_at": view.ended_at,
        "items": [
            {"path": item.path, "size": item.size, "state": item.state.value, "error": item.error}
            for item in view.items[:most_items]
        ],
    }
