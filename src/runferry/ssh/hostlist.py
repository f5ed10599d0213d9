"""The hosts that ``~/.ssh/config`` names, as suggestions for where to connect. It connects to none and runs nothing."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from runferry.errors import InvalidRequest
from runferry.ssh.sshconfig import list_aliases, load_config, make_hop
from runferry.ssh.target import Target

MOST_HOSTS = 200

_RUNS_COMMANDS = re.compile(r"^\s*match\b.*\bexec\b", re.IGNORECASE | re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """An alias and where it leads; ``host`` is the alias itself and ``username`` None where that is not looked up."""

    alias: str
    host: str
    port: int | None = None
    username: str | None = None


def list_suggestions(config_path: Path | None) -> list[Suggestion]:
    """Return the aliases of the config, in its order. It blocks; an alias that cannot be resolved stands for itself.

    Where the config has ``Match exec`` lines nothing is resolved: to list hosts must not run commands.
    """
    aliases = list_aliases(config_path)[:MOST_HOSTS]
    if config_path is None or not aliases:
        return []
    if _RUNS_COMMANDS.search(config_path.read_text(encoding="utf-8", errors="replace")):
        return [Suggestion(alias, alias) for alias in aliases]
    return [resolve_suggestion(alias, config_path) for alias in aliases]


def resolve_suggestion(alias: str, config_path: Path) -> Suggestion:
    try:
        target = Target(alias)
        config = load_config(target, config_path)
        hop = make_hop(target, config)
    except InvalidRequest:
        return Suggestion(alias, alias)
    return Suggestion(alias, hop.host, hop.port, hop.username if config.get("User") else None)
