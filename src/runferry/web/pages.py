"""The web app, and the API's documentation at ``/docs``, from files that ship with the package.

Nothing is loaded from another host, so all of it works without the internet.
"""

from __future__ import annotations

import secrets
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

from runferry.web.assets import Assets

# Swagger UI sets style attributes while it draws, and its icons are data: images.
DOCS_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)

# The component library writes its theme into style elements; the nonce lets in those and no others.
APP_POLICY = (
    "default-src 'self'; style-src 'self' 'nonce-{nonce}'; img-src 'self' data: blob:; object-src 'none'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

ADDRESSES = (
    "/",
    "/connect",
    "/servers",
    "/runs",
    "/runs/{rest:path}",
    "/compare",
    "/artifacts",
    "/artifacts/{rest:path}",
    "/settings",
)
"""Where the app has pages: each answers the same file, and the script in it shows what the address says."""

LOGIN_FILES = frozenset({"/static/login.js", "/static/login.css"})
"""What the login page loads."""

NONCE = "__STYLE_NONCE__"
NOT_BUILT = (
    "The pages are not built: run `make setup` (or `python build_hook.py`). The API's description is at /docs.\n"
)


def install_pages(app: FastAPI) -> None:
    """Add the pages and their files to ``app``; none of them appears in the API's description."""
    folder = Path(str(files("runferry.web")))
    dist = folder / "dist"
    index = read_index(dist)

    def show_app() -> Response:
        return make_page(index, 200)

    def show_missing(rest: str) -> Response:
        return make_page(index, 404)

    for address in ADDRESSES:
        app.get(address, include_in_schema=False)(show_app)
    if index:
        app.mount("/assets", Assets(dist / "assets", cache="public, max-age=31536000, immutable"))
        app.mount("/static/app", Assets(dist / "static/app", cache="no-cache"))  # names without a hash
    install_docs(app, folder / "static")
    app.get("/{rest}", include_in_schema=False)(show_missing)


def install_docs(app: FastAPI, static: Path) -> None:
    @app.get("/docs", include_in_schema=False)
    def show_docs() -> Response:
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": DOCS_POLICY}
        return FileResponse(static / "docs.html", headers=headers)

    app.mount("/static/swagger", StaticFiles(directory=str(files("fastapi_swagger") / "resources")))
    app.mount("/static", StaticFiles(directory=static))


def make_login_page() -> Response:
    """Return the page that asks for the token, as the answer to a browser that has not given it."""
    page = files("runferry.web").joinpath("static/login.html").read_text(encoding="utf-8")
    return Response(page, 401, {"Cache-Control": "no-store"}, media_type="text/html")


def read_index(dist: Path) -> str:
    """Return the app's page; "" where it was not built."""
    try:
        return (dist / "index.html").read_text(encoding="utf-8")
    except FileNotFoundError:
        return ""


def make_page(index: str, status: int) -> Response:
    """Return the page with a fresh nonce; it is never stored, its files are."""
    if not index:
        return Response(NOT_BUILT, 503, media_type="text/plain")
    nonce = secrets.token_urlsafe(16)
    headers = {"Cache-Control": "no-store", "Content-Security-Policy": APP_POLICY.format(nonce=nonce)}
    return Response(index.replace(NONCE, nonce), status, headers, media_type="text/html")
