"""The demo: a simulated server inside this Runferry. What it is made of is not for a request to choose."""

from __future__ import annotations

from fastapi import APIRouter

from runferry.api import answers
from runferry.api.access import TheService, describe_errors
from runferry.service import DemoView

router = APIRouter(prefix="/api", tags=["demo"])


@router.get("/demo", response_model=answers.DemoAnswer, responses=describe_errors())
async def tell(service: TheService) -> answers.DemoAnswer:
    """Say whether the demo can be tried here, and which server is its own while it runs."""
    return shape(service.demo.view)


@router.post("/demo", response_model=answers.DemoAnswer, responses=describe_errors(400, 429, 500, 507))
async def start(service: TheService) -> answers.DemoAnswer:
    """Start a simulated server with a live training on it, on 127.0.0.1, and mirror it. Running already, it stays.

    It ends with this process or with DELETE, and nothing of it is left then.
    """
    return shape(await service.demo.start())


@router.delete("/demo", response_model=answers.DemoAnswer, responses=describe_errors(500))
async def remove(service: TheService) -> answers.DemoAnswer:
    """End the demo and remove its runs and files. Nothing else is touched; without a demo nothing happens."""
    return shape(await service.demo.remove())


def shape(view: DemoView) -> answers.DemoAnswer:
    return answers.DemoAnswer(is_offered=view.is_offered, server=view.server)
