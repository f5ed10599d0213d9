"""The loop that keeps one local copy in step with one remote root: notice, plan, fetch, commit.

It never parses what it copies and never writes to the server.
"""

from __future__ import annotations

from collections.abc import Sequence

from runferry.model import Problem
from runferry.remote.base import Remote
from runferry.store.files import LocalTree
from runferry.store.sync_state import SyncState
from runferry.sync.spec import Hooks, Progress, SkipReason, SyncSpec, Wants


class SyncSession:
    """One running sync. Create it, run ``run()`` in a task you own, and cancel that task (or ``stop()``) to end it."""

    def __init__(
        self,
        spec: SyncSpec,
        *,
        remote: Remote,
        tree: LocalTree,
        state: SyncState,
        wants: Wants,
        skip_reason: SkipReason,
        hooks: Hooks,
    ) -> None: ...

    @property
    def progress(self) -> Progress: ...

    @property
    def problems(self) -> Sequence[Problem]: ...

    async def run(self) -> None:
        """Work until stopped. Connection losses are waited out; raises NotFound or AccessDenied for a bad root."""

    def sync_now(self) -> None:
        """Ask for a full look at the root as soon as possible."""

    async def wait_synced(self, timeout: float) -> Progress:
        """Return once everything wanted that was listed when this was called is local; raises ConnectTimeout."""

    async def stop(self) -> None: ...
