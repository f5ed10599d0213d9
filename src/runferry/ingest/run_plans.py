"""What is to be done about the runs of other tools in a listing: which files each has, and what they are for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from runferry.formats.base import METADATA_LIMIT
from runferry.formats.listing import Listing
from runferry.formats.recognition import FoundRun, Part, find_runs, sources_of
from runferry.formats.run_format import Excerpt, RunFormat
from runferry.formats.unwanted import skip_reason
from runferry.model import Entry, Kind, Run
from runferry.store.run_files import Role
from runferry.store.vanished import is_within

_VERSIONS = "versions.json"
_META, _BESIDE = "meta.json", ("status.json", "events.jsonl")


@dataclass(frozen=True, slots=True)
class PlannedFile:
    """A file of a run in one role; as in ``store.run_files.RunFile``."""

    path: str
    role: Role
    format: str
    name: str
    sequence: str
    place: int


@dataclass(frozen=True, slots=True)
class CardPart:
    """What a part of a run's card is read from: paths of whole documents and of excerpts, by their names."""

    part: Part
    documents: Mapping[str, str]
    excerpts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RunPlan:
    """One recognised run. ``modified_at`` is when the oldest of its files was last written, by the server's clock."""

    path: str
    files: tuple[PlannedFile, ...]
    card: tuple[CardPart, ...]
    formats: tuple[str, ...]
    evidence: tuple[str, ...]
    parent: str | None
    modified_at: float | None = field(compare=False)

    @property
    def documents(self) -> list[str]:
        return [path for part in self.card for path in part.documents.values()]

    @property
    def excerpts(self) -> list[str]:
        return [path for part in self.card for path in part.excerpts.values()]


def plan_runs(entries: Mapping[str, Entry], formats: Sequence[RunFormat]) -> dict[str, RunPlan]:
    """Return the runs of other tools in a whole listing by their directories: nothing of Runicorn's."""
    files = [path for path, entry in entries.items() if entry.kind is Kind.FILE and is_worth(path, entries)]
    listing = Listing(files)
    found = find_runs(listing, formats, find_closed(listing))
    return {run.path: make_plan(run, listing, entries) for run in found}


def is_worth(path: str, entries: Mapping[str, Entry]) -> bool:
    return skip_reason(path, entries.__contains__) is None


def find_closed(listing: Listing) -> set[str]:
    """Return Runicorn's run directories, and artifacts, whose files are nobody's runs."""
    runs = {
        directory for directory in listing.dirs_with(_META) if any(join(directory, name) in listing for name in _BESIDE)
    }
    return runs | set(listing.dirs_with(_VERSIONS)) if runs else runs


def make_plan(run: FoundRun, listing: Listing, entries: Mapping[str, Entry]) -> RunPlan:
    card = tuple(_plan_card(part, listing, entries) for part in run.parts if part.format is run.parts[0].format)
    files: list[PlannedFile] = []
    for place, source in enumerate(sources_of(run, listing)):
        one = PlannedFile(source.path, Role.POINTS, source.part.format.FORMAT, source.name, source.sequence, place)
        files.append(one)
    for part in card:
        name = part.part.format.FORMAT
        for role, paths in ((Role.DOCUMENT, part.documents), (Role.EXCERPT, part.excerpts)):
            files += [PlannedFile(path, role, name, inner, "", at) for at, (inner, path) in enumerate(paths.items())]
    files += _plan_logs(run, listing)
    return RunPlan(
        path=run.path,
        files=tuple({(one.path, one.role): one for one in files}.values()),
        card=card,
        formats=tuple(dict.fromkeys(part.format.FORMAT for part in run.parts)),
        evidence=tuple(part.evidence for part in run.parts),
        parent=run.parent,
        modified_at=_find_oldest(files, entries),
    )


