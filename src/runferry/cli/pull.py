"""``runferry pull``: files of a run, written to a place of the user's own; fetched from the server where needed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Annotated
from urllib.parse import quote

import typer
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

from runferry.cli.client import ApiError, Client, Json, NoServer, open_client
from runferry.cli.options import DataDirOption, ServerChoice, UrlOption
from runferry.cli.places import RunPlace, find_place
from runferry.cli.receiving import Received, find_target, receive
from runferry.cli.running import run
from runferry.cli.terminal import Terminal
from runferry.cli.text import clean, count_noun, cut_middle, format_bytes, format_duration
from runferry.errors import InvalidRequest, NotFound
from runferry.model import ProblemCode

PAGE = 10_000
AT_ONCE = 6
"""Files asked for at once: enough to hide round trips of small ones."""

PARTIAL = 5
"""The exit code when some files could not be had."""

NAME_WIDTH = 32
LEFT_OUT = frozenset({ProblemCode.SKIPPED, ProblemCode.EXCLUDED, ProblemCode.TOO_LARGE, ProblemCode.LINK})

PlaceArgument = Annotated[
    str, typer.Argument(metavar="RUN[:PATH]", help="A run, or a file, directory or pattern (such as '*.pt') of it.")
]
DestArgument = Annotated[
    Path, typer.Argument(metavar="[DEST]", help="The directory to write to, or the name for a single file.")
]


@dataclass(frozen=True, slots=True)
class Wanted:
    """One file: its path in the run, and where it goes."""

    path: str
    size: int
    mtime: float
    target: Path


@dataclass(slots=True)
class Tally:
    """What became of the files."""

    received: list[Received] = field(default_factory=list)
    unchanged: int = 0
    failures: list[tuple[str, ApiError | NoServer | InvalidRequest]] = field(default_factory=list)


def pull(
    place: PlaceArgument,
    dest: DestArgument = Path(),
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Write files of a run to a directory of your own.

    What is not in the local copy is fetched from its server; what was begun is continued.
    """

    async def work(terminal: Terminal) -> int:
        began = time.monotonic()
        async with open_client(ServerChoice(url, data_dir)) as client:
            found = await find_place(client, place)
            wanted = await choose(client, found, dest)
            tally = await bring(client, terminal, found, wanted)
        return sum_up(terminal, tally, seconds=time.monotonic() - began, dest=dest)

    run(work)


async def choose(client: Client, place: RunPlace, dest: Path) -> Sequence[Wanted]:
    """Return the files that are meant and where each goes. Raises NotFound, InvalidRequest."""
    files = [one async for one in list_files(client, place)]
    single = next((one for one in files if one["path"] == place.path), None)
    if single is not None:
        return [make_wanted(single, find_single_target(dest, place.path.rpartition("/")[2]))]
    folder = place.path
    below = [one for one in files if not folder or one["path"].startswith(f"{folder}/")]
    start = len(folder.rpartition("/")[0]) + 1 if "/" in folder else 0
    prefix = "" if folder else f"{place.run_id}/"
    if not below and not set("*?[").isdisjoint(folder):
        below, start = match(files, folder), 0
    if not below:
        raise NotFound(f"There is no file {folder} in {place.key}.")
    return [make_wanted(one, find_target(dest, prefix + one["path"][start:])) for one in below if is_worth(one)]


def find_single_target(dest: Path, name: str) -> Path:
    """Return where a single file goes: into a directory that is there, else under the name that was given."""
    return find_target(dest, name) if dest.is_dir() else find_target(dest.parent, dest.name)


async def list_files(client: Client, place: RunPlace) -> AsyncIterator[Json]:
    """Yield all files of a run, a page at a time."""
    offset, count = 0, 1
    while offset < count:
        answer = await client.get(f"/api/runs/{quote(place.key)}/files", limit=PAGE, offset=offset)
        for one in answer["files"]:
            yield one
        offset, count = offset + PAGE, answer["count"]


def match(files: Sequence[Json], pattern: str) -> list[Json]:
    from pathspec import GitIgnoreSpec  # only patterns need it

    try:
        spec = GitIgnoreSpec.from_lines([pattern])
    except ValueError as error:
        raise InvalidRequest(f"{pattern!a} is not a pattern.") from error
    return [one for one in files if spec.match_file(one["path"])]


def is_worth(file: Json) -> bool:
    """Leave out what no one would want copied: locks, links, live databases, what the sync leaves out."""
    problem = file.get("problem")
    return file["kind"] == "file" and not (problem and problem["code"] in LEFT_OUT)


def make_wanted(file: Json, target: Path) -> Wanted:
    return Wanted(file["path"], file["size"], file["mtime"], target)


async def bring(client: Client, terminal: Terminal, place: RunPlace, wanted: Sequence[Wanted]) -> Tally:
    """Bring all files, several at once. Trouble with one does not keep the others."""
    tally = Tally()
    waiting = iter(wanted)
    with PullView(terminal, wanted) as view:

        async def bring_each() -> None:
            for one in waiting:
                if is_unchanged(one):
                    tally.unchanged += 1
                    view.add(one.size)
                    continue
                view.begin(one.path)
                address = f"/api/runs/{quote(place.key)}/files/{quote(one.path)}"
                try:
                    tally.received.append(
                        await receive(client, address, one.target, mtime=one.mtime, on_bytes=view.add)
                    )
                except (ApiError, NoServer, InvalidRequest) as error:
                    tally.failures.append((one.path, error))

        async with asyncio.TaskGroup() as group:
            for _ in range(min(AT_ONCE, len(wanted))):
                group.create_task(bring_each())
    return tally


def is_unchanged(one: Wanted) -> bool:
    """Say whether this very version was written there before."""
    try:
        status = one.target.stat()
    except OSError:
        return False
    return status.st_size == one.size and abs(status.st_mtime - one.mtime) < 1e-6


def sum_up(terminal: Terminal, tally: Tally, *, seconds: float, dest: Path) -> int:
    """Say what came; returns the exit code."""
    moved = sum(one.moved for one in tally.received)
    unchanged = f", {tally.unchanged:,} were there already" if tally.unchanged else ""
    terminal.say(
        f"Wrote {count_noun(len(tally.received), 'file')} ({format_bytes(moved)} in {format_duration(seconds)})"
        f"{unchanged} to {dest}"
    )
    old = [one for one in tally.received if one.freshness != "live"]
    if old:
        age = format_duration(max(one.age for one in old))
        terminal.note(f"{count_noun(len(old), 'file')} as of up to {age} ago: the server could not give a newer one.")
    for path, error in tally.failures:
        terminal.note(f"not written: {path}: {error}", style="red")
    if not tally.failures:
        return 0
    is_all = not tally.received and not tally.unchanged
    return tally.failures[0][1].exit_code if is_all else PARTIAL


class PullView:
    """A progress bar on a terminal; nothing elsewhere."""

    def __init__(self, terminal: Terminal, wanted: Sequence[Wanted]) -> None:
        self._bar: Progress | None = None
        if terminal.err.is_terminal:
            self._bar = Progress(
                TextColumn("{task.description}"),
                BarColumn(bar_width=24),
                DownloadColumn(),
                TransferSpeedColumn(),
                TimeRemainingColumn(),
                console=terminal.err,
                transient=True,
            )
            self._task = self._bar.add_task("", total=sum(one.size for one in wanted))

    def __enter__(self) -> PullView:
        if self._bar is not None:
            self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def begin(self, path: str) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=cut_middle(clean(path), NAME_WIDTH))

    def add(self, amount: int) -> None:
        if self._bar is not None:
            self._bar.advance(self._task, amount)
