"""Files of the app, compressed ones where they lie beside them and the browser takes them. It compresses nothing."""

from __future__ import annotations

import mimetypes
from pathlib import Path

from fastapi.staticfiles import StaticFiles
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Scope


class Assets(StaticFiles):
    """A folder of files that all carry one Cache-Control."""

    def __init__(self, directory: Path, *, cache: str) -> None:
        super().__init__(directory=directory)
        self._cache = cache

    async def get_response(self, path: str, scope: Scope) -> Response:
        takes_gzip = "gzip" in Headers(scope=scope).get("accept-encoding", "")
        packed, _ = self.lookup_path(f"{path}.gz") if takes_gzip and not path.endswith(".gz") else ("", None)
        response = await super().get_response(f"{path}.gz" if packed else path, scope)
        if packed:
            response.headers["Content-Encoding"] = "gzip"
            response.headers["Content-Type"] = mimetypes.guess_type(path)[0] or "application/octet-stream"
        response.headers["Vary"] = "Accept-Encoding"
        response.headers["Cache-Control"] = self._cache
        return response
