"""Was a file caught in the middle of being rewritten? Pure: values in, an answer out.

Tools truncate and rewrite small files in place, so a read between two equal fstats can still be empty or half of
it. Young bytes are therefore doubted: JSON until it parses, anything else until it has been left alone for a moment.
"""

from __future__ import annotations

import json

from runferry.model import Content

DOUBT_NS = 2_000_000_000
"""Bytes older than this (remote clock) are what the server has, complete or not."""

QUIET_NS = 60_000_000
"""How long a file that cannot be checked must have been left alone."""

PATIENCE = 1.0
"""Seconds after which a file that is never quiet is taken as it is, if it was stable and not empty."""

_LARGEST_PARSED = 4 * 1024 * 1024


def looks_torn(content: Content, *, waited: float) -> bool:
    """Say whether ``content`` should be read again rather than landed; ``waited`` is how long we have, in seconds."""
    if not content.clock_ns:
        return _is_broken_json(content) and waited < DOUBT_NS / 1e9
    age_ns = content.clock_ns - content.version.mtime_ns
    if age_ns >= DOUBT_NS or age_ns < -DOUBT_NS:
        return False
    if content.path.endswith(".json"):
        return _is_broken_json(content)
    if not content.data:
        return waited < PATIENCE
    return age_ns < QUIET_NS and waited < PATIENCE


def _is_broken_json(content: Content) -> bool:
    if not content.path.endswith(".json") or len(content.data) > _LARGEST_PARSED:
        return False
    try:
        json.loads(content.data)
    except RecursionError:
        return False
    except ValueError:
        return True
    return False
