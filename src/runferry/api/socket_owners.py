"""Who holds the other end of a TCP connection on this machine, as Linux tells it.

The kernel is asked for one socket (netlink ``sock_diag``, a few microseconds whatever else is open); where it does not
answer that, ``/proc/net/tcp`` and ``tcp6`` are read, which list all. It judges nobody.
"""

from __future__ import annotations

import ipaddress
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
VANISHED = -1
"""The owner of an end that nobody holds any more; the kernel would call it root's."""

Address = tuple[str, int]
Ip = ipaddress.IPv4Address | ipaddress.IPv6Address

# linux/netlink.h, linux/sock_diag.h, linux/inet_diag.h
SOCK_DIAG, BY_FAMILY, REQUEST = 4, 20, 1
HEADER, ANSWER = struct.Struct("=IHHII"), struct.Struct("=BBBB 48s IIIII")
LISTENING = 10
ANY_COOKIE = b"\xff" * 8
DIAG_SECONDS = 1.0


def find_owner(client: Address, server: Address) -> int | None:
    """Return the user who holds the socket at ``client`` connected to ``server``. Linux only; it blocks.

    ``VANISHED`` where we have our end and the other one is held by nobody: whoever closes a socket right after asking
    cannot be told from anybody else. None where not even our end is known.
    """
    owner = ask_kernel(client, server)
    return read_tables(client, server) if owner is None else owner


def ask_kernel(client: Address, server: Address) -> int | None:
    """Return the owner of the one socket, or None where the kernel does not know it or answers no such questions."""
    here, there = parse_ip(client[0]), parse_ip(server[0])
    if here.version != there.version or sys.platform != "linux":
        return None
    family = socket.AF_INET if here.version == 4 else socket.AF_INET6
    ends = struct.pack("!HH16s16s", client[1], server[1], here.packed.ljust(16, b"\0"), there.packed.ljust(16, b"\0"))
    body = struct.pack("=BBBBI", family, socket.IPPROTO_TCP, 0, 0, 0xFFFFFFFF) + ends + b"\0" * 4 + ANY_COOKIE
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, SOCK_DIAG) as kernel:
            kernel.settimeout(DIAG_SECONDS)
            kernel.sendto(HEADER.pack(HEADER.size + len(body), BY_FAMILY, REQUEST, 1, 0) + body, (0, 0))
            answer = kernel.recv(4096)
    except OSError:
        return None
    return read_answer(answer, ends)


def read_answer(answer: bytes, ends: bytes) -> int | None:
    """Return the owner an answer names; None where it is an error, or about another socket (a listening one)."""
    if len(answer) < HEADER.size + ANSWER.size or HEADER.unpack_from(answer)[1] != BY_FAMILY:
        return None
    _, state, _, _, found, _, _, _, uid, inode = ANSWER.unpack_from(answer, HEADER.size)
    if state == LISTENING or found[:4] != ends[:4]:
        return None
    return VANISHED if inode == 0 else int(uid)


def read_tables(client: Address, server: Address, tables: tuple[Path, ...] = TABLES) -> int | None:
    """Return as ``find_owner`` does, from the lists of all sockets."""
    theirs = set(write_pairs(client, server))
    ours = set(write_pairs(server, client))
    is_listed = False
    for table in tables:
        try:
            listed = table.read_bytes()
        except OSError:
            continue
        for pair in theirs:
            line = find_line(listed, pair)
            if line is not None:
                return read_owner(line)
        is_listed = is_listed or any(pair in listed for pair in ours)
    return VANISHED if is_listed else None


def find_line(listed: bytes, pair: bytes) -> bytes | None:
    """Return the rest of the line that begins with these two ends."""
    at = listed.find(pair)
    return None if at < 0 else listed[at + len(pair) : listed.find(b"\n", at)]


def read_owner(rest: bytes) -> int:
    """Return the user of a line, which after its ends has: state, queues, timer, retransmits, uid, timeout, inode."""
    words = rest.split()
    return VANISHED if words[6] == b"0" else int(words[4])


def write_pairs(local: Address, remote: Address) -> Iterator[bytes]:
    """Yield the ways the tables may write a connection: an IPv4 one may be held by an IPv6 socket (``::ffff:``)."""
    here, there = parse_ip(local[0]), parse_ip(remote[0])
    for first, second in zip(write_forms(here), write_forms(there), strict=False):
        yield f" {first}:{local[1]:04X} {second}:{remote[1]:04X} ".encode()


def write_forms(ip: Ip) -> list[str]:
    """Return an address as the kernel prints it, in 32-bit words of its own byte order: as IPv4 and as IPv6."""
    if ip.version == 6:
        return [write_words(ip.packed)]
    mapped = b"\0" * 10 + b"\xff\xff" + ip.packed
    return [write_words(ip.packed), write_words(mapped)]


def write_words(packed: bytes) -> str:
    return "".join(f"{word:08X}" for (word,) in struct.iter_unpack("=I", packed))


def parse_ip(text: str) -> Ip:
    """Return an address without its zone, and as IPv4 where that is what it stands for (``::ffff:127.0.0.1``)."""
    ip = ipaddress.ip_address(text.partition("%")[0])
    return (ip.ipv4_mapped or ip) if isinstance(ip, ipaddress.IPv6Address) else ip
