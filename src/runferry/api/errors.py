"""Turns errors into answers: one shape, ``{"detail": <sentence>}`` and what the error adds.

It decides no status of ours: every error knows its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from runferry.errors import RateLimited, RunferryError

INTERNAL = "Internal error; see the log."

HTTP_SENTENCES = {
    400: "The body is not valid JSON.",  # FastAPI's own 400: text or nesting that no parser takes
    404: "No such endpoint; see /docs.",
    405: "This endpoint has other methods; see /docs.",
}


def install_error_handlers(app: FastAPI) -> None:
    """Make every failure of a route answer the documented body. The most specific handler wins."""
    app.add_exception_handler(RunferryError, _answer_ours)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_unexpected)


def make_error_response(error: RunferryError) -> JSONResponse:
    headers = {"Retry-After": str(error.retry_after)} if isinstance(error, RateLimited) else None
    return JSONResponse({"detail": str(error), **error.extra()}, status_code=error.status, headers=headers)


async def _answer_ours(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RunferryError)  # noqa: S101 - Starlette dispatches by type; this tells mypy
    return make_error_response(error)


async def _answer_invalid(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    return JSONResponse({"detail": describe_invalid(error.errors())}, status_code=400)


async def _answer_http(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    detail = HTTP_SENTENCES.get(error.status_code, str(error.detail))
    return JSONResponse({"detail": detail}, status_code=error.status_code, headers=error.headers)


async def _answer_unexpected(request: Request, error: Exception) -> JSONResponse:
    # Starlette raises the error again after this answer, so the ASGI server logs it with its traceback.
    return JSONResponse({"detail": INTERNAL}, status_code=500)


def describe_invalid(errors: Sequence[Any]) -> str:
    """Return one sentence that names the first field that is wrong and what it should be."""
    first = errors[0]
    kind, where = str(first.get("type", "")), [str(part) for part in first.get("loc", ())]
    if kind == "json_invalid":
        return "The body is not valid JSON."
    field = ".".join(where[1:]) or "body"
    if field == "body":
        return "The body must be a JSON object, sent with Content-Type: application/json."
    if kind == "missing":
        return f"{field}: this field is required."
    message = str(first.get("msg", "is not valid"))
    message = message.removeprefix("Value error, ").removeprefix("Input ")
    return f"{field}: {message[:1].lower()}{message[1:]}."
