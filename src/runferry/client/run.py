"""One run as the client sees it: what the list said of it, and what it can be asked for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from runferry.client.frames import make_pandas, make_polars
from runferry.client.http import Http
from runferry.client.transfer import save
from runferry.client.values import Json, Points, RemoteFile, read_as

if TYPE_CHECKING:
    import pandas
    import polars

PAGE = 200_000
"""Points per answer: about 10 MB of JSON."""


class Run:
    """One run. Its attributes are the fields of ``GET /api/runs``: ``key``, ``id``, ``status``, ``project``, ..."""

    def __init__(self, http: Http, raw: Json) -> None:
        self._http = http
        self.raw = raw

    def __getattr__(self, name: str) -> Any:
        try:
            return self.raw[name]
        except KeyError:
            raise AttributeError(f"a run has no {name!r}; it has {', '.join(sorted(self.raw))}") from None

    def __repr__(self) -> str:
        return f"<Run {self.raw.get('key')} {self.raw.get('status')}>"

    @property
    def key(self) -> str:
        """Return what names this run among those of all servers."""
        return str(self.raw["key"])

    def refresh(self) -> Run:
        """Return this run as it is now, with summary, config, environment and tags."""
        return Run(self._http, self._http.get(self._path()))

    @property
    def summary(self) -> Mapping[str, Any]:
        return self._detail("summary")

    @property
    def config(self) -> Mapping[str, Any]:
        return self._detail("config")

    def metrics(self) -> Sequence[Json]:
        """Return the run's metrics, each with key, kind, points, min, max, first, last and last_step."""
        answer: Sequence[Json] = self._http.get(self._path("series"))["metrics"]
        return answer

    def points(self, *metrics: str) -> dict[str, Points]:
        """Return every point of these metrics (none given: of all), exactly as written."""
        return {points.metric: points for points in self._read_points(metrics)}

    def to_pandas(self, *metrics: str) -> pandas.DataFrame:
        """Return the points as a long table with the columns run, metric, step, time, value."""
        return make_pandas((self.key, points) for points in self._read_points(metrics))

    def to_polars(self, *metrics: str) -> polars.DataFrame:
        """Return the same as ``to_pandas`` for polars."""
        return make_polars((self.key, points) for points in self._read_points(metrics))

    def logs(self, *, tail: int | None = None) -> Iterator[str]:
        """Yield the log's lines, or the last ``tail`` of them."""
        if tail is not None:
            yield from (line["text"] for line in self._http.get(self._path("logs"), tail=tail)["lines"])
            return
        offset: int | None = 0
        while offset is not None:
            answer = self._http.get(self._path("logs"), offset=offset, limit=10_000)
            yield from (line["text"] for line in answer["lines"])
            offset = answer["next_offset"] if answer["lines"] else None

    def files(self) -> Sequence[RemoteFile]:
        """Return the run's files, those that are only on the server included."""
        return [read_as(RemoteFile, one) for one in self._http.get(self._path("files"))["files"]]

    def save(self, path: str, target: str | Path) -> Path:
        """Write one file of the run to ``target``, fetching it from the server where needed.

        A file that was begun is continued; it has its final name when it is whole.
        """
        return save(self._http, self._path("files", path), Path(target))

    def _read_points(self, metrics: Iterable[str]) -> Iterator[Points]:
        wanted = list(metrics) or [one["key"] for one in self.metrics()]
        for metric in dict.fromkeys(wanted):
            yield from self._read_metric(metric)

    def _read_metric(self, metric: str) -> Iterator[Points]:
        found: dict[str, Points] = {}
        offset: int | None = 0
        while offset is not None:
            answer = self._http.get(self._path("points"), metric=metric, offset=offset, limit=PAGE)
            for part in answer["series"]:
                points = read_points(part)
                before = found.get(points.kind)
                found[points.kind] = points if before is None else join(before, points)
            offset = answer["next_offset"]
        yield from found.values()

    def _detail(self, name: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = self.raw[name] if name in self.raw else self.refresh().raw[name]
        return found

    def _path(self, *parts: str) -> str:
        return "/".join(("/api/runs", *(quote(part) for part in (self.key, *parts))))


def read_points(part: Json) -> Points:
    read = list if part["kind"] == "text" else read_numbers
    return Points(
        part["key"], part["kind"], read_numbers(part["steps"]), read_numbers(part["times"]), read(part["values"])
    )


def read_numbers(values: Iterable[Any]) -> list[float]:
    """JSON has no NaN and no infinities: they travel as their names, and an unknown number as null."""
    return [math.nan if value is None else float(value) for value in values]


def join(one: Points, two: Points) -> Points:
    return Points(one.metric, one.kind, [*one.steps, *two.steps], [*one.times, *two.times], [*one.values, *two.values])
