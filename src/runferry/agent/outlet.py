"""The way back to the client: whole frames, one at a time, urgent ones first. It reads nothing."""

import os
import threading
import zlib
from typing import List, NamedTuple, Union

from .wire import COMPRESSED, DATA, HEADER, PIECE, RESULT, pack

_SAMPLE = 16 * 1024
_WORTH = 0.9


Bytes = Union[bytes, memoryview]

Lot = NamedTuple("Lot", [("is_urgent", bool), ("may_squeeze", bool)])
"""How bulk is sent: before other bulk or not, compressed where it pays or not."""


class Outlet:
    """Writes to ``descriptor`` from any thread. When nobody reads any more, the process ends."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._writing = threading.Lock()
        self._state = threading.Condition()
        self._urgent = 0

    def tell(self, kind: int, request: int, body: object) -> None:
        """Send a message ahead of all bulk that is not being written yet."""
        self._send([pack(kind, request, body)], True)

    def give(self, request: int, data: bytes, body: object, lot: Lot) -> None:
        """Send data in pieces, and with the last one the RESULT that belongs to them."""
        view = memoryview(data)
        last = pack(RESULT, request, body)
        for start in range(0, len(data), PIECE):
            frame = _frame(DATA, request, view[start : start + PIECE], lot)
            if start + PIECE >= len(data):
                frame.append(last)
            self._send(frame, lot.is_urgent)
        if not data:
            self._send([last], lot.is_urgent)

    def give_raw(self, kind: int, request: int, payload: bytes, lot: Lot) -> None:
        """Send one frame of bulk whose payload is ready."""
        self._send(_frame(kind, request, payload, lot), lot.is_urgent)

    def _send(self, parts: List[Bytes], urgent: bool) -> None:
        with self._state:
            if urgent:
                self._urgent += 1
            else:
                self._state.wait_for(self._is_calm)
        with self._writing:
            if urgent:
                with self._state:
                    self._urgent -= 1
                    self._state.notify_all()
            self._write(parts)

    def _is_calm(self) -> bool:
        return not self._urgent

    def _write(self, parts: List[Bytes]) -> None:
        try:
            done = os.writev(self._descriptor, parts)
            for part in parts:
                if done >= len(part):
                    done -= len(part)
                    continue
                rest = memoryview(part)[done:]
                done = 0
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            os._exit(0)


def _frame(kind: int, request: int, payload: Bytes, lot: Lot) -> List[Bytes]:
    """Return a frame's header and payload, compressed where that is wanted and a sample shrinks by a tenth."""
    if lot.may_squeeze and len(payload) > 512:
        sample = payload[:_SAMPLE]
        if len(zlib.compress(sample, 1)) < _WORTH * len(sample):
            payload = zlib.compress(payload, 1)
            kind |= COMPRESSED
    return [HEADER.pack(kind, request, len(payload)), payload]
