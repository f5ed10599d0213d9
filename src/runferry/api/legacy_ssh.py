"""The legacy SSH API: sessions and mirrors are another view of the unified API's connections and syncs."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from runferry.api import answers, legacy_answers, schemas, shapes
from runferry.api.access import TheService, describe_errors
from runferry.api.bulk import make_bulk_response
from runferry.api.unified import read_login
from runferry.errors import NotFound
from runferry.service import ConnectionView, ModeRequest, SyncView
from runferry.sync.spec import Mode

SUCCESSORS = {
    "/api/ssh/connect": "/api/unified/connect",
    "/api/ssh/sessions": "/api/unified/status",
    "/api/ssh/close": "/api/unified/disconnect",
    "/api/ssh/listdir": "/api/unified/listdir",
    "/api/ssh/mirror/start": "/api/unified/configure_mode",
    "/api/ssh/mirror/stop": "/api/unified/deactivate_mode",
    "/api/ssh/mirror/list": "/api/unified/status",
}

router = APIRouter(prefix="/api/ssh", tags=["legacy"], deprecated=True)

Session = Annotated[str, Query(min_length=1, max_length=600)]


@router.post(
    "/connect",
    response_model=legacy_answers.SessionAnswer,
    responses=describe_errors(400, 401, 408, 409, 429, 500, 507),
)
async def connect(body: schemas.LegacyConnectBody, service: TheService) -> legacy_answers.SessionAnswer:
    """Log in to a server."""
    renamed = body.model_copy(
        update={
            "private_key": body.private_key or body.pkey,
            "private_key_path": body.private_key_path or body.pkey_path,
        }
    )
    view = await service.connect(read_login(renamed, renamed.host))
    return legacy_answers.SessionAnswer(ok=True, session_id=view.id)


@router.get("/sessions", response_model=legacy_answers.SessionsAnswer, responses=describe_errors(500))
async def sessions(service: TheService) -> legacy_answers.SessionsAnswer:
    """List the open connections."""
    view = await service.status()
    return legacy_answers.SessionsAnswer(sessions=[shapes.shape_session(one) for one in view.connections])


@router.post("/close", response_model=answers.OkAnswer, responses=describe_errors(400, 500))
async def close(body: schemas.SessionBody, service: TheService) -> answers.OkAnswer:
    """End a session and its mirrors; `ok` says whether there was one."""
    try:
        closed = await service.disconnect(body.session_id)
    except NotFound:
        closed = None
    return answers.OkAnswer(ok=closed is not None)


@router.get(
    "/listdir",
    response_model=legacy_answers.LegacyListingAnswer,
    responses=describe_errors(400, 401, 404, 408, 429, 500),
)
async def listdir(
    service: TheService, session_id: Session, path: Annotated[str, Query(max_length=4096)] = "~"
) -> Response:
    """List a directory of the server, with the same items as the unified API."""
    listing = await service.list_directory(path, session_id)
    return await make_bulk_response(lambda: {"items": shapes.shape_items(listing.items)})


@router.post(
    "/mirror/start",
    response_model=legacy_answers.MirrorStartAnswer,
    responses=describe_errors(400, 401, 404, 408, 429, 500, 507),
)
async def start_mirror(body: schemas.MirrorStartBody, service: TheService) -> legacy_answers.MirrorStartAnswer:
    """Mirror a root; others of the same session go on."""
    request = ModeRequest(Mode.MIRROR, body.remote_root, interval=body.interval, is_additional=True)
    view = await service.configure_mode(request, body.session_id)
    task = legacy_answers.MirrorTask(**shapes.shape_mirror_task(view.record.connection_id, view))
    return legacy_answers.MirrorStartAnswer(ok=True, task=task)


@router.post("/mirror/stop", response_model=answers.OkAnswer, responses=describe_errors(400, 500))
async def stop_mirror(body: schemas.MirrorStopBody, service: TheService) -> answers.OkAnswer:
    """Stop a mirror; `ok` says whether it was active. The local copy stays."""
    return answers.OkAnswer(ok=await service.stop_sync(body.task_id))


@router.get("/mirror/list", response_model=legacy_answers.MirrorsAnswer, responses=describe_errors(500))
async def list_mirrors(service: TheService) -> legacy_answers.MirrorsAnswer:
    """List the active mirrors of all sessions."""
    view = await service.status()
    mirrors = [
        shape_listed(connection, sync)
        for connection in view.connections
        for sync in connection.syncs
        if sync.mode is Mode.MIRROR
    ]
    return legacy_answers.MirrorsAnswer(mirrors=mirrors, storage=str(service.data_dir))


def shape_listed(connection: ConnectionView, sync: SyncView) -> legacy_answers.ListedMirrorTask:
    task = shapes.shape_mirror_task(connection.id, sync)
    return legacy_answers.ListedMirrorTask(**task, host=connection.host, alive=sync.is_alive)


class DeprecationHeaders:
    """ASGI middleware: every answer of the legacy API, errors included, says that it is old and what follows it."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith("/api/ssh/"):
            send = add_deprecation(send, SUCCESSORS.get(scope["path"], "/api/unified/status"))
        await self._app(scope, receive, send)


def add_deprecation(send: Send, successor: str) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            headers["Deprecation"] = "true"
            headers["Link"] = f'<{successor}>; rel="successor-version"'
        await send(message)

    return send_with_headers
