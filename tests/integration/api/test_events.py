"""The event stream over a real socket: what happens arrives, and a reader that was cut off misses nothing."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from tests.integration.api.running import Running, expect, run_server
from tests.support.samples import unpack_sample
from tests.support.sshd import Sshd


@dataclass(frozen=True)
class Received:
    id: str
    kind: str
    data: dict[str, Any]


@contextlib.contextmanager
def listening(server: Running, last_id: str | None = None) -> Iterator[Iterator[Received]]:
    headers = {"Last-Event-ID": last_id} if last_id else {}
    with requests.get(f"{server.url}/api/events", headers=headers, stream=True, timeout=20) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        lines = answer.iter_lines(chunk_size=1, decode_unicode=True)
        assert next(lines).startswith(":"), "a comment comes at once"
        yield read_events(lines)


def read_events(lines: Iterator[str]) -> Iterator[Received]:
    fields: dict[str, str] = {}
    for line in lines:
        name, _, value = line.partition(": ")
        if line and name:
            fields[name] = value
        elif not line and "event" in fields:
            yield Received(fields["id"], fields["event"], json.loads(fields["data"]))
            fields = {}


def test_connecting_syncing_and_disconnecting_are_told(server: Running, sshd: Sshd, tmp_path: Path) -> None:
    root = unpack_sample("0.4", tmp_path / "remote")
    with listening(server) as events:
        connection_id = server.connect(sshd)["connection_id"]
        body = {"mode": "mirror", "remote_root": str(root)}
        expect(server.post("/api/unified/configure_mode", body), 200)
        seen: list[Received] = []
        for event in events:
            seen.append(event)
            kinds = {one.kind for one in seen}
            if event.kind == "sync" and event.data["state"] == "watching" and {"run", "connection"} <= kinds:
                break
        first = next(event for event in seen if event.kind == "connection")
        assert first.data["connection_id"] == connection_id
        assert first.data["connected"] is True
        sync = [event for event in seen if event.kind == "sync"][-1].data
        assert sync["connection_id"] == connection_id
        assert sync["remote_root"] == str(root)
        assert sync["files_done"] == sync["files_total"]
        assert sync["mode"] == "mirror"
        runs = {key for event in seen if event.kind == "run" for key in event.data["changed"]}
        assert runs == {run["key"] for run in server.get("/api/runs").json()}
        expect(server.post("/api/unified/disconnect"), 200)
        assert next(event for event in events if event.kind == "connection").data["connected"] is False


def test_a_reader_that_was_cut_off_resumes_without_a_gap(server: Running, sshd: Sshd) -> None:
    with listening(server) as events:
        server.connect(sshd)
        first = next(events)
    expect(server.post("/api/unified/disconnect"), 200)
    server.connect(sshd)
    with listening(server, first.id) as events:
        epoch, _, number = first.id.rpartition("-")
        resumed = [next(events) for _ in range(2)]
    assert [event.id for event in resumed] == [f"{epoch}-{int(number) + step}" for step in (1, 2)]
    assert resumed[0].kind == "connection"


def test_an_id_of_another_life_is_told_to_refetch(server: Running) -> None:
    with listening(server, "0000-17") as events:
        assert next(events).kind == "refetch"


@pytest.mark.parametrize("readers", [3])
def test_open_streams_do_not_hold_up_the_end_of_the_server(tmp_path: Path, home: Path, readers: int) -> None:
    with contextlib.ExitStack() as streams:
        with run_server(tmp_path / "data") as server:
            opened = [streams.enter_context(listening(server)) for _ in range(readers)]
            began = time.monotonic()
        assert time.monotonic() - began < 3
        for events in opened:
            assert list(events) == []
