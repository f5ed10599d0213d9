"""``runferry export``: every point of chosen runs as one long table, to a file or to standard output."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Annotated
from urllib.parse import quote

import typer

from runferry.cli.ages import note_ages
from runferry.cli.client import Client, Json, open_client
from runferry.cli.options import DataDirOption, ServerChoice, UrlOption
from runferry.cli.running import run
from runferry.cli.tables import FORMATS, Part, writing
from runferry.cli.terminal import Terminal
from runferry.cli.text import count_noun
from runferry.errors import InvalidRequest

PAGE = 100_000
"""Points asked for at once: about 5 MB of JSON."""

RunsArgument = Annotated[
    list[str] | None, typer.Argument(metavar="RUN", help="Runs by key or id; none: those -q finds.")
]
FormatOption = Annotated[str | None, typer.Option("--format", help=f"{', '.join(FORMATS)}; else by the file's name.")]
MetricOption = Annotated[list[str] | None, typer.Option("-m", "--metric", help="Only this metric; may be repeated.")]
QueryOption = Annotated[str | None, typer.Option("-q", "--query", help="Runs that match, such as status:finished.")]
OutputOption = Annotated[Path | None, typer.Option("-o", "--output", help="The file to write; without it, stdout.")]


def export(
    runs: RunsArgument = None,
    metric: MetricOption = None,
    query: QueryOption = None,
    format: FormatOption = None,
    output: OutputOption = None,
    url: UrlOption = None,
    data_dir: DataDirOption = None,
) -> None:
    """Write every point of runs as a table: run, metric, step, time, value, text."""

    async def work(terminal: Terminal) -> None:
        name = format or (output.suffix.lstrip(".") if output else "") or "csv"
        async with open_client(ServerChoice(url, data_dir)) as client:
            chosen = await choose_runs(client, runs or [], query)
            points = 0
            with opening(output) as out, writing(name, out) as writer:
                for one in chosen:
                    async for part in read_parts(client, one["key"], metric or []):
                        writer.write(part)
                        points += len(part.steps)
        terminal.note(f"{count_noun(points, 'point')} of {count_noun(len(chosen), 'run')}")
        note_ages(terminal, chosen)

    run(work)


async def choose_runs(client: Client, named: Sequence[str], query: str | None) -> Sequence[Json]:
    """Return the named runs, or of those that match. Raises InvalidRequest where neither is given."""
    if named:
        return [await client.get(f"/api/runs/{quote(one)}") for one in named]
    if query is None:
        raise InvalidRequest("Which runs? Name them, or choose with -q; -q '' takes all.")
    found: Sequence[Json] = await client.get("/api/runs", q=query or None)
    return found


async def read_parts(client: Client, key: str, metrics: Sequence[str]) -> AsyncIterator[Part]:
    """Yield all points of a run, a page of one metric at a time."""
    wanted = list(metrics)
    if not wanted:
        catalogue = await client.get(f"/api/runs/{quote(key)}/series")
        wanted = list(dict.fromkeys(one["key"] for one in catalogue["metrics"]))
    for metric in wanted:
        offset: int | None = 0
        while offset is not None:
            answer: Json = await client.get(f"/api/runs/{quote(key)}/points", metric=metric, offset=offset, limit=PAGE)
            for one in answer["series"]:
                yield Part(key, one["key"], one["steps"], one["times"], one["values"], one["kind"] == "text")
            offset = answer["next_offset"]


@contextmanager
def opening(output: Path | None) -> Iterator[IO[bytes]]:
    """Give the output: a file that has its name once it is whole, or standard output. Raises InvalidRequest."""
    if output is None:
        yield sys.stdout.buffer
        return
    staged = output.with_name(f"{output.name}.part")
    try:
        with staged.open("wb") as file:
            yield file
        staged.replace(output)
    except OSError as error:
        raise InvalidRequest(f"{output} cannot be written: {error.strerror}.") from error
    finally:
        staged.unlink(missing_ok=True)
