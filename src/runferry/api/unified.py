"""The unified SSH API of ``ssh_api.md``: connect, browse, sync. It shapes and checks; the service does the work."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import SecretStr

from runferry.api import answers, schemas, shapes
from runferry.api.access import TheService, describe_errors
from runferry.api.bulk import make_bulk_response
from runferry.errors import InvalidRequest
from runferry.service import ConnectRequest, ModeRequest, Service
from runferry.ssh.credentials import Credentials, Secret
from runferry.ssh.target import Target
from runferry.sync.spec import Mode

router = APIRouter(prefix="/api/unified", tags=["unified"])

FORGOTTEN = "Forgotten; the next connect learns the new key"
NEVER_LEARNED = "No key of it was learned; one in ~/.ssh/known_hosts is yours to remove (ssh-keygen -R)"

AnyConnection = Annotated[
    Annotated[str, Query(max_length=600)] | None,
    schemas.BlankIsMissing,
    Query(description="`user@host:port`; without it the current connection is meant."),
]


@router.post(
    "/connect",
    response_model=answers.ConnectAnswer,
    responses=describe_errors(400, 401, 408, 409, 429, 500, 507),
)
async def connect(body: schemas.ConnectBody, service: TheService) -> answers.ConnectAnswer:
    """Log in to a server.

    A new host key is trusted, remembered and reported; a changed one is refused (409) before anything is sent. A
    server that asks questions answers 409 with `prompts` and `attempt`: post the same body with `attempt` and
    `answers`.
    """
    request = await read_saved(body, body.saved, service) if body.saved else read_login(body, body.host)
    return shapes.shape_connected(await service.connect(request))


@router.post("/disconnect", response_model=answers.MessageAnswer, responses=describe_errors(400, 404, 500))
async def disconnect(service: TheService, body: schemas.ConnectionBody | None = None) -> answers.MessageAnswer:
    """Stop the connection's syncs, end what runs for us on the server, and close it. Local copies stay."""
    closed = await service.disconnect(body.connection_id if body else None)
    message = f"Disconnected from {closed}" if closed else "Not connected; nothing to do"
    return answers.MessageAnswer(ok=True, message=message)


@router.post("/forget_host_key", response_model=answers.MessageAnswer, responses=describe_errors(400, 500))
async def forget_host_key(body: schemas.HostKeyBody, service: TheService) -> answers.MessageAnswer:
    """Remove a server's host key from what Runferry has learned, after it was changed on purpose.

    `~/.ssh/known_hosts` is never touched.
    """
    was_known = await service.forget_host_key(Target(body.host, body.port, body.username))
    message = FORGOTTEN if was_known else NEVER_LEARNED
    return answers.MessageAnswer(ok=True, message=message)


@router.get(
    "/status",
    response_model=answers.StatusAnswer,
    response_model_exclude_none=True,
    responses=describe_errors(400, 404, 500),
)
async def status(service: TheService, connection_id: AnyConnection = None) -> answers.StatusAnswer:
    """Tell what is connected and how far the syncs are. Answers at once, whatever the network does."""
    return shapes.shape_status(await service.status(connection_id))


@router.get(
    "/listdir",
    response_model=answers.ListingAnswer,
    responses=describe_errors(400, 401, 404, 408, 429, 500),
)
async def listdir(service: TheService, query: Annotated[schemas.ListdirQuery, Query()]) -> Response:
    """List a directory of the server: directories first, then by name. Links are followed for `type`."""
    listing = await service.list_directory(
        query.path, query.connection_id, show_hidden=query.show_hidden, depth=query.depth
    )
    end = None if query.limit is None else query.offset + query.limit
    items = listing.items[query.offset : end]

    def shape() -> dict[str, object]:
        shaped = shapes.shape_items(items)
        return {"ok": True, "current_path": listing.path, "items": shaped, "total": len(listing.items)}

    return await make_bulk_response(shape)


@router.post(
    "/configure_mode",
    response_model=answers.ConfigureAnswer,
    response_model_exclude_none=True,
    responses=describe_errors(400, 401, 404, 408, 429, 500, 507),
)
async def configure_mode(body: schemas.ConfigureBody, service: TheService) -> answers.ConfigureAnswer:
    """Start or change a sync. Answers once the root is known to exist; the first sync runs behind the answer."""
    is_smart = body.mode == "smart"
    request = ModeRequest(
        mode=Mode(body.mode),
        remote_root=body.remote_root,
        interval=body.sync_interval_minutes * 60 if is_smart else body.mirror_interval,
        is_automatic=body.auto_sync or not is_smart,
        include=tuple(body.include),
        exclude=tuple(body.exclude),
        max_file_size=body.max_file_size,
        delete=body.delete,
        formats=tuple(body.formats),
        is_additional=body.additional,
    )
    return shapes.shape_configured(await service.configure_mode(request, body.connection_id))


@router.post(
    "/deactivate_mode",
    response_model=answers.DeactivateAnswer,
    responses=describe_errors(400, 404, 500),
)
async def deactivate_mode(body: schemas.DeactivateBody, service: TheService) -> answers.DeactivateAnswer:
    """Stop a mode. The local copy stays."""
    was_active = await service.deactivate_mode(Mode(body.mode), body.connection_id)
    name = body.mode.capitalize()
    message = f"{name} mode deactivated; the local copy stays" if was_active else f"{name} mode was not active"
    return answers.DeactivateAnswer(ok=True, mode=body.mode, message=message)


@router.post(
    "/sync",
    response_model=answers.SyncNowAnswer,
    response_model_exclude_none=True,
    responses=describe_errors(400, 404, 500),
)
async def sync(service: TheService, body: schemas.SyncBody | None = None) -> answers.SyncNowAnswer:
    """Look at the whole root again as soon as possible; a lost connection is tried at once. Answers at once."""
    mode = Mode(body.mode) if body and body.mode else None
    chosen = body.sync_id if body else None
    views = await service.sync_now(mode, body.connection_id if body else None, sync_id=chosen)
    message = f"{len(views)} sync{'s' if len(views) != 1 else ''} asked to look again"
    return answers.SyncNowAnswer(ok=True, message=message, syncs=[shapes.shape_sync(view) for view in views])


def read_login(body: schemas.LoginFields, host: str | None) -> ConnectRequest:
    """Turn a body into a request; secrets change from pydantic's wrapper to ours and are never shown between."""
    if host is None:
        raise InvalidRequest("host: this field is required.")
    return make_request(body, Target(host, body.port, body.username), read_credentials(body))


async def read_saved(body: schemas.LoginFields, key: str, service: Service) -> ConnectRequest:
    """Return the login of a saved connection."""
    target, credentials = await service.saved_connections.make_request(key, read_credentials(body))
    return make_request(body, target, credentials)


def read_credentials(body: schemas.LoginFields) -> Credentials:
    return Credentials(
        password=reveal(body.password),
        private_key=reveal(body.private_key),
        private_key_path=body.private_key_path,
        passphrase=reveal(body.passphrase),
        use_agent=body.use_agent,
    )


def make_request(body: schemas.LoginFields, target: Target, credentials: Credentials) -> ConnectRequest:
    return ConnectRequest(
        target,
        credentials,
        accept_fingerprint=body.accept_fingerprint,
        attempt=body.attempt,
        answers=tuple(Secret(answer.get_secret_value()) for answer in body.answers),
    )


def reveal(value: SecretStr | None) -> Secret | None:
    return Secret.of(value.get_secret_value()) if value is not None else None
