"""What runs have measured: tables, curves at a width, all points, media. It computes nothing itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response
from pydantic import BaseModel, Field

from runferry.api import answers_series as shapes
from runferry.api.access import TheService, describe_errors
from runferry.api.bulk import make_bulk_response
from runferry.service import Axis, CurveQuery

MOST_RUNS, MOST_METRICS = 200, 500
MOST_POINTS = 1_000_000

router = APIRouter(prefix="/api", tags=["metrics"])

RunId = Annotated[str, Path(max_length=1000, description="A run's `id`, or its unique `key`.")]
ERRORS = describe_errors(400, 404, 408, 409, 410, 500, 507)


class View(BaseModel):
    """What to show: the axis, the range, the width."""

    x: Annotated[Axis, Field(description="`step`, `time` (seconds since the run's first point) or `wall` (epoch).")] = (
        Axis.STEP
    )
    start: Annotated[float | None, Field(alias="from", description="The least x; without it, where points begin.")] = (
        None
    )
    end: Annotated[float | None, Field(alias="to", description="The greatest x; without it, where points end.")] = None
    width: Annotated[int, Field(description="Pixels, 1 to 20000: at most so many buckets.")] = 2000


class SeriesQuery(View):
    metric: Annotated[
        list[str], Field(max_length=MOST_METRICS, description="Which metrics to draw; none: only the catalogue.")
    ] = Field(default=[])
    superseded: Annotated[
        bool,
        Field(description="Instead of the points that count, draw those that a resumed run wrote again or took back."),
    ] = False

    def read(self) -> CurveQuery:
        metrics = list(dict.fromkeys(self.metric))
        return CurveQuery(metrics, self.x, self.start, self.end, self.width, self.superseded)


class ManyQuery(SeriesQuery):
    key: Annotated[list[str], Field(min_length=1, max_length=MOST_RUNS, description="Ids or keys of runs, up to 200.")]


class PointsQuery(BaseModel):
    metric: Annotated[str, Field(description="Which metric.")]
    offset: Annotated[int, Field(ge=0, le=2**62)] = 0
    limit: Annotated[int, Field(ge=1, le=MOST_POINTS)] = 100_000


@router.get("/series", response_model=shapes.ManySeriesAnswer, responses=ERRORS)
async def compare_series(service: TheService, query: Annotated[ManyQuery, Query()]) -> Response:
    """Draw metrics of many runs at a width. A run that cannot be shown is in `missing_runs`, with the reason."""
    chosen = query.read()
    found, missing = await service.series.curves_of(query.key, chosen)
    return await make_bulk_response(lambda: shapes.shape_many(found, missing, chosen))


@router.get("/runs/{run_id:whole}/series", response_model=shapes.SeriesAnswer, responses=ERRORS)
async def get_series(service: TheService, run_id: RunId, query: Annotated[SeriesQuery, Query()]) -> Response:
    """Draw metrics of a run at a width: the least, greatest and last value of each pixel, so that every spike shows.

    `metrics` is the catalogue: of the metrics asked for, or of all where none is.
    """
    chosen = query.read()
    ask = service.series.curves(run_id, chosen) if chosen.metrics else service.series.catalogue(run_id)
    found = await ask
    return await make_bulk_response(lambda: shapes.shape_series(found, chosen))


@router.get("/runs/{run_id:whole}/points", response_model=shapes.PointsPageAnswer, responses=ERRORS)
async def get_points(service: TheService, run_id: RunId, query: Annotated[PointsQuery, Query()]) -> Response:
    """Return the points of a metric exactly as they were written, in that order, page by page."""
    found = await service.series.points(run_id, query.metric, offset=query.offset, limit=query.limit)
    return await make_bulk_response(lambda: shapes.shape_points(found))


@router.get("/runs/{run_id:whole}/metrics", response_model=shapes.TableAnswer, responses=ERRORS)
async def get_metrics(service: TheService, run_id: RunId) -> Response:
    """Return all numbers as rows by `time`, in seconds since the run's first point. Missing and non-finite are null."""
    table = await service.series.table_by_time(run_id)
    return await make_bulk_response(lambda: shapes.shape_table(table))


@router.get("/runs/{run_id:whole}/metrics_step", response_model=shapes.TableAnswer, responses=ERRORS)
async def get_metrics_by_step(service: TheService, run_id: RunId) -> Response:
    """Return all numbers as one row per `global_step`, the last write of each; `stage` is the last column."""
    table = await service.series.table_by_step(run_id)
    return await make_bulk_response(lambda: shapes.shape_table(table))


@router.get("/runs/{run_id:whole}/media", response_model=list[shapes.MediaAnswer], responses=ERRORS)
async def list_media(
    service: TheService,
    run_id: RunId,
    key: Annotated[str | None, Query(max_length=2000, description="Only what was logged under this key.")] = None,
) -> Response:
    """List the images a run has logged, in that order, with their steps and captions."""
    run, items = await service.series.media(run_id, key)
    return await make_bulk_response(lambda: shapes.shape_media(run, items))


@router.post("/reindex", response_model=shapes.ReindexAnswer, responses=describe_errors(500))
async def start_reindex(service: TheService) -> shapes.ReindexAnswer:
    """Rebuild the index of runs and all series from the local copies, in the background. Asks no server."""
    return shapes.shape_reindex(service.reindex.start())


@router.get("/reindex", response_model=shapes.ReindexAnswer, responses=describe_errors(500))
async def get_reindex(service: TheService) -> shapes.ReindexAnswer:
    """Tell how far rebuilding the index is."""
    return shapes.shape_reindex(service.reindex.view)
