"""What the files of recognised runs are for, and from which versions of them a card was read. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from runferry.ingest.run_plans import RunPlan
from runferry.model import Version
from runferry.store.run_files import Role


@dataclass(slots=True)
class FileRoles:
    """Which of the sync's files are what, to be asked for every file that changes."""

    points: frozenset[str] = frozenset()
    documents: frozenset[str] = frozenset()
    heads: frozenset[str] = frozenset()  # excerpts whose ends tell nothing
    cards: Mapping[str, Sequence[str]] = field(default_factory=dict)  # documents and excerpts -> their runs
    beside: frozenset[str] = frozenset()  # documents and excerpts of the runs that have excerpts


def find_roles(plans: Iterable[RunPlan]) -> FileRoles:
    points: set[str] = set()
    documents: set[str] = set()
    heads: set[str] = set()
    beside: set[str] = set()
    cards: dict[str, list[str]] = {}
    for plan in plans:
        points.update(one.path for one in plan.files if one.role is Role.POINTS)
        documents.update(plan.documents)
        heads.update(path for one in plan.card if not one.part.format.ENDS_TELL for path in one.excerpts.values())
        beside.update((*plan.documents, *plan.excerpts) if plan.excerpts else ())
        for path in (*plan.documents, *plan.excerpts):
            cards.setdefault(path, []).append(plan.path)
    return FileRoles(frozenset(points), frozenset(documents), frozenset(heads), cards, frozenset(beside))


def name_documents(plan: RunPlan, held: Mapping[str, Version]) -> str:
    """Return what tells the documents a card was read from, as they are here, from others; empty where there are none.

    It is part of what is kept of excerpts: a document that lands after they were read is news of them.
    """
    told = [f"{path}:{version.size}:{version.mtime_ns}" for path in plan.documents if (version := held.get(path))]
    return blake2b("\n".join(told).encode(), digest_size=8).hexdigest() if told else ""


def name_reading(version: Version, documents: str) -> str:
    """Return what an excerpt was read from and together with which documents, as the index keeps it."""
    return f"{version.size}:{version.mtime_ns}" + (f":{documents}" if documents else "")
