"""The shapes of answers about series and media, and what turns the service's views into them. Values only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import ConfigDict, Field

from runferry.api.answers import Answer
from runferry.model import MediaItem
from runferry.service import CurveQuery, CurveView, MissingRun, PointsPage, ReindexView, RunSeries, TextCurve
from runferry.store.chunking import Floats
from runferry.store.series import SeriesRow, name_number
from runferry.store.series_table import Series, Table

Numbers = list[float | None]
Kind = Literal["number", "boolean", "text"]


class SourceAnswer(Answer):
    local: Annotated[Literal["full", "partial", "none"], Field(description="How much of the files is here.")]
    held_bytes: int
    read_bytes: Annotated[int, Field(description="How many of the held bytes these series come from.")]
    total_bytes: int
    bad_records: Annotated[int, Field(description="Records that could not be understood, and are not in the series.")]
    first_bad: str | None
    unknown_records: Annotated[
        int, Field(description="Records of a kind that is not shown (histograms, audio) or not known.")
    ]


class MetricAnswer(Answer):
    """`min` to `last` are of the finite numbers; `last_text` is a last value that is none: a text, NaN, Infinity."""

    key: str
    kind: Kind
    points: int
    min: float | None
    max: float | None
    first: float | None
    last: float | None
    last_text: str | None
    last_step: float | None
    last_time: float | None


class NonFinite(Answer):
    x: float
    kind: Literal["NaN", "Infinity", "-Infinity"]


class CurveAnswer(Answer):
    """Columns of one length: `x`, and `min`, `max`, `last` of each bucket (null: no finite number), or `text`."""

    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "key": "loss",
                "kind": "number",
                "x": [0.0, 1.0],
                "min": [0.7, None],
                "max": [0.7, None],
                "last": [0.7, None],
                "points_total": 2,
                "points_in_range": 2,
                "exact": True,
                "non_finite": [{"x": 1.0, "kind": "NaN"}],
                "non_finite_total": 1,
                "unplaced": 0,
            }
        }
    )

    key: str
    kind: Kind
    x: list[float]
    min: Numbers | None = None
    max: Numbers | None = None
    last: Numbers | None = None
    text: list[str] | None = None
    points_total: int
    points_in_range: int
    exact: Annotated[bool, Field(description="Every point in the range is shown as it is.")]
    non_finite: Annotated[list[NonFinite], Field(description="The first 1,000.")]
    non_finite_total: int
    unplaced: Annotated[int, Field(description="Points without an x: nothing says when they were written.")]


class SeriesAnswer(Answer):
    run: str
    first_time: Annotated[float | None, Field(description="Of the run's first point, in seconds since the epoch.")]
    x: Literal["step", "time", "wall"]
    width: int
    metrics: list[MetricAnswer]
    series: list[CurveAnswer]
    missing: Annotated[list[str], Field(description="Metrics that were asked for and that the run has not (yet).")]
    source: SourceAnswer


class MissingRunAnswer(Answer):
    key: str
    detail: str


class ManySeriesAnswer(Answer):
    runs: list[SeriesAnswer]
    missing_runs: list[MissingRunAnswer]


class TableAnswer(Answer):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "columns": ["global_step", "loss", "stage"],
                "rows": [{"global_step": 1, "loss": 0.7, "stage": "train"}],
            }
        }
    )

    columns: list[str]
    rows: list[dict[str, Any]]


class PointsAnswer(Answer):
    """`values` are numbers, the strings NaN, Infinity and -Infinity, or texts; an unknown time is null."""

    key: str
    kind: Kind
    steps: list[float]
    times: Numbers
    values: list[float | str]


class PointsPageAnswer(Answer):
    run: str
    series: list[PointsAnswer]
    next_offset: int | None


class MediaAnswer(Answer):
    model_config = ConfigDict(
        json_schema_extra={
            "example": {
                "key": "sample",
                "path": "media/1_abcdef_sample.png",
                "step": 20.0,
                "time": 1795371783.9,
                "caption": "a red square",
                "kind": "image",
                "url": "/api/runs/gpu1/20260101_120000_abc123/files/media/1_abcdef_sample.png",
            }
        }
    )

    key: str
    path: str
    step: float | None
    time: float | None
    caption: str | None
    kind: str
    url: Annotated[str, Field(description="Where the file is; it is fetched from the server when it is not here.")]


class ReindexAnswer(Answer):
    state: Literal["idle", "running", "done", "failed"]
    syncs_done: int
    syncs_total: int
    runs_changed: Annotated[int, Field(description="Runs of which the index said something else.")]
    sources: Annotated[int, Field(description="Files whose series were read anew.")]
    seconds: float
    error: str | None


def shape_reindex(view: ReindexView) -> ReindexAnswer:
    return ReindexAnswer(**{name: getattr(view, name) for name in ReindexAnswer.model_fields})


def shape_series(view: RunSeries, query: CurveQuery) -> dict[str, Any]:
    source = view.source
    return {
        "run": view.run,
        "first_time": view.first_time,
        "x": query.axis,
        "width": query.width,
        "metrics": [shape_metric(row) for row in view.rows],
        "series": [shape_curve(curve) for curve in view.curves],
        "missing": view.missing,
        "source": {name: getattr(source, name) for name in SourceAnswer.model_fields},
    }


def shape_many(views: Sequence[RunSeries], missing: Sequence[MissingRun], query: CurveQuery) -> dict[str, Any]:
    return {
        "runs": [shape_series(view, query) for view in views],
        "missing_runs": [{"key": one.key, "detail": one.detail} for one in missing],
    }


def shape_metric(row: SeriesRow) -> dict[str, Any]:
    return {name: getattr(row, name) for name in MetricAnswer.model_fields}


def shape_curve(view: CurveView) -> dict[str, Any]:
    curve = view.curve
    shaped: dict[str, Any] = {
        "key": view.row.key,
        "kind": view.row.kind,
        "x": curve.x.tolist(),
        "points_total": view.points_total,
        "points_in_range": curve.points,
        "exact": curve.is_exact,
        "non_finite": [],
        "non_finite_total": 0,
        "unplaced": view.unplaced,
    }
    if isinstance(curve, TextCurve):
        return shaped | {"text": curve.texts}
    last = curve.last.tolist()
    is_one = curve.low is curve.last
    return shaped | {
        "min": last if is_one else curve.low.tolist(),  # NaN becomes null where it is encoded
        "max": last if is_one else curve.high.tolist(),
        "last": last,
        "non_finite": shape_strange(curve.strange_x, curve.strange),
        "non_finite_total": curve.strange_total,
    }


def shape_strange(x: Floats, values: Floats) -> list[dict[str, Any]]:
    return [{"x": at, "kind": name_number(value)} for at, value in zip(x.tolist(), values.tolist(), strict=True)]


def shape_table(table: Table) -> dict[str, Any]:
    names = table.names
    return {"columns": names, "rows": [dict(zip(names, row, strict=True)) for row in zip(*table.columns, strict=True)]}


def shape_points(page: PointsPage) -> dict[str, Any]:
    return {
        "run": page.run,
        "series": [shape_part(part) for part in page.series],
        "next_offset": page.next_offset,
    }


def shape_part(part: Series) -> dict[str, Any]:
    key, kind, points = part
    values = points.values
    shown = values if isinstance(values, list) else [name_number(value) or value for value in values.tolist()]
    return {
        "key": key,
        "kind": kind,
        "steps": points.steps.tolist(),
        "times": points.times.tolist(),
        "values": shown,
    }


def shape_media(run: str, items: Iterable[MediaItem]) -> list[dict[str, Any]]:
    base = f"/api/runs/{quote(run)}/files/"
    return [
        {name: getattr(item, name) for name in MediaAnswer.model_fields if name != "url"}
        | {"url": base + quote(item.path)}
        for item in items
    ]
