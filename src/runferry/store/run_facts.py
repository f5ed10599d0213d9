"""What lists and searches need to know of a run beyond its own fields, derived from its documents. Pure; reads nothing.

It is stored beside the run so that no list ever opens a document; ``ingest`` derives it anew whenever the run changes.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from runferry.model import Run

MOST_VALUES = 500
"""Numbers kept per run; what a configuration holds beyond that is shown, but cannot be filtered by."""

MOST_TAGS = 100
MOST_LINKS = 5000
_DEPTH = 6
_LONGEST_KEY = 200
_LARGEST = 1.7e308

Document = Mapping[str, object]


def fold(text: str) -> str:
    """Return the text as searches compare it: without case, on one line."""
    return text.casefold().replace("\n", " ")


def make_search_text(key: str, project: str, name: str) -> str:
    return "\n".join((fold(key), fold(project), fold(name)))


def make_tag_text(tags: Sequence[str]) -> str:
    """Return all tags, each between line ends: a whole one is found by looking for it with its line ends."""
    return "".join(f"\n{fold(tag)}\n" for tag in tags[:MOST_TAGS])


def find_config(summary: Document, meta: Document, assets: Document) -> Document:
    """Return what the run was configured with, wherever its tool wrote that."""
    recorded = assets.get("config")
    if isinstance(recorded, dict) and isinstance(recorded.get("args"), dict):
        extra = recorded.get("extra")
        return {**(extra if isinstance(extra, dict) else {}), **recorded["args"]}
    candidates = (document.get(name) for document in (meta, summary) for name in ("config", "params"))
    return next((found for found in candidates if isinstance(found, dict)), {})


def find_tags(summary: Document, meta: Document) -> Sequence[str]:
    """Return a run's tags; those that are a name and a value are "name: value"."""
    for document in (meta, summary):
        tags = document.get("tags")
        if isinstance(tags, list):
            return [tag for tag in tags if isinstance(tag, str) and tag]
        if isinstance(tags, dict):
            listed = tags.get("tags")
            labels = [tag for tag in listed if isinstance(tag, str) and tag] if isinstance(listed, list) else []
            return labels + [f"{key}: {value}" for key, value in tags.items() if isinstance(value, str)]
    return []


def flatten(document: Document) -> dict[str, object]:
    """Return the single values of a configuration; names of nested ones are joined by dots. Lists stay whole."""
    return dict(_walk(document, "", 0))


def find_values(run: Run) -> dict[str, float]:
    """Return the numbers to filter by: those of the configuration, then those of the summary. Booleans are 1 and 0."""
    config = find_config(run.summary, run.meta, run.assets)
    summary = {key: value for key, value in run.summary.items() if value is not config}
    found: dict[str, float] = {}
    for document in (config, summary):
        for key, value in _walk(document, "", 0):
            if isinstance(value, (int, float)) and abs(value) <= _LARGEST and len(key) <= _LONGEST_KEY:
                found.setdefault(key, float(value))
            if len(found) == MOST_VALUES:
                return found
    return found


def find_score(run: Run) -> float | None:
    """Return the best metric's value such that more is better: negated where the summary says that less is."""
    value = run.best_metric_value
    return -value if value is not None and run.summary.get("best_metric_mode") == "min" else value


def find_artifact_places(assets: Document) -> list[tuple[str, str]]:
    """Return (relation, place) of each artifact the run lists and that has a place below a root.

    The place is relative to the root that holds both run and artifact: of 0.4 the version's directory, of 0.7 what is
    archived.
    """
    places: dict[tuple[str, str], None] = {}
    for relation, _, item in list_items(assets):
        place = find_place(item)
        if place is not None:
            places[(relation, place)] = None
        if len(places) == MOST_LINKS:
            break
    return list(places)


def list_items(assets: Document) -> Iterator[tuple[str, str, Document]]:
    """Yield (relation, type, item) of everything the run says it has created or used."""
    for field, relation, type_ in _FIELDS:
        items = assets.get(field)
        for item in items if isinstance(items, list) else ():
            if isinstance(item, dict):
                written = item.get("type")
                yield relation, written if not type_ and isinstance(written, str) else type_ or "unknown", item


_FIELDS = (
    ("artifacts_created", "created", ""),
    ("artifacts_used", "used", ""),
    ("outputs", "created", "output"),
    ("datasets", "used", "dataset"),
    ("pretrained", "used", "model"),
)


def find_place(item: Document) -> str | None:
    """Return where an item that a run lists lies below the common root; None where it was not kept there."""
    archived = item.get("archive_path")
    if isinstance(archived, str):
        before, found, inside = archived.rpartition("/archive/")
        return f"archive/{inside}" if before and found and _is_sound(inside.split("/")) else None
    type_, name, version = item.get("type"), item.get("name"), item.get("version")
    if isinstance(type_, str) and isinstance(name, str) and isinstance(version, int) and version >= 0:
        return f"artifacts/{type_}/{name}/v{version}" if _is_sound([type_, name]) else None
    return None


def _is_sound(parts: Sequence[str]) -> bool:
    return all(part not in ("", ".", "..") and "/" not in part and "\0" not in part for part in parts)


def _walk(document: Document, prefix: str, depth: int) -> Iterator[tuple[str, object]]:
    for key, value in document.items():
        if isinstance(value, dict) and value and depth < _DEPTH:
            yield from _walk(value, f"{prefix}{key}.", depth + 1)
        else:
            yield f"{prefix}{key}", value
