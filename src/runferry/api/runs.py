"""The runs: the list over all servers and one in detail."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Path, Query, Response

from runferry.api import answers, shapes
from runferry.api.access import TheService, describe_errors
from runferry.api.bulk import make_bulk_response
from runferry.store.run_list import RunFilter

router = APIRouter(prefix="/api/runs", tags=["runs"])

Text = Annotated[str | None, Query(max_length=500)]
SortKey = Literal[
    "created_time",
    "started_at",
    "ended_at",
    "duration_seconds",
    "status",
    "project",
    "name",
    "id",
    "key",
    "server",
    "best_metric_value",
]
LARGEST = 2**31


@router.get("", response_model=list[answers.RunAnswer], responses=describe_errors(400, 500))
async def list_runs(
    service: TheService,
    server: Text = None,
    project: Text = None,
    name: Text = None,
    status: Text = None,
    q: Annotated[str | None, Query(max_length=500, description="Looked for in id, project, name, server.")] = None,
    sort: SortKey = "created_time",
    order: Literal["asc", "desc"] = "desc",
    limit: Annotated[int | None, Query(ge=0, le=LARGEST, description="Without it: all.")] = None,
    offset: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
) -> Response:
    """List the runs of all servers, newest first. How many match is in the header `X-Total-Count`."""
    chosen = RunFilter(server, project, name, status, q, sort, order, limit, offset)
    runs, total = await service.list_runs(chosen)
    return await make_bulk_response(lambda: runs, headers={"X-Total-Count": str(total)})


@router.get("/{run_id:path}", response_model=answers.RunDetailAnswer, responses=describe_errors(400, 404, 409, 500))
async def get_run(
    service: TheService,
    run_id: Annotated[str, Path(max_length=1000, description="A run's `id`, or its unique `key`.")],
) -> Response:
    """Show one run. An id that several runs have is answered 409 with the `candidates`."""
    detail = await service.get_run(run_id)
    return await make_bulk_response(lambda: shapes.shape_run(detail))
