"""Frames and message names, for both sides of the channel. It never reads or writes a file descriptor.

A frame is ``type u8, request id u32, payload length u32`` (big endian) and the payload. The high bit of the
type says that the payload is compressed (zlib). See docs/protocol.md.
"""

import json
import struct
import zlib
from typing import Any, Tuple

VERSION = 1

HEADER = struct.Struct("!BII")
MAX_PAYLOAD = 1024 * 1024 + 64 * 1024
MAX_UNPACKED = 4 * 1024 * 1024
PIECE = 512 * 1024
"""Bulk data travels in frames of this size, so that an urgent answer waits for one of them at most."""

COMPRESSED = 0x80
COMPRESS_FROM = 512

# server -> client; RESULT and ERROR end a request
HELLO = 1
RESULT = 2
PART = 3
ERROR = 4
DATA = 5
RECORDS = 6

# client -> server
PING = 16
RESOLVE = 17
LIST = 18
SCAN = 19
FOLLOW = 20
READ = 21
READ_MANY = 22
DIGEST = 23
STAT = 24
PROCESSES = 25
CANCEL = 26

ANSWERS = frozenset((HELLO, RESULT, PART, ERROR, DATA, RECORDS))
REQUESTS = frozenset(range(PING, CANCEL + 1))

RECORD = struct.Struct("!IBQqqQQI")
"""One file of a RECORDS frame: index, state, size, mtime_ns, ctime_ns, inode, device, bytes that follow."""

CLOCK = struct.Struct("!q")
"""A RECORDS frame begins with the server's clock in nanoseconds."""

UNSTABLE, STABLE, PROBLEM = 0, 1, 2
"""States of a record; the bytes of a PROBLEM are ``code NUL message``."""

# exit codes of what runs on the server
NO_PYTHON, TOO_OLD, UNDECODABLE, CRASHED, VIOLATION, IDLE = 101, 102, 103, 104, 105, 106


class Violation(ValueError):
    """The other side broke the protocol; the connection is dropped, never resynchronised."""


def pack(kind: int, request: int, body: object) -> bytes:
    """Return one whole frame holding ``body`` as JSON, compressed where that pays."""
    payload = json.dumps(body, separators=(",", ":"), ensure_ascii=True).encode("ascii")
    if len(payload) > COMPRESS_FROM:
        payload = zlib.compress(payload, 1)
        kind |= COMPRESSED
    if len(payload) > MAX_PAYLOAD:
        raise Violation("a message of %d bytes is too long" % len(payload))
    return HEADER.pack(kind, request, len(payload)) + payload


def unpack_header(header: bytes) -> Tuple[int, bool, int, int]:
    """Return (type, is compressed, request id, payload length); raise Violation where the length is not
    allowed.
    """
    kind, request, length = HEADER.unpack(header)
    if length > MAX_PAYLOAD:
        raise Violation("a frame of %d bytes is longer than allowed" % length)
    return kind & ~COMPRESSED, bool(kind & COMPRESSED), request, length


def inflate(payload: bytes, limit: int = MAX_UNPACKED) -> bytes:
    """Decompress a payload that may not grow over ``limit`` bytes; raise Violation where it does or is
    damaged.
    """
    worker = zlib.decompressobj()
    try:
        data = worker.decompress(payload, limit)
    except zlib.error as error:
        raise Violation("a compressed frame is damaged: %s" % error) from error
    if not worker.eof or worker.unused_data:
        raise Violation("a compressed frame does not unpack to at most %d bytes" % limit)
    return data


def unpack(payload: bytes, compressed: bool) -> Any:
    """Return the JSON body of a frame; raise Violation where it is none."""
    if compressed:
        payload = inflate(payload)
    try:
        return json.loads(payload.decode("ascii"))
    except (ValueError, RecursionError) as error:
        raise Violation("a message is not JSON") from error
