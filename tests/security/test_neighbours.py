"""Another user of this machine reaches the port and gets nothing; the owner and root get everything."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from runferry.api.neighbours import is_on_this_machine, is_welcome
from runferry.api.socket_owners import VANISHED, ask_kernel, find_owner, read_tables
from tests.integration.api.running import Running, expect, run_server
from tests.support.accounts import require_root
from tests.support.waiting import eventually_now

NOBODY = "nobody"
TABLE = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"

# -I: nothing of ours is imported by the other user, who could not read it.
ASK = """
import socket, sys
host, port, path, extra = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4].encode().decode("unicode_escape")
with socket.create_connection((host, port), 10) as s:
    s.sendall(f"GET {path} HTTP/1.1\\r\\nHost: 127.0.0.1:{port}\\r\\n{extra}\\r\\n".encode())
    s.settimeout(10)
    answer = b""
    while len(answer) < 4096 and (piece := s.recv(4096)):
        answer += piece
        if b"}" in answer:  # the end of every body asked for here
            break
    print(answer.decode())
"""
UPGRADE = (
    r"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    r"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
)


def ask_as(user: str, server: Running, path: str, *, host: str = "127.0.0.1", extra: str = "") -> str:
    require_root("a second user")
    port = server.url.rpartition(":")[2]
    command = ["/usr/bin/python3", "-I", "-c", ASK, host, port, path, extra]
    done = subprocess.run(command, user=user, capture_output=True, text=True, check=True, timeout=20, cwd="/")
    return done.stdout


@pytest.mark.parametrize(
    "path", ["/api/health", "/api/unified/status", "/api/events", "/api/openapi.json", "/", "/docs"]
)
def test_another_user_is_refused_whatever_is_asked(server: Running, path: str) -> None:
    answer = ask_as(NOBODY, server, path)
    assert answer.startswith("HTTP/1.1 403 ")
    assert "belongs to another user" in answer
    assert "Access-Control-Allow-Origin" not in answer


def test_another_user_gets_no_websocket(server: Running) -> None:
    answer = ask_as(NOBODY, server, "/api/runs/x/logs/ws", extra=UPGRADE)
    assert answer.startswith("HTTP/1.1 403 ")


def test_another_user_is_refused_over_ipv4_in_ipv6_and_over_ipv6(server: Running, tmp_path: Path, home: Path) -> None:
    mapped = ask_as(NOBODY, server, "/api/health", host="::ffff:127.0.0.1")
    assert mapped.startswith("HTTP/1.1 403 ")
    assert "belongs to another user" in mapped
    with run_server(tmp_path / "data6", host="::1") as server:
        answer = ask_as(NOBODY, server, "/api/health", host="::1")
        assert answer.startswith("HTTP/1.1 403 ")
        assert "belongs to another user" in answer


def test_the_owner_is_answered_without_a_token(server: Running) -> None:
    expect(server.get("/api/health"), 200)
    assert ask_as(pwd.getpwuid(os.geteuid()).pw_name, server, "/api/health").startswith("HTTP/1.1 200 ")


@contextmanager
def connected_pair(host: str = "127.0.0.1") -> Iterator[tuple[socket.socket, socket.socket]]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with ExitStack() as stack:
        listener = stack.enter_context(socket.socket(family))
        listener.bind((host, 0))
        listener.listen()
        client = stack.enter_context(socket.create_connection(listener.getsockname()[:2]))
        accepted, _ = listener.accept()
        yield client, stack.enter_context(accepted)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_the_owner_of_a_connection_is_found(host: str) -> None:
    with connected_pair(host) as (client, accepted):
        ends = client.getsockname()[:2], accepted.getsockname()[:2]
        assert find_owner(*ends) == ask_kernel(*ends) == read_tables(*ends) == os.geteuid()
        assert is_welcome(*ends, uid=os.geteuid())


def test_who_hangs_up_right_after_asking_is_not_taken_for_root() -> None:
    with connected_pair() as (client, accepted):
        ends = client.getsockname(), accepted.getsockname()
        client.sendall(b"POST")
        client.close()
        eventually_now(lambda: find_owner(*ends) == VANISHED, within=5, every=0.01, what="the end is nobody's")
        assert not is_welcome(*ends, uid=os.geteuid())


def test_a_connection_that_no_table_has_is_not_judged(tmp_path: Path) -> None:
    empty = tmp_path / "tcp"
    empty.write_text(TABLE)
    ends = ("127.0.0.1", 40000), ("127.0.0.1", 23300)
    assert read_tables(*ends, (empty, tmp_path / "missing")) is None


def test_only_callers_on_this_machine_are_judged() -> None:
    assert is_on_this_machine(("127.0.0.9", 1), ("127.0.0.1", 2))
    assert is_on_this_machine(("::ffff:127.0.0.1", 1), ("::ffff:127.0.0.1", 2))
    assert is_on_this_machine(("::1", 1), ("::1", 2))
    assert is_on_this_machine(("192.0.2.7", 1), ("192.0.2.7", 2)), "our own address, from here"
    assert not is_on_this_machine(("192.0.2.8", 1), ("192.0.2.7", 2))


def test_ten_thousand_other_sockets_do_not_hide_one(tmp_path: Path) -> None:
    tail = "01 00000000:00000000 00:00000000 00000000 {uid:5} 0 {inode} 1 0000000000000000 20 4 30 10 -1\n"
    one = "{0:4}: 0100007F:{1:04X} 0100007F:5B04 " + tail
    table = tmp_path / "tcp"
    lines = [one.format(n, 20000 + n, uid=1001, inode=n + 1) for n in range(10_000)]
    table.write_text(TABLE + "".join(lines))
    assert sys.byteorder == "little"
    started = time.perf_counter()
    assert read_tables(("127.0.0.1", 29_999), ("127.0.0.1", 23300), (table,)) == 1001
    assert time.perf_counter() - started < 0.25
