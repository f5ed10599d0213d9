"""Logs over HTTP and WebSocket, from a real sshd: the lines of the file, once each, in order, however they come."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.integration.api.running import Running, expect
from tests.support.ferry import write_run
from tests.support.listening import listening
from tests.support.samples import unpack_sample
from tests.support.waiting import eventually_now
from websockets.exceptions import InvalidStatus

RUN = "20260101_120000_abc123"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """A run of 20 lines on the server."""
    return write_run(tmp_path / "remote", "p", "n", RUN)


def sync(server: Running, root: Path, mode: str = "mirror") -> dict[str, Any]:
    body = {"mode": mode, "remote_root": str(root), "mirror_interval": 0.5}
    expect(server.post("/api/unified/configure_mode", body), 200)
    return server.wait_synced(mode)


def read_lines(path: Path) -> list[str]:
    """Read a log independently: lines end with a newline, whatever else is in them."""
    lines = path.read_bytes().decode("utf-8", "replace").split("\n")
    return [line.removesuffix("\r") for line in (lines if lines[-1] else lines[:-1])]


def pages(server: Running, run: str, **query: object) -> dict[str, Any]:
    return expect(server.get(f"/api/runs/{run}/logs", params=query), 200)


def texts(page: dict[str, Any]) -> list[str]:
    return [line["text"] for line in page["lines"]]


def append(path: Path, data: str | bytes) -> None:
    with path.open("ab") as file:
        file.write(data.encode() if isinstance(data, str) else data)


def wait_held(server: Running, size: int, run: str = RUN) -> dict[str, Any]:
    """Wait until so many bytes of the log are here."""

    def look() -> dict[str, Any] | None:
        page = pages(server, run, tail=10)
        return page if page["held_bytes"] == size else None

    return eventually_now(look, within=20, what=f"{size} bytes of the log are here") or {}


@pytest.mark.parametrize("mode", ["mirror", "smart"])
@pytest.mark.parametrize("version", ["0.4", "0.7"])
def test_every_line_of_the_sample_logs_is_there(connected: Running, tmp_path: Path, version: str, mode: str) -> None:
    root = unpack_sample(version, tmp_path / "remote")
    sync(connected, root, mode)
    logs = {path.parent.name: read_lines(path) for path in root.rglob("logs.txt") if ".recycle" not in path.parts}
    assert logs
    assert any(logs.values())
    for run, expected in logs.items():
        with listening(connected.url, run, tail="all") as listener:
            assert listener.take(len(expected)) == expected
        page = pages(connected, run)
        assert texts(page) == expected
        assert [line["number"] for line in page["lines"]] == list(range(len(expected)))
        assert (page["total_lines"], page["local"]) == (len(expected), "full")


def test_a_page_of_a_smart_sync_comes_although_nothing_was_copied_before(connected: Running, run: Path) -> None:
    local = Path(sync(connected, run.parents[3], "smart")["connections"][0]["syncs"][0]["local_root"])
    copy = local / run.relative_to(run.parents[3]) / "logs.txt"
    assert not copy.exists()
    page = pages(connected, RUN, tail=3)
    assert texts(page) == [f"12:00:00 | step {step}" for step in (17, 18, 19)]
    assert [line["number"] for line in page["lines"]] == [17, 18, 19]
    assert texts(pages(connected, RUN, offset=18)) == ["12:00:00 | step 18", "12:00:00 | step 19"]
    assert copy.read_bytes() == (run / "logs.txt").read_bytes()


def test_offset_limit_tail_and_search_choose_lines(connected: Running, run: Path) -> None:
    sync(connected, run.parents[3])
    page = pages(connected, RUN, offset=5, limit=10)
    assert [line["number"] for line in page["lines"]] == list(range(5, 15))
    assert (page["offset"], page["next_offset"], page["total_lines"]) == (5, 15, 20)
    assert pages(connected, RUN, offset=15, limit=10)["next_offset"] is None
    assert texts(pages(connected, RUN, offset=100)) == []
    assert texts(pages(connected, RUN, tail=1)) == ["12:00:00 | step 19"]
    found = pages(connected, RUN, search="STEP 1", limit=3)
    assert [line["number"] for line in found["lines"]] == [1, 10, 11]
    assert (found["next_offset"], found["matches"], found["is_searched"]) == (12, 11, True)
    rest = pages(connected, RUN, search="STEP 1", offset=12)
    assert [line["number"] for line in rest["lines"]] == list(range(12, 20))
    assert pages(connected, RUN, search="STEP 1", case=True)["lines"] == []
    assert pages(connected, RUN, search="(a+)+$")["matches"] == 0
    assert pages(connected, RUN, path="logs.txt")["paths"] == ["logs.txt"]


WRONG: tuple[tuple[dict[str, Any], int], ...] = (
    ({"offset": -1}, 400),
    ({"limit": 0}, 400),
    ({"limit": 10_001}, 400),
    ({"tail": 10_001}, 400),
    ({"tail": 5, "search": "x"}, 400),
    ({"search": "x" * 1001}, 400),
    ({"offset": 2**60}, 400),
    ({"path": "../meta.json"}, 404),
    ({"path": "events.jsonl"}, 404),
)
WRONG_FOR_SOCKETS: tuple[dict[str, Any], ...] = (
    {"tail": "some"},
    {"from_": "-1"},
    {"after": "x"},
    {"format": "xml"},
    {"tail": 1, "from_": 1},
)


def test_a_wrong_query_is_refused_with_a_sentence(connected: Running, run: Path) -> None:
    sync(connected, run.parents[3])
    for query, status in WRONG:
        assert expect(connected.get(f"/api/runs/{RUN}/logs", params=query), status)["detail"]
    for given in WRONG_FOR_SOCKETS:
        with pytest.raises(InvalidStatus) as caught, listening(connected.url, RUN, **given):
            pass
        assert caught.value.response.status_code == 400


def test_a_run_without_a_log_has_an_empty_one(connected: Running, run: Path) -> None:
    (run / "logs.txt").unlink()
    for mode in ("mirror", "smart"):
        sync(connected, run.parents[3], mode)
        page = pages(connected, RUN)
        assert (page["lines"], page["local"], page["size_bytes"], page["total_lines"]) == ([], "none", 0, None)


def test_an_unknown_run_has_no_log(connected: Running) -> None:
    assert expect(connected.get("/api/runs/nowhere/logs"), 404)["detail"] == "Run not found"
    with pytest.raises(InvalidStatus) as caught, listening(connected.url, "nowhere"):
        pass
    assert caught.value.response.status_code == 404
    assert b"Run not found" in caught.value.response.body


def test_a_socket_gives_what_is_there_and_then_what_comes(connected: Running, run: Path) -> None:
    sync(connected, run.parents[3])
    expected = read_lines(run / "logs.txt")
    with (
        listening(connected.url, RUN) as default,
        listening(connected.url, RUN, tail=2) as tail,
        listening(connected.url, RUN, from_=18) as second,
        listening(connected.url, RUN, from_=20) as waiting,
        listening(connected.url, RUN, tail=0) as fresh,
    ):
        assert default.take(20) == expected
        assert tail.take(2) == second.take(2) == expected[-2:]
        append(run / "logs.txt", "12:00:01 | more\n\n12:00:02 | \x1b[32mgreen\x1b[0m \xff\r\n")
        append(run / "logs.txt", b"bad \xff byte\n")
        more = ["12:00:01 | more", "", "12:00:02 | \x1b[32mgreen\x1b[0m \xff", "bad \ufffd byte"]
        for listener in (default, tail, second, waiting, fresh):
            assert listener.take(4) == more


def test_a_line_without_its_newline_is_held_for_two_seconds_and_its_rest_comes_next(
    connected: Running, run: Path
) -> None:
    sync(connected, run.parents[3])
    log = run / "logs.txt"
    with listening(connected.url, RUN, tail=0) as text, listening(connected.url, RUN, tail=0, format="json") as parts:

        def next_part() -> tuple[object, ...]:
            one = parts.next_json()
            return one["text"], one["number"], one["is_partial"], one["is_rest"]

        append(log, "in two ")
        assert text.is_silent(1.0)
        append(log, "parts, \N{GRINNING FACE}"[:-1].encode() + "\N{GRINNING FACE}".encode()[:2])
        assert text.next() == "in two parts, "
        assert next_part() == ("in two parts, ", 20, True, False)
        append(log, "\N{GRINNING FACE}".encode()[2:] + b" whole\n")
        assert text.next() == "\N{GRINNING FACE} whole"
        assert next_part() == ("\N{GRINNING FACE} whole", 20, False, True)
        append(log, "and another")
        assert text.next() == "and another"
        assert next_part() == ("and another", 21, True, False)
        append(log, "\nlast\n")
        assert text.next() == "last", "the newline of a line that was sent is no line"
        assert next_part() == ("", 21, False, True)
        assert next_part() == ("last", 22, False, False)


def test_a_progress_bar_without_newlines_is_told_every_two_seconds(connected: Running, run: Path) -> None:
    sync(connected, run.parents[3])
    with listening(connected.url, RUN, tail=0) as listener:
        append(run / "logs.txt", "\r 10%|#         |\r 20%|##        |")
        assert listener.next() == "\r 10%|#         |\r 20%|##        |"
        append(run / "logs.txt", "\r 30%|###       |")
        assert listener.next() == "\r 30%|###       |"
        append(run / "logs.txt", "\r 40%|####      |\ndone\n")
        assert listener.take(2) == ["\r 40%|####      |", "done"]


def test_a_socket_goes_on_behind_a_cursor_even_within_a_line(connected: Running, run: Path) -> None:
    sync(connected, run.parents[3])
    append(run / "logs.txt", "half")
    size = (run / "logs.txt").stat().st_size
    wait_held(connected, size)
    with listening(connected.url, RUN, tail=2, format="json") as listener:
        first, half = listener.next_json(), listener.next_json()
        assert (first["text"], half["text"], half["is_partial"]) == ("12:00:00 | step 19", "half", True)
    append(run / "logs.txt", " and half\nnext\n")
    with listening(connected.url, RUN, after=first["cursor"]) as listener:
        assert listener.take(2) == ["half and half", "next"]
    with listening(connected.url, RUN, after=half["cursor"]) as listener:
        assert listener.take(2) == [" and half", "next"]
    page = pages(connected, RUN, tail=1)
    append(run / "logs.txt", "after the page\n")
    with listening(connected.url, RUN, after=page["cursor"]) as listener:
        assert listener.next() == "after the page"


def rewrite_in_place(log: Path, text: str) -> None:
    log.write_text(text)


def rotate(log: Path, text: str) -> None:
    log.rename(log.with_name("logs.txt.1"))
    log.write_text(text)


def replace_by_a_longer_one(log: Path, text: str) -> None:
    staged = log.with_name("new")
    staged.write_text(text + "".join(f"more {number}\n" for number in range(200)))
    staged.replace(log)


@pytest.mark.parametrize("mode", ["mirror", "smart"])
@pytest.mark.parametrize("change", [rewrite_in_place, rotate, replace_by_a_longer_one])
def test_a_log_that_is_rewritten_while_it_is_watched_goes_on_with_its_new_first_line(
    connected: Running, run: Path, change: Callable[[Path, str], None], mode: str
) -> None:
    sync(connected, run.parents[3], mode)
    with (
        connected.get("/api/events", stream=True) as events,
        listening(connected.url, RUN) as listener,
        listening(connected.url, RUN, format="json", tail=1) as second,
    ):
        assert len(listener.take(20)) == 20
        second.next()
        wait_held(connected, (run / "logs.txt").stat().st_size)
        change(run / "logs.txt", "new one\nnew two\n")
        assert listener.take(2) == ["new one", "new two"]
        anew = second.next_json()
        assert (anew["text"], anew["number"], anew["is_anew"]) == ("new one", 0, True)
        assert second.next_json()["is_anew"] is False
        kinds = iter_events(events)
        notice = next(data for kind, data in kinds if kind == "log" and data.get("rewritten"))
        assert notice == {"run": notice["run"], "path": "logs.txt", "rewritten": True}
        assert notice["run"].endswith(f"/{RUN}")


def iter_events(answer: Any) -> Any:
    """Yield kind and data of a stream of events."""
    kind = ""
    for line in answer.iter_lines(decode_unicode=True):
        field, _, value = line.partition(": ")
        if field == "event":
            kind = value
        elif field == "data":
            yield kind, json.loads(value)


def test_new_lines_are_told_on_the_stream_of_events(connected: Running, run: Path) -> None:
    sync(connected, run.parents[3])
    with connected.get("/api/events", stream=True) as events:
        append(run / "logs.txt", "more\n")
        size = (run / "logs.txt").stat().st_size
        found = next(data for kind, data in iter_events(events) if kind == "log" and data["size"] == size)
    assert found["path"] == "logs.txt"
    assert found["run"].endswith(f"/{RUN}")


def test_a_smart_sync_shows_the_end_of_a_large_log_first_and_goes_on_without_a_gap(
    connected: Running, run: Path
) -> None:
    log = run / "logs.txt"
    log.write_text("".join(f"line {number}\n" for number in range(500_000)))
    os.utime(log, (1_700_000_000, 1_700_000_000))
    sync(connected, run.parents[3], "smart")
    with listening(connected.url, RUN) as listener:
        first = int(listener.next().removeprefix("line "))
        assert first > 470_000, "the last 256 KiB"
        assert listener.take(499_999 - first) == [f"line {number}" for number in range(first + 1, 500_000)]
        append(log, "line 500000\nline 500001\n")
        assert listener.take(2) == ["line 500000", "line 500001"]
    assert texts(pages(connected, RUN, offset=500_000)) == ["line 500000", "line 500001"]


def test_a_smart_sync_follows_only_while_somebody_watches(connected: Running, run: Path) -> None:
    root = run.parents[3]
    local = Path(sync(connected, root, "smart")["connections"][0]["syncs"][0]["local_root"])
    copy = local / run.relative_to(root) / "logs.txt"
    with listening(connected.url, RUN) as listener:
        listener.take(20)
        append(run / "logs.txt", "watched\n")
        assert listener.next() == "watched"
    held = copy.stat().st_size

    def appended() -> int:
        syncs = connected.status()["connections"][0]["syncs"]
        return int(syncs[0]["appended_bytes"] + syncs[0]["copied_bytes"])

    before = appended()
    append(run / "logs.txt", "nobody watches\n" * 100)
    (run / "summary.json").write_text('{"best_metric_value": 0.95, "best_metric_name": "acc"}')
    expect(connected.post("/api/unified/sync", {}), 200)

    def has_seen_the_summary() -> bool:
        return bool(expect(connected.get(f"/api/runs/{RUN}"), 200)["best_metric_value"] == 0.95)

    eventually_now(has_seen_the_summary, within=20)
    assert copy.stat().st_size == held
    assert appended() - before < 200, "the summary, and nothing of the log"
    with listening(connected.url, RUN, tail=1) as listener:
        assert "nobody watches" in [listener.next() for _ in range(2)]


def test_a_log_stays_readable_when_the_server_is_disconnected(connected: Running, run: Path) -> None:
    sync(connected, run.parents[3])
    with listening(connected.url, RUN) as listener:
        expect(connected.post("/api/unified/disconnect", {}), 200)
        assert len(listener.take(20)) == 20
    page = pages(connected, RUN)
    assert len(page["lines"]) == 20
    assert page["is_live"] is False


def test_a_key_and_an_id_lead_to_the_same_log(connected: Running, run: Path) -> None:
    sync(connected, run.parents[3])
    key = expect(connected.get(f"/api/runs/{RUN}"), 200)["key"]
    assert "/" in key
    assert texts(pages(connected, key)) == texts(pages(connected, RUN))
    with listening(connected.url, key, tail=1) as listener:
        assert listener.next() == "12:00:00 | step 19"


FOREIGN = (
    {"Origin": "http://evil.example"},
    {"Origin": "null"},
    {"Host": "evil.example"},
    {"Sec-Fetch-Site": "cross-site"},
)


def test_another_web_site_cannot_open_a_log(connected: Running, run: Path) -> None:
    sync(connected, run.parents[3])
    handshake = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    }
    address = f"/api/runs/{RUN}/logs/ws"
    for headers in FOREIGN:
        assert connected.get(address, headers=handshake | headers).status_code == 403
    own = handshake | {"Origin": connected.url}
    with connected.get(address, headers=own, stream=True) as answer:
        assert answer.status_code == 101
