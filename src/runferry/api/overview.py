"""Hosts to connect to, previews of folders, the audit log, pausing syncs. It shapes and checks."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import Field

from runferry.api import answers, schemas, shapes
from runferry.api.access import TheService, describe_errors
from runferry.api.unified import AnyConnection
from runferry.errors import NotFound
from runferry.service.preview import Amount

router = APIRouter(prefix="/api", tags=["servers"])

SLOWEST = 8.0


class HostAnswer(answers.Answer):
    alias: Annotated[str, Field(examples=["gpu1"])]
    host: Annotated[str, Field(examples=["gpu1.example.org"])]
    port: int | None
    user: str | None


class AmountAnswer(answers.Answer):
    files: int
    bytes: int


class PreviewAnswer(answers.Answer):
    path: str
    is_complete: Annotated[bool, Field(description="False: too large to look through in the time; all else is 0.")]
    mirror: AmountAnswer
    smart: Annotated[AmountAnswer, Field(description="What smart mode copies at once; the rest comes on demand.")]
    runs: int
    runs_in: Annotated[dict[str, int], Field(description="How many of the runs each folder in `path` holds.")]
    formats: Annotated[dict[str, int], Field(description="How many of the runs each tool has written.")]
    databases: Annotated[dict[str, int], Field(description="Databases with runs, whose number is not known yet.")]


class AuditEntryAnswer(answers.Answer):
    number: int
    at: float
    until: float
    kind: Annotated[
        str, Field(description="command, sftp, resolve, list, scan, follow, change, read, hash, look or processes")
    ]
    text: str
    times: Annotated[int, Field(description="How many alike came one after another.")]
    bytes: Annotated[int, Field(description="Of content that came back.")]


class AuditAnswer(answers.Answer):
    connection_id: str
    sent_bytes: Annotated[int, Field(description="Inside the SSH channels, before encryption.")]
    received_bytes: int
    entries: Annotated[list[AuditEntryAnswer], Field(description="The latest, oldest first; at most 2,000 are kept.")]


class SettingsAnswer(answers.Answer):
    """What is in force; it is changed in `settings_file` and holds from the next start on."""

    settings_file: str
    strict_host_keys: Annotated[bool, Field(description="A server's first key is asked about, not just remembered.")]
    connect_timeout: Annotated[float, Field(description="Seconds.")]
    cache_limit_bytes: int
    disk_reserve_bytes: int
    rate_limits: Annotated[dict[str, int], Field(description="Calls per minute and client; 0: any number.")]


class SyncBody(schemas.Body):
    sync_id: Annotated[schemas.WholeNumber, Field(examples=[1])]


@router.get("/hosts", response_model=list[HostAnswer], responses=describe_errors(500))
async def list_hosts(service: TheService) -> list[HostAnswer]:
    """List the hosts that `~/.ssh/config` names, in its order."""
    found = await service.overview.hosts()
    return [HostAnswer(alias=one.alias, host=one.host, port=one.port, user=one.username) for one in found]


@router.get("/settings", response_model=SettingsAnswer, responses=describe_errors())
async def show_settings(service: TheService) -> SettingsAnswer:
    """Show the settings in force."""
    settings = service.overview.settings
    return SettingsAnswer(
        settings_file=str(settings.data_dir / "settings.toml"),
        strict_host_keys=settings.strict_host_keys,
        connect_timeout=settings.connect_timeout,
        cache_limit_bytes=settings.cache_limit_bytes,
        disk_reserve_bytes=settings.disk_reserve_bytes,
        rate_limits=dict(settings.rate_limits),
    )


@router.get("/unified/preview", response_model=PreviewAnswer, responses=describe_errors(400, 403, 404, 408, 500))
async def preview(
    service: TheService,
    path: Annotated[str, Query(max_length=4096)] = "~",
    connection_id: AnyConnection = None,
    seconds: Annotated[float, Query(gt=0, le=SLOWEST, description="How long it may take.")] = 5.0,
) -> PreviewAnswer:
    """Look through a folder of the server: how many runs it holds, and what each mode would copy of it."""
    found = await service.overview.preview(path, connection_id, seconds=seconds)
    return PreviewAnswer(
        path=found.path,
        is_complete=found.is_complete,
        mirror=shape_amount(found.mirror),
        smart=shape_amount(found.smart),
        runs=found.runs,
        runs_in=dict(found.runs_in),
        formats=dict(found.formats),
        databases=dict(found.databases),
    )


@router.get("/unified/audit", response_model=AuditAnswer, responses=describe_errors(400, 404, 500))
async def audit(
    service: TheService,
    connection_id: AnyConnection = None,
    limit: Annotated[int, Query(ge=1, le=2000)] = 500,
) -> AuditAnswer:
    """Show what was run on a server and asked of it since it was connected: commands, requests, bytes."""
    name, log = service.overview.audit(connection_id)
    entries = [AuditEntryAnswer(**asdict(one)) for one in log.entries[-limit:]]
    return AuditAnswer(
        connection_id=name, sent_bytes=log.traffic.sent, received_bytes=log.traffic.received, entries=entries
    )


@router.post("/unified/pause", response_model=answers.SyncAnswer, responses=describe_errors(400, 404, 500))
async def pause(body: SyncBody, service: TheService) -> answers.SyncAnswer:
    """Stop a sync's work until it is resumed, also over a restart. What is here stays."""
    return shapes.shape_sync(await service.pause_sync(body.sync_id))


@router.post("/unified/resume", response_model=answers.SyncAnswer, responses=describe_errors(400, 404, 500))
async def resume(body: SyncBody, service: TheService) -> answers.SyncAnswer:
    """Let a paused sync go on where it stopped."""
    return shapes.shape_sync(await service.resume_sync(body.sync_id))


@router.post("/unified/stop", response_model=answers.MessageAnswer, responses=describe_errors(400, 404, 500))
async def stop(body: SyncBody, service: TheService) -> answers.MessageAnswer:
    """End one sync. What it has copied stays."""
    if not await service.stop_sync(str(body.sync_id)):
        raise NotFound(f"No sync {body.sync_id} is active; see GET /api/unified/status.")
    return answers.MessageAnswer(ok=True, message="Stopped; the local copy stays")


def shape_amount(amount: Amount) -> AmountAnswer:
    return AmountAnswer(files=amount.files, bytes=amount.bytes)
