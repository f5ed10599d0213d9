"""Turns the service's views into the documented answers. Pure functions; the document's block shapes are exact."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from runferry.api import answers, legacy_answers
from runferry.model import Kind, Problem
from runferry.remote.base import BrowseEntry
from runferry.service import ConnectionView, RunDetail, StatusView, SyncView
from runferry.sync.spec import Mode

TYPES = {Kind.DIR: "dir", Kind.FILE: "file", Kind.LINK: "unknown", Kind.OTHER: "unknown"}


def shape_status(view: StatusView) -> answers.StatusAnswer:
    """Answer the document's body and, where there is anything to tell, more beside it."""
    if view.current is None:
        return answers.StatusAnswer(
            connection=answers.ConnectionStatus(connected=False),
            smart_mode=answers.SmartModeStatus(active=False),
            mirror_mode=answers.MirrorModeStatus(active=False),
        )
    current = view.current
    smart, mirror = current.find_sync(Mode.SMART), current.find_sync(Mode.MIRROR)
    return answers.StatusAnswer(
        connection=shape_connection_status(current),
        smart_mode=shape_smart(smart),
        mirror_mode=shape_mirror(mirror),
        cached_experiments=view.cached_experiments,
        cached_artifacts=view.cached_artifacts,
        sync_progress=answers.ProgressAnswer(**shape_progress(smart)) if smart else None,
        mirror_progress=answers.ProgressAnswer(**shape_progress(mirror)) if mirror else None,
        connections=[shape_connection(connection) for connection in view.connections],
    )


def shape_connection_status(view: ConnectionView) -> answers.ConnectionStatus:
    if view.is_connected:
        return answers.ConnectionStatus(
            connected=True,
            host=view.host,
            port=view.port,
            username=view.username,
            uptime_seconds=view.uptime_seconds,
        )
    return answers.ConnectionStatus(
        connected=False,
        host=view.host,
        port=view.port,
        username=view.username,
        reconnecting=view.state == "reconnecting",
        last_error=view.last_error,
        next_try_in_seconds=view.next_try_in_seconds,
    )


def shape_smart(sync: SyncView | None) -> answers.SmartModeStatus:
    if sync is None:
        return answers.SmartModeStatus(active=False)
    return answers.SmartModeStatus(
        active=True,
        remote_root=sync.record.remote_root,
        auto_sync=sync.is_automatic,
        sync_interval_minutes=shape_number(sync.interval / 60),
        last_sync_at=sync.progress.last_sync_at,
        next_sync_at=sync.progress.next_sync_at,
    )


def shape_mirror(sync: SyncView | None) -> answers.MirrorModeStatus:
    if sync is None:
        return answers.MirrorModeStatus(active=False)
    return answers.MirrorModeStatus(
        active=True,
        remote_root=sync.record.remote_root,
        mirror_interval=sync.interval,
        last_sync_at=sync.progress.last_sync_at,
        next_sync_at=sync.progress.next_sync_at,
    )


def shape_progress(sync: SyncView) -> dict[str, Any]:
    progress = sync.progress
    left = progress.bytes_total - progress.bytes_done
    rate = progress.bytes_per_second
    is_under_way = progress.files_done < progress.files_total
    return {
        "state": progress.state.value,
        "files_done": progress.files_done,
        "files_total": progress.files_total,
        "bytes_done": progress.bytes_done,
        "bytes_total": progress.bytes_total,
        "bytes_per_second": rate,
        "eta_seconds": round(left / rate, 1) if is_under_way and rate > 0 and left > 0 else None,
        "current_file": progress.current_file,
        "problem_count": sync.problem_count,
        "problems": shape_problems(sync.problems),
        "last_error": progress.last_error,
    }


def shape_problems(problems: Iterable[Problem]) -> list[answers.ProblemAnswer]:
    return [answers.ProblemAnswer(path=one.path, code=one.code.value, message=one.message) for one in problems]


def shape_sync(sync: SyncView) -> answers.SyncAnswer:
    progress = sync.progress
    return answers.SyncAnswer(
        **shape_progress(sync),
        sync_id=sync.record.id,
        mode=sync.mode.value,
        remote_root=sync.record.remote_root,
        local_root=sync.local_root,
        auto_sync=sync.is_automatic,
        interval_seconds=sync.interval,
        copied_files=progress.copied_files,
        copied_bytes=progress.copied_bytes,
        appended_bytes=progress.appended_bytes,
        scans=progress.scans,
        started_at=progress.started_at,
        last_sync_at=progress.last_sync_at,
        next_sync_at=progress.next_sync_at,
        is_paused=sync.record.is_paused,
    )


