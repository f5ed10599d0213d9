"""The start page at ``/`` and the API's documentation at ``/docs``, from files that ship with the package.

Nothing is loaded from another host, so both work without the internet.
"""

from __future__ import annotations

from importlib.resources import files

from fastapi import FastAPI
from fastapi.responses import FileResponse, Response
from fastapi.staticfiles import StaticFiles

# Swagger UI sets style attributes while it draws, and its icons are data: images.
DOCS_POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; "
    "base-uri 'none'; frame-ancestors 'none'"
)


def install_pages(app: FastAPI) -> None:
    """Add the pages and their files to ``app``; none of them appears in the API's description."""
    static = str(files("runferry.web") / "static")
    swagger = str(files("fastapi_swagger") / "resources")

    @app.get("/", include_in_schema=False)
    def show_start_page() -> Response:
        return FileResponse(f"{static}/index.html", headers={"Cache-Control": "no-cache"})

    @app.get("/docs", include_in_schema=False)
    def show_docs() -> Response:
        headers = {"Cache-Control": "no-cache", "Content-Security-Policy": DOCS_POLICY}
        return FileResponse(f"{static}/docs.html", headers=headers)

    app.mount("/static/swagger", StaticFiles(directory=swagger))
    app.mount("/static", StaticFiles(directory=static))
