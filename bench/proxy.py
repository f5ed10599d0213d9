"""The delay proxy of the tests in a process of its own, so that nobody's event loop pays for it.

``python -m bench.proxy PORT SECONDS`` relays to 127.0.0.1:PORT with that delay each way, prints its own port, and
answers every line on stdin with the bytes it has carried (up, down). It ends with its stdin.
"""

from __future__ import annotations

import asyncio
import json
import sys
from asyncio.subprocess import PIPE, Process
from types import TracebackType

from tests.support.network import Proxy

_TIMEOUT = 20.0


class ProxyProcess:
    """One proxy; an asynchronous context manager. Connect to ``port``."""

    def __init__(self, target_port: int, *, delay: float = 0.0) -> None:
        self._arguments = (str(target_port), str(delay))
        self._process: Process | None = None
        self.port = 0

    async def carried(self) -> tuple[int, int]:
        """Return the bytes that clients have sent and got so far."""
        up, down = json.loads(await self._ask())
        return int(up), int(down)

    async def _ask(self, *, is_question: bool = True) -> bytes:
        assert self._process is not None, "not started"
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        if is_question:
            stdin.write(b"\n")
        async with asyncio.timeout(_TIMEOUT):
            return await stdout.readline()

    async def __aenter__(self) -> ProxyProcess:
        command = (sys.executable, "-m", "bench.proxy", *self._arguments)
        self._process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
        self.port = int(await self._ask(is_question=False))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            async with asyncio.timeout(_TIMEOUT):
                await self._process.wait()


async def relay(target_port: int, delay: float) -> None:
    lines = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    async with Proxy(target_port, delay=delay) as proxy:
        print(proxy.port, flush=True)
        while await lines.readline():
            print(json.dumps((proxy.bytes_up, proxy.bytes_down)), flush=True)


if __name__ == "__main__":
    asyncio.run(relay(int(sys.argv[1]), float(sys.argv[2])))
