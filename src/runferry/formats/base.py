"""The contract of a ``Reader``: how one tool's files become runs and artifacts. No network, no disk.

A reader sees names (listings) and bytes; what it cannot make sense of becomes a default, never an exception:
whatever lies on a server is a stranger's text.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Protocol

from runferry.formats.document import Document
from runferry.model import ArtifactVersion, Run

Has = Callable[[str], bool]
"""Whether a path, relative to the sync's root, is listed."""

METADATA_LIMIT = 1024 * 1024
"""Files above this many bytes are no metadata, whatever their name."""


class Reader(Protocol):
    """One format. A module with these names is one."""

    @property
    def FORMAT(self) -> str:
        """What ``Run.format`` says."""
        ...

    @property
    def DOCUMENTS(self) -> frozenset[str]:
        """The names of the files directly in a run directory that ``read_run`` takes."""
        ...

    @property
    def REQUIRED(self) -> str:
        """The document without which nothing is listed: before it is copied, too little is known of a run."""
        ...

    @property
    def VERSION_LIST(self) -> str:
        """The name of the file in an artifact's directory that ``read_versions`` takes."""
        ...

    @property
    def VERSION_DOCUMENT(self) -> str:
        """The name of the file in a version's directory that ``read_version_metadata`` takes."""
        ...

    def find_runs(self, paths: Iterable[str]) -> set[str]:
        """Return the run directories of a listing; ``""`` where the root itself is one."""
        ...

    def is_run_dir(self, path: str, has: Has) -> bool:
        """Say of one directory what ``find_runs`` says of a whole listing."""
        ...

    def runs_touched(self, changed: Iterable[str], is_run_dir: Callable[[str], bool]) -> set[str]:
        """Return the run directories whose documents are among the ``changed`` paths."""
        ...

    def runs_begun(self, changed: Iterable[str], is_run_dir: Callable[[str], bool]) -> set[str]:
        """Return the run directories that a file which is no document may just have made one."""
        ...

    def read_documents(self, documents: Mapping[str, bytes]) -> Mapping[str, Document]:
        """Return what the documents say, by name, without those that hold nothing usable (half-written, empty)."""
        ...

    def read_run(self, path: str, read: Mapping[str, Document]) -> Run:
        """Read the run in ``path`` from whichever documents are at hand, by name. Never raises."""
        ...

    def keep_known(self, run: Run, before: Run, unreadable: Collection[str]) -> Run:
        """Return ``run`` with what its ``unreadable`` documents would have said taken from ``before``."""
        ...

    def artifacts_touched(self, changed: Iterable[str]) -> dict[str, set[str]]:
        """Return the artifact directories that ``changed`` touches, each with its changed versions' ones."""
        ...

    def read_versions(self, path: str, data: bytes) -> list[ArtifactVersion] | None:
        """Read the version list at ``path``; None where it holds nothing usable."""
        ...

    def read_version_metadata(self, path: str, data: bytes) -> ArtifactVersion | None:
        """Read one version's own description at ``path``; None where it holds nothing usable."""
        ...

    def read_archived(self, path: str, read: Mapping[str, Document]) -> list[ArtifactVersion]:
        """Read the artifacts that the run in ``path`` lists itself and has archived below the same root."""
        ...

    def log_files(self, path: str, has: Has) -> list[str]:
        """Return the logs of the run in ``path``, the main one first; never empty: it may be yet to come."""
        ...

    def find_log_run(self, path: str) -> str | None:
        """Return the directory whose log a file is, should that be a run; None for any other file."""
        ...

    def is_metadata(self, path: str, size: int, is_run_dir: Callable[[str], bool] | None = None) -> bool:
        """Say whether smart mode copies this file without being asked."""
        ...


def find_reader(readers: Collection[Reader], path: str, has: Has) -> Reader | None:
    """Return the first reader that takes directory ``path`` for a run."""
    return next((reader for reader in readers if reader.is_run_dir(path, has)), None)
