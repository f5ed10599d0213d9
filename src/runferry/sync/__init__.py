"""Keeping a local copy in step with a remote root: pure decisions (diff, plan, safety), fetching, and the loop."""

from runferry.sync.session import SyncSession
from runferry.sync.spec import Commit, Hooks, Mode, Progress, SessionState, SkipReason, SyncSpec, Wants

__all__ = [
    "Commit",
    "Hooks",
    "Mode",
    "Progress",
    "SessionState",
    "SkipReason",
    "SyncSession",
    "SyncSpec",
    "Wants",
]
