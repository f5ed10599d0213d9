"""Unique keys for runs: ``<server label>/<run id>``, with a suffix where that is taken. Queries ``runs`` only.

A run is a directory on a server, whichever syncs see it: its rows share one key. A key stays while the run is on
the server. Where two directories hold the same id, the one that is there goes before one that is gone, so that a
run keeps its key when its directory is renamed; otherwise the one known first keeps it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sqlalchemy import Connection, bindparam, select, update

from runferry.store.db import split
from runferry.store.tables import runs

_LIVE_KEYS = select(runs.c.remote_dir, runs.c.key).where(
    runs.c.server_id == bindparam("server_id"),
    runs.c.remote_dir.in_(bindparam("directories", expanding=True)),
    runs.c.gone_at.is_(None),
)
_HOLDERS = select(runs.c.key, runs.c.remote_dir, runs.c.gone_at).where(
    runs.c.key.in_(bindparam("keys", expanding=True))
)


@dataclass(frozen=True, slots=True)
class _Holder:
    remote_dir: str
    is_live: bool


def assign_keys(connection: Connection, server_id: int, label: str, wanted: Mapping[str, str]) -> dict[str, str]:
    """Return a key for each directory of ``wanted`` (absolute directory on the server -> run id).

    Rows of runs that are gone may be given another key by it.
    """
    bases = {directory: f"{label}/{run_id}" for directory, run_id in wanted.items()}
    known = _load_live_keys(connection, server_id, wanted)
    holders = _load_holders(connection, set(bases.values()))
    keys: dict[str, str] = {}
    for directory, base in sorted(bases.items()):
        own = _mark(base, directory)
        if known.get(directory) in (base, own):
            keys[directory] = known[directory]
            continue
        holder = holders.get(base)
        if holder is None or holder.remote_dir == directory or not holder.is_live:
            if holder is not None and holder.remote_dir != directory:
                _rename(connection, server_id, holder.remote_dir, _mark(base, holder.remote_dir))
            holders[base] = _Holder(directory, is_live=True)
            keys[directory] = base
        else:
            keys[directory] = own
    return keys


def _mark(base: str, directory: str) -> str:
    digest = hashlib.sha256(directory.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{base}~{digest[:8]}"


def _load_live_keys(connection: Connection, server_id: int, directories: Iterable[str]) -> dict[str, str]:
    keys: dict[str, str] = {}
    for part in split(directories):
        rows = connection.execute(_LIVE_KEYS, {"server_id": server_id, "directories": part})
        keys.update((directory, key) for directory, key in rows)
    return keys


def _load_holders(connection: Connection, keys: Iterable[str]) -> dict[str, _Holder]:
    holders: dict[str, _Holder] = {}
    for part in split(keys):
        for key, directory, gone_at in connection.execute(_HOLDERS, {"keys": part}):
            is_live = gone_at is None
            if is_live or key not in holders:
                holders[key] = _Holder(directory, is_live)
    return holders


def _rename(connection: Connection, server_id: int, directory: str, key: str) -> None:
    its_rows = (runs.c.server_id == server_id) & (runs.c.remote_dir == directory)
    connection.execute(update(runs).where(its_rows).values(key=key))
