"""A real SSH server inside this process: commands and SFTP for one user, with keys made on the spot.

Commands are real child processes of ``/bin/sh``, started in the server's home. It accepts one key and no
password, forwards nothing, and never listens on anything but 127.0.0.1.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import tempfile
from pathlib import Path
from types import TracebackType

import asyncssh

HOST = "127.0.0.1"
USERNAME = "demo"
KEY_TYPE = "ssh-ed25519"
BLOCK = 256 * 1024
GRACE = 2.0
"""Seconds a command gets to end by itself once its connection is gone."""


class DemoServer:
    """An SSH server whose home directory is ``home``; use it as an asynchronous context manager.

    Log in to ``127.0.0.1:port`` as ``username`` with the key at ``client_key_path``. Leaving the context
    ends every connection and every command, and removes the keys.
    """

    def __init__(self, home: Path, *, port: int = 0) -> None:
        self.home = home
        self.port = port
        self.host = HOST
        self.username = USERNAME
        self._host_key = asyncssh.generate_private_key(KEY_TYPE)
        self._client_key = asyncssh.generate_private_key(KEY_TYPE, comment="runferry demo")
        self._keys: tempfile.TemporaryDirectory[str] | None = None
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._commands: set[asyncio.Task[None]] = set()

    @property
    def host_key_fingerprint(self) -> str:
        """``SHA256:...``, as Runferry shows it."""
        return self._host_key.get_fingerprint()

    @property
    def client_key_path(self) -> Path:
        """The file of the only key that opens this server."""
        assert self._keys is not None, "the server has not been started"  # noqa: S101 - a caller's mistake
        return Path(self._keys.name) / "id_ed25519"

    async def start(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        self._keys = tempfile.TemporaryDirectory(prefix="runferry-demo-keys-")
        self._client_key.write_private_key(self.client_key_path)
        self.client_key_path.chmod(0o600)
        allowed = self._client_key.export_public_key().decode()
        self._acceptor = await asyncssh.create_server(
            lambda: _Door(self._connections),
            HOST,
            self.port,
            server_host_keys=[self._host_key],
            authorized_client_keys=asyncssh.import_authorized_keys(allowed),
            process_factory=self._begin_command,
            sftp_factory=self._make_sftp,
            encoding=None,
            line_editor=False,
            login_timeout=30,
        )
        self.port = self._acceptor.get_port()

    async def close(self) -> None:
        """Stop listening, end what runs, remove the keys; may be called again."""
        if self._acceptor is not None:
            self._acceptor.close()
        for connection in tuple(self._connections):
            connection.abort()
        for task in tuple(self._commands):
            task.cancel()
        await asyncio.gather(*self._commands, return_exceptions=True)
        if self._acceptor is not None:
            await self._acceptor.wait_closed()  # since Python 3.12 this waits for the connections, too
            self._acceptor = None
        if self._keys is not None:
            self._keys.cleanup()
            self._keys = None

    async def __aenter__(self) -> DemoServer:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _make_sftp(self, channel: asyncssh.SSHServerChannel[bytes]) -> asyncssh.SFTPServer:
        return _Files(channel, self.home)

    def _begin_command(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        task = asyncio.get_running_loop().create_task(run_command(process, self.home))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)


class _Door(asyncssh.SSHServer):
    """Lets one key in (asyncssh checks it) and remembers the connections, so that they can be ended."""

    def __init__(self, connections: set[asyncssh.SSHServerConnection]) -> None:
        self._connections = connections
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection is not None:
            self._connections.discard(self._connection)


class _Files(asyncssh.SFTPServer):
    """The account's files over SFTP; relative paths start at the home directory, as in a real account."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], home: Path) -> None:
        super().__init__(channel)
        self._home = os.fsencode(home)

    def map_path(self, path: bytes) -> bytes:
        return os.path.join(self._home, path)  # noqa: PTH118 - raw bytes, which pathlib cannot hold


async def run_command(process: asyncssh.SSHServerProcess[bytes], home: Path) -> None:
    """Run what the client asked for in a real shell, with its three streams carried as they are."""
    command = process.command or "exit 0"
    environment = {"HOME": str(home), "PATH": os.environ.get("PATH", os.defpath), "USER": USERNAME}
    loop = asyncio.get_running_loop()
    try:
        transport, protocol = await loop.subprocess_exec(
            lambda: asyncio.subprocess.SubprocessStreamProtocol(BLOCK, loop),
            "/bin/sh",
            "-c",
            command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=home,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        process.stderr.write(f"{error}\n".encode())
        process.exit(127)
        return
    child = asyncio.subprocess.Process(transport, protocol, loop)
    try:
        await carry_streams(process, child)
        report_end(process, await child.wait())
    except* (OSError, asyncssh.Error):
        pass  # the client is gone: nobody to tell, and below the command ends too
    finally:
        try:
            await end_child(child)
        finally:
            transport.close()  # an output that something else still holds would stay open


async def carry_streams(process: asyncssh.SSHServerProcess[bytes], child: asyncio.subprocess.Process) -> None:
    """Carry both outputs until they end, and the input for as long as that takes."""
    assert child.stdout is not None  # noqa: S101 - asked for as a pipe
    assert child.stderr is not None  # noqa: S101 - asked for as a pipe
    feeding = asyncio.get_running_loop().create_task(feed_input(process.stdin, child))
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(carry_output(child.stdout, process.stdout))
            group.create_task(carry_output(child.stderr, process.stderr))
    finally:
        feeding.cancel()
        await asyncio.gather(feeding, return_exceptions=True)


async def feed_input(source: asyncssh.SSHReader[bytes], child: asyncio.subprocess.Process) -> None:
    """Carry the client's input and its signals; its end, or the connection's, ends the command's input."""
    sink = child.stdin
    assert sink is not None  # noqa: S101 - asked for as a pipe
    try:
        while True:
            try:
                block = await source.read(BLOCK)
            except asyncssh.SignalReceived as received:
                end_group(child, getattr(signal, f"SIG{received.signal}", signal.SIGTERM))
                continue
            if not block:
                return
            sink.write(block)
            await sink.drain()
    except (OSError, asyncssh.Error):
        return  # the command closed its input, or the connection is gone
    finally:
        sink.close()


async def carry_output(source: asyncio.StreamReader, sink: asyncssh.SSHWriter[bytes]) -> None:
    """Carry one output. Raises OSError or asyncssh.Error once the client is gone."""
    while block := await source.read(BLOCK):
        sink.write(block)
        await sink.drain()


def report_end(process: asyncssh.SSHServerProcess[bytes], code: int) -> None:
    if code >= 0:
        process.exit(code)
    else:
        process.exit_with_signal(signal.Signals(-code).name.removeprefix("SIG"))


async def end_child(child: asyncio.subprocess.Process) -> None:
    """Make sure that the command and what it started are gone: politely, then not."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if child.returncode is not None:
            break
        end_group(child, number)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE):
                await child.wait()


def end_group(child: asyncio.subprocess.Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, number)
