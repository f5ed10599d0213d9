"""Puts the routers together and completes the API's description, with answers that a server has given as examples."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import orjson
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse
from starlette.types import Lifespan

from runferry import __version__
from runferry.api import (
    artifacts,
    cache,
    config,
    demo,
    downloads,
    events,
    files,
    health,
    legacy_ssh,
    logs,
    metrics,
    overview,
    recycle,
    runs,
    table,
    unified,
)
from runferry.api.access import SCHEMA
from runferry.api.answers import ErrorAnswer, RateLimitAnswer
from runferry.api.errors import install_error_handlers

EXAMPLES = Path(__file__).with_name("examples.json")

DESCRIPTION = """Live, correct local copies of ML experiments on remote servers, over plain SSH.

Every error is `{"detail": "<one sentence>"}`, sometimes with more fields beside it. Unknown fields of a body are
ignored; a wrong type or range is a 400 whose sentence names the field.

A server that was started with `--token` wants it with every request: `Authorization: Bearer <token>`. Without it the
answer is 401 with `"needs_token": true`; after ten wrong ones in a minute it is 429 with `retry_after`.
"""


def build_api(lifespan: Lifespan[FastAPI]) -> FastAPI:
    """Return the application with all routes; ``lifespan`` must put the service into ``app.state.service``."""
    app = FastAPI(
        title="Runferry",
        version=__version__,
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    for module in (
        unified,
        config,
        cache,
        downloads,
        files,
        logs,
        metrics,
        overview,
        table,
        recycle,
        artifacts,
        runs,
        events,
        health,
        demo,
        legacy_ssh,
    ):
        app.router.routes.extend(module.router.routes)  # include_router would make each of them a second time
    install_error_handlers(app)
    install_description(app)
    return app


def install_description(app: FastAPI) -> None:
    """Give the API's description to those who ask: making it takes as long as half of all else at the start."""
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]

    @app.get("/api/openapi.json", include_in_schema=False)
    def show_description() -> JSONResponse:  # in a thread, where nobody waits for it but who asked
        return JSONResponse(app.openapi())


def describe(app: FastAPI) -> dict[str, Any]:
    """Return the OpenAPI document, with examples and without the 422 answers that are never given."""
    if app.openapi_schema is None:
        document = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
        examples = orjson.loads(EXAMPLES.read_bytes())
        for path, methods in document["paths"].items():
            for method, operation in methods.items():
                operation["responses"].pop("422", None)
                if (name := f"{method} {path}") in examples:
                    operation["responses"]["200"]["content"]["application/json"]["example"] = examples[name]
        shapes = document["components"]["schemas"]
        for name in ("HTTPValidationError", "ValidationError"):
            shapes.pop(name, None)
        for shape in (ErrorAnswer, RateLimitAnswer):  # which the routes only name
            shapes[shape.__name__] = shape.model_json_schema(mode="serialization", ref_template=SCHEMA)
        app.openapi_schema = document
    return app.openapi_schema
