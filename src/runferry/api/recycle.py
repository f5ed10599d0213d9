"""The recycle bin. Everything here is local: no endpoint of it changes anything on a server."""

from __future__ import annotations

from fastapi import APIRouter, Response

from runferry.api import answers_recycle as answers
from runferry.api.access import TheService, describe_errors
from runferry.api.bulk import make_bulk_response
from runferry.errors import InvalidRequest
from runferry.service.recycle import BinItem, Outcome

router = APIRouter(prefix="/api", tags=["recycle bin"])

UNTOUCHED = "nothing was changed on any server"


@router.post("/runs/soft-delete", response_model=answers.DeletedAnswer, responses=describe_errors(400, 429, 500, 507))
async def soft_delete(body: answers.RunIdsBody, service: TheService) -> answers.DeletedAnswer:
    """Move runs to the recycle bin: they leave all lists, and no sync brings them back. The servers keep theirs."""
    outcome = await service.recycle_bin.delete(body.run_ids)
    message = f"Moved {count_runs(outcome.count)} to the recycle bin; {UNTOUCHED}"
    return answers.DeletedAnswer(ok=True, deleted_count=outcome.count, results=shape_results(outcome), message=message)


@router.get("/recycle-bin", response_model=answers.BinAnswer, responses=describe_errors(500))
async def list_bin(service: TheService) -> Response:
    """List what was deleted: here (`origin` local, can be restored), and by its tool on a server (`origin` server)."""
    items = await service.recycle_bin.items()
    return await make_bulk_response(lambda: {"deleted_runs": [shape_item(item) for item in items]})


@router.post(
    "/recycle-bin/restore", response_model=answers.RestoredAnswer, responses=describe_errors(400, 429, 500, 507)
)
async def restore(body: answers.RunIdsBody, service: TheService) -> answers.RestoredAnswer:
    """Bring runs back from the recycle bin, whole as they were."""
    outcome = await service.recycle_bin.restore(body.run_ids)
    return answers.RestoredAnswer(
        ok=True,
        restored_count=outcome.count,
        results=shape_results(outcome),
        message=f"Restored {count_runs(outcome.count)}",
    )


@router.post("/recycle-bin/empty", response_model=answers.EmptiedAnswer, responses=describe_errors(400, 429, 500, 507))
async def empty(body: answers.EmptyBody, service: TheService) -> answers.EmptiedAnswer:
    """Remove the local bytes of what was deleted here. It is not fetched again, and the servers keep what they have."""
    if not body.confirm:
        raise InvalidRequest("confirm: must be true; what is emptied from the recycle bin does not come back.")
    count, freed = await service.recycle_bin.empty()
    message = f"Removed the local copy of {count_runs(count)} for good; {UNTOUCHED}"
    return answers.EmptiedAnswer(ok=True, permanently_deleted=count, freed_bytes=freed, message=message)


def shape_results(outcome: Outcome) -> dict[str, answers.RunOutcome]:
    return {run_id: answers.RunOutcome(success=error is None, error=error) for run_id, error in outcome.errors.items()}


def shape_item(item: BinItem) -> dict[str, object]:
    row = item.row
    return {
        "id": row.run_id,
        "key": row.key,
        "server": row.server,
        "project": row.project,
        "name": row.name,
        "created_time": row.created_at,
        "deleted_at": item.deleted_at,
        "original_status": item.status,
        "run_dir": item.run_dir,
        "remote_dir": row.remote_dir,
        "origin": item.origin,
        "can_restore": item.note is None,
        "note": item.note,
    }


def count_runs(count: int) -> str:
    return f"{count} run{'' if count == 1 else 's'}"
