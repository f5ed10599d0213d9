"""Makes a ``Run`` of what a format found out: one meaning of name, project, parameters, tags and status for all."""

from __future__ import annotations

import re
from collections.abc import Mapping

from runferry.formats.document import text_of, time_of
from runferry.formats.runicorn_events import clean
from runferry.model import Run

DEFAULT = "default"

_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f]")
_LARGEST_PID = 2**31 - 1

# Directories whose own names say little: what they are called is said together with the one above.
_PART = re.compile(
    r"version_.*|train(ing)?|val(id|idation)?|test|eval(uation)?|tb|tensorboard|tb_logs|logs?|events|summar(y|ies)"
    r"|runs?|fold[-_]?\d+|seed[-_]?\d+|rank[-_]?\d+|\d{1,4}|\d\d-\d\d-\d\d",
    re.IGNORECASE,
)
_TAGS = ("group", "job_type")
_META = ("notes", "parent", "runtime", "exit_code", "user", "source", "command", "experiment_id")
_ENVIRONMENT = ("os", "python", "program", "hostname", "command")


def place_of(path: str) -> tuple[str, str]:
    """Return project and name as the directory tells them."""
    parts = [part for part in path.split("/") if part]
    if not parts:
        return DEFAULT, "run"
    count = 2 if len(parts) > 1 and _PART.fullmatch(parts[-1]) else 1
    if count == 2 and len(parts) > 2 and re.fullmatch(r"\d{1,4}", parts[-1]) and _PART.fullmatch(parts[-2]):
        count = 3  # multirun/<date>/<time>/<number>
    project = parts[-count - 1] if len(parts) > count else DEFAULT
    return project, "/".join(parts[-count:])


def make_run(path: str, format_: str, card: Mapping[str, object], params: Mapping[str, object]) -> Run:
    """Make a run in directory ``path`` of a card: id, project, name, status and so on; see ``Findings.card``.

    ``Run.meta`` has ``params``, ``tags`` and ``status_known_by`` (a phrase) where they are known, and what is left of
    the card that people ask for. An empty status means that the format tells none.
    """
    project, name = place_of(path)
    name = text_of(card, "name") or name
    tags = _read_tags(card)
    environment = {key: card[key] for key in _ENVIRONMENT if card.get(key)}
    summary = card.get("summary")
    pid = card.get("pid")
    started_at = time_of(card, "started_at")
    return Run(
        id=_read_id(card, path),
        path=path,
        format=format_,
        project=text_of(card, "project") or project,
        name=name,
        created_at=started_at,
        status=text_of(card, "status") or "",
        started_at=started_at,
        ended_at=time_of(card, "ended_at"),
        exit_reason=_read_reason(card),
        pid=pid if isinstance(pid, int) and not isinstance(pid, bool) and 0 < pid <= _LARGEST_PID else None,
        hostname=text_of(card, "hostname") or "",
        deleted_at=time_of(card, "deleted_at"),
        summary=summary if isinstance(summary, Mapping) else {},
        meta=_make_meta(card, params, tags),
        environment=environment,
    )


def _make_meta(card: Mapping[str, object], params: Mapping[str, object], tags: dict[str, object]) -> dict[str, object]:
    meta: dict[str, object] = {key: card[key] for key in _META if card.get(key) is not None}
    if params:
        meta["params"] = dict(params)
    for key in ("params_resolved", "overrides", "status_known_by"):
        if card.get(key):
            meta[key] = card[key]
    if tags:
        meta["tags"] = tags
    return meta


def _read_tags(card: Mapping[str, object]) -> dict[str, object]:
    given = card.get("tags")
    tags: dict[str, object] = dict(given) if isinstance(given, Mapping) else {}
    if card.get("labels"):
        tags["tags"] = card["labels"]
    return tags | {key: card[key] for key in _TAGS if card.get(key)}


def _read_id(card: Mapping[str, object], path: str) -> str:
    written = text_of(card, "id", longest=200)
    if written is None or "/" in written or "\ufffd" in written or written in (".", ".."):
        written = place_of(path)[1].replace("/", ".")
    return written


def _read_reason(card: Mapping[str, object]) -> str | None:
    """Return why a run ended, its lines kept."""
    reason = card.get("exit_reason")
    if not isinstance(reason, str) or not reason:
        return None
    return "\n".join(_UNPRINTABLE.sub("\ufffd", clean(line)) for line in reason[-10_000:].splitlines())