def _plan_card(part: Part, listing: Listing, entries: Mapping[str, Entry]) -> CardPart:
    names = listing.below(part.path)
    documents = {name: resolve(part.path, name) for name in part.format.documents(names)}
    excerpts = {name: resolve(part.path, name) for name in part.format.excerpts(names)}
    return CardPart(
        part,
        {name: path for name, path in documents.items() if path in entries and entries[path].size <= METADATA_LIMIT},
        {name: path for name, path in excerpts.items() if path in entries},
    )


def _plan_logs(run: FoundRun, listing: Listing) -> Iterable[PlannedFile]:
    logs = [(part, name) for part in run.parts for name in part.format.log_files(listing.below(part.path))]
    for place, (part, name) in enumerate(logs):
        yield PlannedFile(join(part.path, name), Role.LOG, part.format.FORMAT, name, "", place)


def _find_oldest(files: Iterable[PlannedFile], entries: Mapping[str, Entry]) -> float | None:
    times = [entries[one.path].version.mtime_ns for one in files if one.path in entries]
    return min(times) / 1e9 if times else None


def read_card(
    plan: RunPlan, documents: Mapping[str, bytes], excerpts: Mapping[str, Excerpt], known: Run | None = None
) -> Run:
    """Return the run as its files, by path, tell it. A run with several parts of one format tells all they say.

    Of several, the later ones win but for the start; one that lies in the run's directory only adds to it. Where
    nothing tells when it was created, its oldest file does, as it was when the run was first seen (``known``).
    """
    cards: list[Run] = []
    for one in plan.card:
        given = {name: documents[path] for name, path in one.documents.items() if path in documents}
        ends = {name: excerpts[path] for name, path in one.excerpts.items() if path in excerpts}
        cards.append(one.part.format.read_card(one.part.path, given, ends))
    run = cards[0]
    for one, card in zip(plan.card[1:], cards[1:], strict=True):
        is_inside = is_within(one.part.path, {plan.path})
        run = complete_card(run, card) if is_inside else join_cards(run, card)
    created_at = run.created_at
    if created_at is None:
        created_at = known.created_at if known is not None else plan.modified_at
    meta = {**run.meta, "evidence": list(plan.evidence)}
    if len(plan.formats) > 1:
        meta["formats"] = list(plan.formats)
    if plan.parent is not None:
        meta.setdefault("parent", plan.parent)
    return replace(run, path=plan.path, created_at=created_at, meta=meta)


def join_cards(one: Run, later: Run) -> Run:
    """Return the card of a run that was resumed in another directory."""
    starts = [at for at in (one.created_at, later.created_at) if at is not None]
    begun = [at for at in (one.started_at, later.started_at) if at is not None]
    return replace(
        later,
        id=one.id,
        created_at=min(starts, default=None),
        started_at=min(begun, default=None),
        summary={**one.summary, **later.summary},
        meta=_join_meta(one.meta, later.meta),
        environment={**one.environment, **later.environment},
    )


def complete_card(run: Run, inner: Run) -> Run:
    """Return the card of a run with what only a directory in its own tells, like a model that was saved there."""
    is_started = run.started_at is not None
    return replace(
        run,
        created_at=inner.created_at if run.created_at is None else run.created_at,
        started_at=run.started_at if is_started else inner.started_at,
        ended_at=run.ended_at if is_started else inner.ended_at,
        status=run.status or inner.status,
        summary={**inner.summary, **run.summary},
        meta=_join_meta(inner.meta, run.meta),
        environment={**inner.environment, **run.environment},
    )


def _join_meta(one: Mapping[str, object], later: Mapping[str, object]) -> dict[str, object]:
    joined = {**one, **later}
    for name in ("params", "tags"):
        before, after = one.get(name), later.get(name)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            joined[name] = {**before, **after}
    return joined


def resolve(directory: str, name: str) -> str:
    """Return the path of a name relative to a run's directory; ``../`` reaches the directory above."""
    while name.startswith("../"):
        directory, name = directory.rpartition("/")[0], name[3:]
    return join(directory, name)


def join(directory: str, name: str) -> str:
    return f"{directory}/{name}" if directory else name
