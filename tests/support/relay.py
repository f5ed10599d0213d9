"""The two ends of one relayed TCP link, and what is wrong with each way through it. ``network.Proxy`` owns them."""

from __future__ import annotations

import asyncio
import random
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

if TYPE_CHECKING:
    from tests.support.network import Proxy

WRITE_BUFFER = 4 * 1024 * 1024


@dataclass(slots=True)
class Way:
    """One direction of all links of a proxy; every fault may be set and taken away at any time.

    Each byte comes ``delay`` seconds late and up to ``jitter`` more, always in order; ``bandwidth`` (bytes a second,
    0: no limit) is shared by nobody: each link has its own. ``slice_size`` (0: none) cuts what is passed on into writes
    of so many bytes. With ``is_blackhole`` bytes vanish and the link stays open. Once ``carried`` has reached
    ``cut_at``, the link that carried the last of those bytes ends right behind them, and ``cut_at`` is None again.
    """

    delay: float = 0.0
    jitter: float = 0.0
    bandwidth: float = 0.0
    slice_size: int = 0
    is_blackhole: bool = False
    cut_at: int | None = None
    carried: int = 0
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    @property
    def is_plain(self) -> bool:
        """Say whether bytes may pass at once, as they come."""
        return not (self.delay or self.jitter or self.bandwidth or self.slice_size)

    def admit(self, data: bytes) -> tuple[bytes, bool]:
        """Count what may pass; True where the link ends behind it."""
        if self.is_blackhole:
            return b"", False
        if self.cut_at is None or self.carried + len(data) < self.cut_at:
            self.carried += len(data)
            return data, False
        data = data[: max(0, self.cut_at - self.carried)]
        self.carried += len(data)
        self.cut_at = None
        return data, True

    def split(self, data: bytes) -> list[bytes]:
        size = self.slice_size or int(self.bandwidth / 20) or len(data) or 1
        return [data[start : start + size] for start in range(0, len(data), size)]


class Side(asyncio.Protocol):
    """One end of one link: what arrives here leaves through ``peer``, which has it wait until it is connected."""

    def __init__(self, proxy: Proxy, *, is_client: bool) -> None:
        self.proxy = proxy
        self.is_client = is_client
        self.peer: Side | None = None
        self._transport: asyncio.Transport | None = None
        self._is_over = False
        self._has_read_all = False
        self._has_written_all = False
        self._queue: deque[tuple[float, bytes | None]] = deque()  # None: the stream ends here
        self._queued = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()

    @property
    def _way(self) -> Way:
        """The way of what is written here."""
        return self.proxy.down if self.is_client else self.proxy.up

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=WRITE_BUFFER)
        self.proxy.adopt(self)
        if self._queue and self._timer is None:
            self.flush()

    def data_received(self, data: bytes) -> None:
        if self.is_client:
            self.proxy.bytes_up += len(data)
        else:
            self.proxy.bytes_down += len(data)
        if self.peer is not None:
            self.peer.take(data)

    def eof_received(self) -> bool:
        self._has_read_all = True
        if self._has_written_all and self._transport is not None:
            self._transport.close()
        if self.peer is not None:
            self.peer.push(None)
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.proxy.release(self)
        if self._timer is not None:
            self._timer.cancel()
        self._queue.clear()
        self._transport, self._is_over = None, True
        if self.peer is not None and exc is not None:
            self.peer.abort()
        elif self.peer is not None:
            self.peer.push(None)

    def pause_writing(self) -> None:
        if self.peer is not None:
            self.peer.pause_reading()

    def resume_writing(self) -> None:
        if self.peer is not None:
            self.peer.resume_reading()

    def pause_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.resume_reading()

    def take(self, data: bytes) -> None:
        """Pass on what the other end has read, as far as the way lets it."""
        data, is_last = self._way.admit(data)
        if data:
            self.push(data)
        if is_last:
            self.push(None)
            if self.peer is not None:
                self.peer.abort()

    def push(self, data: bytes | None) -> None:
        way = self._way
        if way.is_plain and not self._queue and not self.proxy.is_frozen and self._transport is not None:
            self._write(data)
            return
        now = self._loop.time()
        for piece in [None] if data is None else way.split(data):
            taking = len(piece or b"") / way.bandwidth if way.bandwidth else 0.0
            self._due = max(self._due, now + way.delay + way.jitter * way.chance.random()) + taking
            self._queue.append((self._due, piece))
            self._queued += len(piece or b"")
        if way.bandwidth and self._queued > WRITE_BUFFER and self.peer is not None:
            self.peer.pause_reading()
        if self._timer is None and self._transport is not None:
            self._timer = self._loop.call_at(self._queue[0][0], self.flush)

    def flush(self) -> None:
        """Write what is due and come back for the rest."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self.proxy.is_frozen or self._transport is None:
            return
        now = self._loop.time()
        while self._queue and self._queue[0][0] <= now:
            data = self._queue.popleft()[1]
            self._queued -= len(data or b"")
            self._write(data)
            if self._way.slice_size:
                break  # one write per turn of the loop: otherwise the kernel would join them again
        if self._queued < WRITE_BUFFER // 2 and self.peer is not None and self._way.bandwidth:
            self.peer.resume_reading()
        if self._queue:
            self._timer = self._loop.call_at(self._queue[0][0], self.flush)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _write(self, data: bytes | None) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if data is not None:
            self._transport.write(data)
            return
        self._has_written_all = True
        if self._has_read_all or (self.peer is not None and self.peer._is_over):
            self._transport.close()
        else:
            self._transport.write_eof()
