"""What a folder of a server holds, before anybody decides to sync it: how many runs, and what each mode would copy.

It looks once, for a limited time, and keeps nothing.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from runferry.blocking import in_thread
from runferry.formats import READERS, skip_reason
from runferry.formats.about import describe_format
from runferry.formats.listing import Listing
from runferry.formats.own_rules import LONGEST, RULES_FILE
from runferry.formats.recognition import FORMATS, FORMATS_BY_NAME
from runferry.formats.run_format import RunFormat
from runferry.ingest.databases import find_databases
from runferry.ingest.rules import Rules
from runferry.ingest.run_plans import plan_runs
from runferry.model import Chunk, Kind, Snapshot
from runferry.remote.base import Priority, Remote


@dataclass(frozen=True, slots=True)
class Amount:
    files: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Preview:
    """``mirror`` and ``smart`` are what these modes would copy first; ``runs_in`` counts runs by folder in ``path``,
    ``formats`` by what wrote them, in words for people. How many runs lie in ``databases`` is not known before these
    are read: they are counted themselves.

    Not ``is_complete``: the folder is too large to be looked through in the time given; then nothing else is known.
    """

    path: str
    is_complete: bool
    mirror: Amount = Amount()
    smart: Amount = Amount()
    runs: int = 0
    runs_in: Mapping[str, int] = field(default_factory=dict)
    formats: Mapping[str, int] = field(default_factory=dict)
    databases: Mapping[str, int] = field(default_factory=dict)


async def look_through(remote: Remote, path: str, *, seconds: float, rules: Rules) -> Preview:
    """Look through a folder (absolute, as ``resolve`` gave it). Raises NotFound, AccessDenied, NotADirectory."""
    try:
        async with asyncio.timeout(seconds):
            snapshot = await remote.scan(path)
            if RULES_FILE in snapshot.entries:
                read = await remote.read(path, RULES_FILE, offset=0, length=LONGEST + 1, priority=Priority.METADATA)
                rules.take(read.data if isinstance(read, Chunk) else b"")
    except TimeoutError:
        return Preview(path, is_complete=False)
    return await in_thread(measure, path, snapshot, rules.apply(FORMATS))


def measure(path: str, snapshot: Snapshot, formats: Sequence[RunFormat] = FORMATS) -> Preview:
    entries = snapshot.entries
    has = entries.__contains__

    def is_run_dir(directory: str) -> bool:
        return any(reader.is_run_dir(directory, has) for reader in READERS)

    plans = plan_runs(entries, formats)
    documents = {document for plan in plans.values() for document in plan.documents}
    mirror: list[int] = []
    smart: list[int] = []
    for name, entry in entries.items():
        if entry.kind is not Kind.FILE or skip_reason(name, has):
            continue
        mirror.append(entry.size)
        if name in documents or any(reader.is_metadata(name, entry.size, is_run_dir) for reader in READERS):
            smart.append(entry.size)
    own = set().union(*(reader.find_runs(entries) for reader in READERS))
    titles = Counter(FORMATS_BY_NAME[plan.formats[0]].TITLE for plan in plans.values())
    found = [*own, *plans]
    databases = find_databases(Listing(path for path, entry in entries.items() if entry.kind is Kind.FILE))
    return Preview(
        path,
        is_complete=True,
        mirror=Amount(len(mirror), sum(mirror)),
        smart=Amount(len(smart), sum(smart)),
        runs=len(found),
        runs_in=Counter(run.partition("/")[0] for run in found if run),
        formats={**({"Runicorn": len(own)} if own else {}), **dict(titles.most_common())},
        databases=Counter(describe_format(name).title for name in databases.values()),
    )
