"""The runs: the list over all servers and one in detail."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query, Response

from runferry.api import answers, schemas, shapes
from runferry.api.access import TheService, describe_errors
from runferry.api.bulk import make_bulk_response
from runferry.store.run_list import RunFilter

router = APIRouter(prefix="/api/runs", tags=["runs"])


@router.get("", response_model=list[answers.RunAnswer], responses=describe_errors(400, 500))
async def list_runs(service: TheService, query: Annotated[schemas.RunsQuery, Query()]) -> Response:
    """List the runs of all servers, newest first. How many match is in the header `X-Total-Count`."""
    chosen = RunFilter(**query.model_dump())
    runs, total = await service.list_runs(chosen)
    return await make_bulk_response(lambda: runs, headers={"X-Total-Count": str(total)})


@router.get("/{run_id:whole}", response_model=answers.RunDetailAnswer, responses=describe_errors(400, 404, 409, 500))
async def get_run(
    service: TheService,
    run_id: Annotated[str, Path(max_length=1000, description="A run's `id`, or its unique `key`.")],
) -> Response:
    """Show one run. An id that several runs have is answered 409 with the `candidates`."""
    detail = await service.get_run(run_id)
    return await make_bulk_response(lambda: shapes.shape_run(detail))