def shape_connection(view: ConnectionView) -> answers.ConnectionAnswer:
    info = view.info
    return answers.ConnectionAnswer(
        connection_id=view.id,
        state=view.state,
        server=view.server,
        connection=shape_connection_status(view),
        smart_mode=shape_smart(view.find_sync(Mode.SMART)),
        mirror_mode=shape_mirror(view.find_sync(Mode.MIRROR)),
        cached_experiments=view.cached_experiments,
        cached_artifacts=view.cached_artifacts,
        last_error=view.last_error,
        fingerprint=view.fingerprint,
        host_key=view.host_key,
        transport=info.transport if info else None,
        transport_reason=info.reason if info else None,
        sent_bytes=view.sent_bytes,
        received_bytes=view.received_bytes,
        syncs=[shape_sync(sync) for sync in view.syncs],
    )


def shape_connected(view: ConnectionView) -> answers.ConnectAnswer:
    info = view.info
    server = answers.ServerAnswer(
        os=info.os if info else "", python=info.python if info else "", hostname=info.hostname if info else ""
    )
    return answers.ConnectAnswer(
        ok=True,
        status="connected",
        host=view.host,
        port=view.port,
        username=view.username,
        message=f"Successfully connected to {view.host}",
        connection_id=view.id,
        fingerprint=view.fingerprint or "",
        host_key=view.host_key or "known",
        transport=info.transport if info else "",
        server=server,
    )


def shape_configured(sync: SyncView) -> answers.ConfigureAnswer:
    options = {key: value for key, value in sync.record.options.items() if value and key in EXTRA_OPTIONS}
    config: answers.SmartConfig | answers.MirrorConfig
    if sync.mode is Mode.SMART:
        config = answers.SmartConfig(
            remote_root=sync.record.remote_root,
            auto_sync=sync.is_automatic,
            sync_interval_minutes=shape_number(sync.interval / 60),
            **options,
        )
    else:
        config = answers.MirrorConfig(remote_root=sync.record.remote_root, mirror_interval=sync.interval, **options)
    message = f"{sync.mode.value.capitalize()} mode configured successfully"
    return answers.ConfigureAnswer(ok=True, mode=sync.mode.value, message=message, config=config)


EXTRA_OPTIONS = frozenset({"include", "exclude", "max_file_size", "delete", "formats"})


def shape_number(value: float) -> int | float:
    """Give a whole number as an integer, as the document prints it."""
    value = round(value, 6)
    return int(value) if value.is_integer() else value


def shape_items(items: Iterable[BrowseEntry]) -> list[dict[str, Any]]:
    return [shape_item(item) for item in items]


def shape_item(item: BrowseEntry) -> dict[str, Any]:
    shaped: dict[str, Any] = {
        "name": item.name,
        "path": item.path,
        "type": TYPES[item.kind],
        "size": item.size,
        "mtime": item.mtime,
        "is_link": item.is_link,
    }
    if item.children is not None:
        shaped["children"] = shape_items(item.children)
    return shaped


def shape_run(detail: RunDetail) -> dict[str, Any]:
    rest = asdict(detail)
    run: dict[str, Any] = rest.pop("run")
    return run | rest


def shape_session(view: ConnectionView) -> legacy_answers.LegacySession:
    return legacy_answers.LegacySession(
        id=view.id, host=view.host, port=view.port, username=view.username, connected=view.is_connected
    )


def shape_mirror_task(connection_id: str, sync: SyncView) -> dict[str, Any]:
    progress = sync.progress
    return {
        "id": str(sync.record.id),
        "session_id": connection_id,
        "remote_root": sync.record.remote_root,
        "local_root": sync.local_root,
        "interval": sync.interval,
        "stats": legacy_answers.MirrorStats(
            copied_files=progress.copied_files,
            appended_bytes=progress.appended_bytes,
            scans=progress.scans,
            started_at=progress.started_at,
            last_error=progress.last_error,
        ),
    }
