"""Turns what the service holds into views of it. Pure functions."""

from __future__ import annotations

from runferry.service.connections import Held, Waiting
from runferry.service.views import ConnectionView, SyncView
from runferry.ssh.pool import ConnectionState

SSH_PORT = 22


def view_held(held: Held, syncs: tuple[SyncView, ...], counts: tuple[int, int], *, now: float) -> ConnectionView:
    """``counts`` are the experiments and artifacts in the index that come from this server."""
    connection = held.connection
    is_connected = connection.is_connected
    is_breaking = connection.state is ConnectionState.CONNECTED and not is_connected
    next_try = connection.next_try_at
    return ConnectionView(
        id=held.id,
        host=held.record.host,
        port=connection.port,
        username=connection.username,
        state="reconnecting" if is_breaking else connection.state.value,
        server=held.server.label,
        uptime_seconds=int(connection.uptime_seconds) if is_connected else None,
        last_error=None if is_connected else connection.last_error,
        next_try_in_seconds=None if is_connected or next_try is None else max(0.0, round(next_try - now, 1)),
        fingerprint=connection.fingerprint,
        host_key=connection.host_key,
        info=held.remote.info,
        syncs=syncs,
        cached_experiments=counts[0],
        cached_artifacts=counts[1],
        sent_bytes=held.audit.traffic.sent,
        received_bytes=held.audit.traffic.received,
    )


def view_waiting(waiting: Waiting, *, now: float) -> ConnectionView:
    """A connection from before the restart: reconnecting by itself, or waiting for the user to log in."""
    record = waiting.record
    is_trying = waiting.task is not None and not waiting.task.done()
    next_try = waiting.next_try_at if is_trying else None
    return ConnectionView(
        id=record.id,
        host=record.host,
        port=record.port or SSH_PORT,
        username=record.username or record.id.partition("@")[0],
        state="reconnecting" if is_trying else "waiting",
        server="",
        last_error=waiting.last_error,
        next_try_in_seconds=None if next_try is None else max(0.0, round(next_try - now, 1)),
    )
