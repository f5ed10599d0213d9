"""Is the server well, what troubles its syncs, and what does a server offer: the endpoints for diagnosis."""

from __future__ import annotations

from fastapi import APIRouter

from runferry import __version__
from runferry.api import answers, schemas, shapes
from runferry.api.access import TheService, describe_errors
from runferry.api.unified import AnyConnection, read_login

router = APIRouter(prefix="/api", tags=["health"])


@router.get("/health", response_model=answers.HealthAnswer, responses=describe_errors())
async def health(service: TheService) -> answers.HealthAnswer:
    """Answer at once, whatever else goes on."""
    return answers.HealthAnswer(status="ok", version=__version__, uptime_seconds=service.uptime_seconds)


@router.get("/problems", response_model=answers.ProblemsAnswer, responses=describe_errors(400, 404, 500))
async def problems(service: TheService, connection_id: AnyConnection = None) -> answers.ProblemsAnswer:
    """List the files that are not, or not freshly, in the local copies, or not understood, and why.

    All connections without an id.
    """
    view = await service.status(connection_id)
    chosen = [one for one in view.connections if connection_id in (None, one.id)]
    return answers.ProblemsAnswer(
        syncs=[
            answers.SyncProblems(
                sync_id=sync.record.id,
                connection_id=connection.id,
                mode=sync.mode.value,
                remote_root=sync.record.remote_root,
                problem_count=sync.problem_count,
                problems=shapes.shape_problems(sync.problems),
            )
            for connection in chosen
            for sync in connection.syncs
        ]
    )


@router.post("/doctor", response_model=answers.DoctorAnswer, responses=describe_errors(400, 408, 409, 429, 500))
async def doctor(body: schemas.DoctorBody, service: TheService) -> answers.DoctorAnswer:
    """Try a server step by step, over a connection of its own, and tell what it offers. Opens nothing for good."""
    report = await service.examine(read_login(body, body.host), body.path)
    steps = [answers.DoctorStep(name=step.name, ok=step.is_ok, message=step.message) for step in report.steps]
    return answers.DoctorAnswer(ok=report.is_ok, target=report.target, steps=steps, facts=dict(report.facts))
