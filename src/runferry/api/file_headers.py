"""The headers of files: a type no browser runs, a name that cannot break out, how old the news is. Pure."""

from __future__ import annotations

from email.utils import formatdate
from urllib.parse import quote

POLICY = "sandbox; default-src 'none'; style-src 'unsafe-inline'"
"""Should a browser show the bytes after all, they can do nothing."""

_SHOWN = {
    **dict.fromkeys(("txt", "log", "out", "err", "jsonl", "ndjson", "yaml", "yml", "toml", "md"), "text/plain"),
    **dict.fromkeys(("ini", "cfg", "py", "sh", "diff", "patch"), "text/plain"),
    "json": "application/json",
    "csv": "text/csv",
    "tsv": "text/tab-separated-values",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "bmp": "image/bmp",
    "avif": "image/avif",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "ogg": "audio/ogg",
}
"""What browsers show without running it. Everything else (HTML, SVG, XML, scripts, PDF, ...) is only saved."""


def describe_type(name: str) -> tuple[str, bool]:
    """Return the media type for a file's name, and whether a browser may show it."""
    kind = _SHOWN.get(name.rpartition(".")[2].lower() if "." in name else "")
    if kind is None:
        return "application/octet-stream", False
    return f"{kind}; charset=utf-8" if kind.startswith("text/") or kind == "application/json" else kind, True


def describe_disposition(name: str, *, is_shown: bool) -> str:
    """Return the Content-Disposition: plain ASCII for old clients, the real name percent-encoded beside it."""
    plain = "".join(one if one.isascii() and one.isprintable() and one not in '"\\%' else "_" for one in name)
    encoded = quote(name, safe="", errors="replace")
    return f"{'inline' if is_shown else 'attachment'}; filename=\"{plain}\"; filename*=UTF-8''{encoded}"


def make_headers(name: str, *, etag: str, mtime: float, age: float, freshness: str) -> dict[str, str]:
    """Return what is said of a file beside its bytes, for every kind of answer. ``age`` is in seconds."""
    kind, is_shown = describe_type(name)
    return {
        "Content-Type": kind,
        "Content-Disposition": describe_disposition(name, is_shown=is_shown),
        "Content-Security-Policy": POLICY,
        "X-Content-Type-Options": "nosniff",
        "Accept-Ranges": "bytes",
        "ETag": f'"{etag}"',
        "Last-Modified": formatdate(max(0.0, mtime), usegmt=True),
        "Cache-Control": "private, no-cache",
        "Age": str(max(0, int(age))),
        "Runferry-Freshness": freshness,
    }
