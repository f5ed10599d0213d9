"""Writing a file of the API to a local path: continued where it was begun, never half under its final name."""

from __future__ import annotations

from pathlib import Path

from runferry.client.http import ApiError, Http

ETAG_SUFFIX, PART_SUFFIX = ".runferry-etag", ".runferry-part"


def save(http: Http, path: str, target: Path) -> Path:
    """Fetch ``path`` into ``target`` (a directory: under the file's own name); returns where it is."""
    if target.is_dir():
        target /= path.rpartition("/")[2]
    part, mark = target.with_name(target.name + PART_SUFFIX), target.with_name(target.name + ETAG_SUFFIX)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        _receive(http, path, part, mark)
    except ApiError as error:
        if error.answered != 416:  # what we hold is not a beginning of what there is now
            raise
        part.unlink(missing_ok=True)
        _receive(http, path, part, mark)
    part.replace(target)
    mark.unlink(missing_ok=True)
    return target


def _receive(http: Http, path: str, part: Path, mark: Path) -> None:
    begun = part.stat().st_size if part.exists() and mark.exists() else 0
    wanted = {"Range": f"bytes={begun}-", "If-Range": mark.read_text()} if begun else {}
    with http.stream(path, {"Accept-Encoding": "identity", **wanted}) as response:
        is_continued = response.status_code == 206
        mark.write_text(response.headers.get("ETag", ""))
        with part.open("ab" if is_continued else "wb") as file:
            for piece in response.iter_raw(1024 * 1024):
                file.write(piece)
