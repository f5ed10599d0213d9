"""One run's log as a reader of it finds it: which file it is, what of it is here, its index, and its end on the server.

It follows nothing and keeps nothing between calls; what blocks says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from runferry.blocking import in_thread
from runferry.errors import NotFound, RunferryError
from runferry.formats import READERS
from runferry.service.demand import Demand
from runferry.store.db import Database
from runferry.store.files import LocalTree
from runferry.store.log_file import PROOF, LogFile, make_cursor, open_log
from runferry.store.log_index import LineIndex, LineIndexes
from runferry.store.log_lines import show_line
from runferry.store.log_state import FileState, LogState
from runferry.store.run_files import Role, RunFiles
from runferry.store.runs import RunRow, RunStore
from runferry.sync.spec import Mode

REMOTE_TAIL = 256 * 1024
"""Bytes read straight from the server where nothing of a log is here yet."""

INDEXED_AT_ONCE = 64 * 1024 * 1024
"""Bytes of a log that are counted while somebody waits; the lines of a larger one are counted behind the scenes."""


@dataclass(frozen=True, slots=True)
class RemoteTail:
    """The end of a log as it is on the server: its last lines, each with the cursor behind it.

    ``start`` is the place of the first one, ``size`` that of the log's end, ``rest`` a last line without a newline.
    """

    lines: tuple[tuple[str, str], ...]
    start: int
    cursor: str
    size: int
    rest: str


class LogSource:
    """The log at ``path`` (relative to its sync's root) of the run in ``row``. ``is_reached``: so is its server."""

    def __init__(self, db: Database, data_dir: Path, row: RunRow, paths: list[str], indexes: LineIndexes) -> None:
        self.row = row
        self.path = paths[0]
        self.paths = paths
        self.is_reached = False
        self._state = LogState(db)
        self._indexes = indexes
        self._tree = LocalTree(data_dir / row.local_dir, data_dir / "staging")

    @property
    def key(self) -> tuple[int, str]:
        return self.row.sync_id, self.path

    @property
    def is_smart(self) -> bool:
        return self.row.mode == Mode.SMART.value

    @property
    def name(self) -> str:
        """Return the path relative to the run's directory."""
        return self._name(self.path)

    @property
    def names(self) -> list[str]:
        return [self._name(path) for path in self.paths]

    def find_state(self) -> FileState | None:
        """Return what the index says of the file. Blocks."""
        return self._state.find(*self.key)

    @contextmanager
    def open(self) -> Iterator[tuple[FileState | None, LogFile | None]]:
        """Open the committed bytes; a log of which nothing is here is None. Blocks. Raises LocalCopyDamaged."""
        state = self.find_state()
        if state is None or state.held_size is None:
            yield state, None
            return
        with open_log(self._tree.locate(self.path), state.held_size) as log:
            yield state, log

    def find_index(self, state: FileState, log: LogFile) -> LineIndex:
        """Return the log's index as far as it is known; a log of moderate size is counted at once. Blocks."""
        index = self._indexes.get(self.key, log, state.generation)
        if log.size - index.covered <= INDEXED_AT_ONCE:
            index.extend(log)
        return index

    def count_on(self, *, to_line: int | None = None) -> bool:
        """Count lines for a fraction of a second; say whether ``to_line``, or the log's end, is reached. Blocks."""
        with self.open() as (state, log):
            if state is None or log is None:
                return True
            return self._indexes.get(self.key, log, state.generation).extend(log, to_line=to_line)

    def _name(self, path: str) -> str:
        return path.removeprefix(f"{self.row.path}/")

    async def read_remote_tail(self, demand: Demand) -> RemoteTail | None:
        """Read the log's last lines from the server; None where that cannot be done now."""
        sync_id, path = self.key
        try:
            size = (await demand.look(sync_id, path)).size
            start = max(0, size - REMOTE_TAIL)
            chunk = await demand.read(sync_id, path, offset=start, length=REMOTE_TAIL)
            head = (await demand.read(sync_id, path, offset=0, length=PROOF)).data if start else chunk.data
        except RunferryError:
            return None
        return await in_thread(make_tail, chunk.data, start, head)


def find_source(db: Database, data_dir: Path, run: str, path: str | None, indexes: LineIndexes) -> LogSource:
    """Return the log of a run, by its id or key: the main one, or the one at ``path`` (relative to its directory).

    Blocks. Raises NotFound, Ambiguous.
    """
    row = RunStore(db).find(run)
    paths = list_logs(db, row)
    if not paths:
        raise NotFound(f"{row.name} has no log: nothing in its directory looks like one.")
    source = LogSource(db, data_dir, row, paths, indexes)
    if path is not None:
        wanted = dict(zip(source.names, paths, strict=True)).get(path, "")
        if wanted not in paths:
            raise NotFound(f"The run has no log {path}.")
        source.path = wanted
    return source


def list_logs(db: Database, row: RunRow) -> list[str]:
    """Return a run's logs, the main one first, relative to its sync's root. Blocks."""
    reader = next((reader for reader in READERS if row.format == reader.FORMAT), None)
    if reader is None:
        return [file.path for file in RunFiles(db).list_of([row.id], Role.LOG)[row.id]]
    state = LogState(db)
    return reader.log_files(row.path, lambda name: state.find(row.sync_id, name) is not None)


def make_tail(data: bytes, start: int, head: bytes) -> RemoteTail | None:
    """Split the end of a log, which begins at ``start``, into lines; ``head`` are the log's first bytes.

    The first lines are left out where it does not begin there: they are not whole, or their cursors would not be.
    """
    first = data.find(b"\n", PROOF) + 1 if start else 0
    if start and not first:
        return None
    lines, at = [], first
    for raw in data[first:].split(b"\n")[:-1]:
        at += len(raw) + 1
        lines.append((show_line(raw), make_cursor(start + at, head, data[max(0, at - PROOF) : at])))
    cursor = lines[-1][1] if lines else make_cursor(start + first, head, data[max(0, first - PROOF) : first])
    return RemoteTail(tuple(lines), start + first, cursor, start + len(data), show_line(data[at:]))
