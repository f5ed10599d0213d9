"""What a table of runs asks beside the list: columns there could be, their values, groups. It shapes and checks."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import ConfigDict, Field

from runferry.api import schemas
from runferry.api.access import TheService, describe_errors
from runferry.api.answers import Answer
from runferry.api.bulk import make_bulk_response
from runferry.store.run_list import RunFilter

router = APIRouter(prefix="/api", tags=["runs"])

Value = str | float | bool | None


class ColumnAnswer(Answer):
    name: Annotated[str, Field(description="Nested names are joined by dots.", examples=["optimizer.lr"])]
    source: Literal["config", "summary", "metric"]
    runs: Annotated[int, Field(description="How many of the newest 500 runs have it.")]


class GroupAnswer(Answer):
    value: str
    count: int


class ValuesBody(schemas.Body):
    """Which values of which runs."""

    model_config = ConfigDict(json_schema_extra={"example": {"keys": ["gpu1/20250101_120000_a1b2c3"], "names": ["lr"]}})

    keys: Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=1000)]
    names: Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=100)]


class SparklinesBody(schemas.Body):
    """Of which runs, and which metric: by default each run's best one, else a loss, else its first."""

    model_config = ConfigDict(json_schema_extra={"example": {"keys": ["gpu1/20250101_120000_a1b2c3"]}})

    keys: Annotated[list[Annotated[str, Field(max_length=1000)]], Field(max_length=200)]
    metric: Annotated[str | None, Field(max_length=1000)] = None


class SparklineAnswer(Answer):
    metric: str
    values: Annotated[list[float | None], Field(description="At most 40, evenly chosen; null where not finite.")]


class GroupsQuery(schemas.RunsQuery):
    by: Literal["server", "project", "name", "status"]


@router.get("/run-columns", response_model=list[ColumnAnswer], responses=describe_errors(500))
async def list_columns(service: TheService) -> list[ColumnAnswer]:
    """List what a table of runs could show: parameters, summary values and metrics, the most frequent first."""
    found = await service.table.columns()
    return [ColumnAnswer(name=one.name, source=one.source, runs=one.runs) for one in found]  # type: ignore[arg-type]


@router.post("/run-values", response_model=dict[str, dict[str, Value]], responses=describe_errors(400, 500))
async def list_values(body: ValuesBody, service: TheService) -> Response:
    """Give the named values of runs: of the configuration, else the summary, else the metric's last one.

    By run key, then by name; what a run does not have is left out.
    """
    values = await service.table.values(body.keys, body.names)
    return await make_bulk_response(lambda: values)


@router.get("/run-groups", response_model=list[GroupAnswer], responses=describe_errors(400, 500))
async def list_groups(service: TheService, query: Annotated[GroupsQuery, Query()]) -> list[GroupAnswer]:
    """Count the matching runs by server, project, name or status."""
    values = query.model_dump()
    found = await service.table.groups(
        RunFilter(**{key: value for key, value in values.items() if key != "by"}), query.by
    )
    return [GroupAnswer(value=value, count=count) for value, count in found]


@router.post("/run-sparklines", response_model=dict[str, SparklineAnswer], responses=describe_errors(400, 500))
async def draw_sparklines(body: SparklinesBody, service: TheService) -> Response:
    """Draw a metric of many runs as a few values each, from what is here. Fetches nothing; runs without any lack."""
    found = await service.table.sparklines(body.keys, body.metric)
    return await make_bulk_response(lambda: found)
