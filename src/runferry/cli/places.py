"""``RUN[:PATH]`` as users write it: a run's id or key, and a file, directory or pattern of it. Asks, moves nothing."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import quote

from runferry.cli.client import ApiError, Client

NOT_FOUND = 404


@dataclass(frozen=True, slots=True)
class RunPlace:
    """A run that exists, by its key, and a path of it; an empty path means all of it."""

    key: str
    run_id: str
    path: str


async def find_place(client: Client, text: str) -> RunPlace:
    """Return what ``RUN[:PATH]`` means. Keys may hold colons too (``host:2222/...``), so the server is asked.

    Raises ApiError where no part of it is a run.
    """
    ends = [at for at, character in enumerate(text) if character == ":"] + [len(text)]
    for number, end in enumerate(ends):
        try:
            run = await client.get(f"/api/runs/{quote(text[:end])}")
        except ApiError as error:
            if error.status != NOT_FOUND or number == len(ends) - 1:
                raise
        else:
            return RunPlace(run["key"], run["id"], text[end + 1 :].strip("/"))
    raise AssertionError  # the last attempt returns or raises
