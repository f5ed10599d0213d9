"""What SFTP can tell of the server itself: directories to browse, and what /proc shows of it and its processes."""

from __future__ import annotations

import posixpath
import stat
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager

from runferry.agent import names, process
from runferry.model import Kind, Liveness, ProcessQuestion, ProcessState, ServerInfo
from runferry.remote.base import BrowseEntry
from runferry.remote.gate import run_all
from runferry.remote.paths import clean
from runferry.remote.sftp_files import SftpFiles, Status

Turn = Callable[[], AbstractAsyncContextManager[None]]

_CHILDREN = 200
_TICKS = 100  # clock ticks per second, the same on every Linux one meets; SFTP cannot ask


async def introduce(files: SftpFiles) -> ServerInfo:
    """Return what can be seen of a server. Raises OSError where SFTP does not work."""
    home = await files.resolve(b".")

    async def read(path: str) -> str:
        return clean((await files.read_text(path) or "").strip())

    host, kind, release, boot = await run_all(
        read(f"/proc/sys/kernel/{name}") for name in ("hostname", "ostype", "osrelease", "random/boot_id")
    )
    return ServerInfo(
        transport="sftp",
        reason="SFTP is used.",
        hostname=host,
        os=f"{kind} {release}".strip(),
        home=names.escape(names.decode(home)),
        boot_id=boot,
        precise_times=False,
    )


async def browse(files: SftpFiles, root: bytes, depth: int, turn: Turn) -> list[BrowseEntry]:
    """List an absolute directory; with ``depth`` 2 also the first of its directories. Raises OSError."""
    async with turn():
        found = await files.list_status(root)
    entries = await run_all(_entry(files, root, name, status, turn) for name, status in found.items())
    if depth < 2:
        return entries
    wanted = [entry for entry in entries if entry.kind is Kind.DIR][:_CHILDREN]
    children = await run_all(_children(files, entry, turn) for entry in wanted)
    known = dict(zip((entry.name for entry in wanted), children, strict=True))
    return [_with_children(entry, known.get(entry.name)) for entry in entries]


async def judge_all(files: SftpFiles, questions: Sequence[ProcessQuestion], turn: Turn) -> list[ProcessState]:
    """Answer each question from /proc; UNKNOWN where it does not show the processes."""
    host = (await files.read_text("/proc/sys/kernel/hostname") or "").strip()
    booted = process.parse_boot_time(await files.read_text("/proc/stat") or "")
    can_see = host != "" and await files.read_text("/proc/1/stat") is not None

    async def judge(question: ProcessQuestion) -> ProcessState:
        text = None
        if can_see and question.pid > 0:
            async with turn():
                text = await files.read_text(f"/proc/{question.pid}/stat")
        facts = process.Facts(host, booted, _TICKS, text, False if can_see else None)
        if not host:
            evidence = "the processes of the server cannot be seen over SFTP"
            return ProcessState(question.pid, Liveness.UNKNOWN, evidence)
        liveness, evidence = process.judge(question.pid, question.hostname, question.started_before, facts)
        return ProcessState(question.pid, Liveness(liveness), clean(evidence))

    return await run_all(judge(question) for question in questions)


async def _entry(files: SftpFiles, directory: bytes, name: str, status: Status, turn: Turn) -> BrowseEntry:
    is_link = stat.S_ISLNK(status.mode)
    if is_link:
        try:
            async with turn():
                status = await files.status(directory + b"/" + names.encode(name), follow=True)
        except OSError:
            pass  # it leads nowhere: it is shown as the link it is
    kind = _kind(status.mode)
    shown = names.escape(name)
    if shown != name and kind is not Kind.LINK:
        kind = Kind.OTHER
    path = posixpath.join(names.escape(names.decode(directory)), shown)
    return BrowseEntry(shown, path, kind, 0 if kind is Kind.DIR else status.size, status.mtime, is_link)


async def _children(files: SftpFiles, entry: BrowseEntry, turn: Turn) -> tuple[BrowseEntry, ...] | None:
    try:
        return tuple(await browse(files, names.encode(entry.path), 1, turn))
    except OSError:
        return None


def _with_children(entry: BrowseEntry, children: tuple[BrowseEntry, ...] | None) -> BrowseEntry:
    return BrowseEntry(entry.name, entry.path, entry.kind, entry.size, entry.mtime, entry.is_link, children)


def _kind(mode: int) -> Kind:
    if stat.S_ISDIR(mode):
        return Kind.DIR
    if stat.S_ISLNK(mode):
        return Kind.LINK
    return Kind.FILE if stat.S_ISREG(mode) else Kind.OTHER
