"""``runferry sync``: brings a directory home once, or brings it home and follows it. The server does the copying."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import dataclass
from typing import Annotated, Literal, cast

import typer

from runferry.cli.client import Client, Json, open_client
from runferry.cli.connections import LocationArgument
from runferry.cli.login import Session, open_session
from runferry.cli.news import News
from runferry.cli.options import (
    AcceptOption,
    DataDirOption,
    IdentityOption,
    Login,
    PasswordOption,
    ServerChoice,
    UrlOption,
)
from runferry.cli.progress import ProgressView, count_troubles, show_summary
from runferry.cli.running import run
from runferry.cli.sizes import parse_size
from runferry.cli.terminal import Terminal
from runferry.errors import Conflict, RemoteFailed
from runferry.ssh.target import parse_location

LOOK_SECONDS = 0.25
SETTLED = frozenset({"watching", "idle", "halted"})
PARTIAL = 5
"""The exit code of ``--once`` when some files could not be copied."""

Mode = Literal["smart", "mirror"]
"""As ``runferry.sync.spec`` names them; loading that takes longer than most commands."""

ModeOption = Annotated[Mode, typer.Option(help="smart: metadata now, the rest on demand; mirror: everything.")]
OnceOption = Annotated[bool, typer.Option("--once", help="End when everything is here, instead of following changes.")]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option("--include", metavar="PATTERN", help="Only what matches (gitignore pattern; repeatable)."),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option("--exclude", metavar="PATTERN", help="Not what matches (gitignore pattern; repeatable)."),
]
DeleteOption = Annotated[
    bool, typer.Option("--delete", help="Move local files to the trash when the server's are gone.")
]
FormatOption = Annotated[
    list[str] | None,
    typer.Option("--format", metavar="FORMAT", help="Recognise runs of this tool, and not of all (repeatable)."),
]
SizeOption = Annotated[
    str | None, typer.Option("--max-file-size", metavar="SIZE", help="Leave out larger files, such as 500M or 2G.")
]


@dataclass(frozen=True, slots=True)
class Wish:
    """What to bring home, and how. ``remote_root`` is as the user wrote it, or as the server resolved it."""

    remote_root: str
    mode: Mode
    is_once: bool
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    delete: bool = False
    max_file_size: int | None = None
    formats: tuple[str, ...] = ()

    def as_body(self, connection_id: str) -> Json:
        return {
            "connection_id": connection_id,
            "mode": self.mode,
            "remote_root": self.remote_root,
            "include": list(self.include),
            "exclude": list(self.exclude),
            "delete": self.delete,
            "max_file_size": self.max_file_size,
            "formats": list(self.formats),
        }


def sync(
    location: LocationArgument,
    mode: ModeOption = "mirror",
    once: OnceOption = False,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    delete: DeleteOption = False,
    max_file_size: SizeOption = None,
    formats: FormatOption = None,
    identity: IdentityOption = None,
    password: PasswordOption = False,
    accept_fingerprint: AcceptOption = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Bring a directory home and follow it.

    Follows until Ctrl-C; with --once it ends when everything is here.
    """

    async def work(terminal: Terminal) -> int:
        target, path = parse_location(location)
        size = parse_size(max_file_size) if max_file_size else None
        patterns = tuple(include or ()), tuple(exclude or ())
        wish = Wish(path or "~", mode, once, *patterns, delete, size, tuple(formats or ()))
        async with (
            open_client(ServerChoice(url, data_dir)) as client,
            open_session(client, terminal, target, Login(identity, password, accept_fingerprint)) as session,
        ):
            return await bring_home(client, terminal, session, wish)

    run(work)


async def bring_home(client: Client, terminal: Terminal, session: Session, wish: Wish) -> int:
    """Sync, show how, sum up; then end, or follow. Returns the exit code."""
    began = time.monotonic()
    before = await find_sync(client, session, wish.mode)
    listing = await client.get(
        "/api/unified/listdir", path=wish.remote_root, limit=1, connection_id=session.connection_id
    )
    root = listing["current_path"]
    is_other = before is not None and before["remote_root"] != root
    if before is not None and is_other and wish.is_once:
        raise Conflict(
            f"This connection already keeps {before['remote_root']} in {wish.mode} mode, and --once would end that. "
            "Sync without --once to replace it, or use the other mode."
        )
    await client.post("/api/unified/configure_mode", wish.as_body(session.connection_id))
    seen = None if before is None or is_other else before.get("last_sync_at")
    done = await watch_until_done(client, terminal, session, wish.mode, seen=seen)
    show_summary(terminal, done, seconds=time.monotonic() - began)
    if not wish.is_once:
        await follow(client, terminal, session, done)
    elif before is None:
        body = {"connection_id": session.connection_id, "mode": wish.mode}
        await client.post("/api/unified/deactivate_mode", body)
    return PARTIAL if count_troubles(done) else 0


async def find_sync(client: Client, session: Session, mode: Mode) -> Json | None:
    """Return the connection's sync of this mode, as the status tells it."""
    status = await client.get("/api/unified/status", connection_id=session.connection_id)
    for one in status.get("connections") or ():
        if one["connection_id"] == session.connection_id:
            found = [sync for sync in one["syncs"] if sync["mode"] == mode]
            return cast(Json, found[-1]) if found else None
    return None


async def watch_until_done(
    client: Client, terminal: Terminal, session: Session, mode: Mode, *, seen: float | None
) -> Json:
    """Show the progress until the sync is in step, later than at ``seen``. Raises RemoteFailed when it fails."""
    with ProgressView(terminal) as view:
        while True:
            now = await find_sync(client, session, mode)
            if now is None:
                raise RemoteFailed("The sync was stopped by somebody else.")
            view.show(now)
            if now["state"] in ("failed", "stopped"):
                raise RemoteFailed(f"The sync failed: {now.get('last_error') or now['state']}")
            if now["state"] in SETTLED and now.get("last_sync_at") not in (None, seen):
                return now
            await asyncio.sleep(LOOK_SECONDS)


async def follow(client: Client, terminal: Terminal, session: Session, start: Json) -> None:
    """Print what changes until the person ends it; the server's own end is the end, too."""
    end = "ends the sync" if client.is_own and session.is_new else "ends this view, the server goes on syncing"
    terminal.note(f"Following {start['remote_root']} (Ctrl-C {end})")
    news = News(client, terminal, start)
    async with aclosing(client.follow_events()) as events:
        async for kind, data in events:
            await news.tell(kind, data)
    terminal.note("The Runferry server has ended.")
