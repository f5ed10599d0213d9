"""Hydra's output directories: configuration and overrides. Points come from what else lies in them. Opens nothing."""

from __future__ import annotations

import re

from runferry.formats.cards import make_run
from runferry.formats.listing import Listing
from runferry.formats.run_format import Documents, Excerpts, Names, RunFormat, has_size, logs_in, only, split_path
from runferry.formats.wire.yaml import read_yaml, read_yaml_object
from runferry.model import Run

_CONFIG, _HYDRA, _OVERRIDES = ".hydra/config.yaml", ".hydra/hydra.yaml", ".hydra/overrides.yaml"
_NAMES = ("name", "run_name", "exp_name", "experiment_name")
_REFERENCE = re.compile(r"\$\{([^${}:]+)\}")
_LONGEST = 10_000
_ROUNDS = 8  # how often a value may refer to one that refers to another


class Hydra(RunFormat):
    """Parameters are as they are stored, with ``${...}`` in them; ``params_resolved`` follows the plain ones."""

    FORMAT = "hydra"
    TITLE = "Hydra"
    READER = "hydra-1"
    NOTES = ("It tells no status and no metrics: these come from the files that the job wrote.",)
    HOLDS_OTHERS = True

    def find_runs(self, listing: Listing) -> dict[str, str]:
        found = (split_path(directory) for directory in listing.dirs_with("config.yaml"))
        return {above: f"holds {_CONFIG}" for above, name in found if name == ".hydra"}

    def is_metadata(self, path: str, size: int) -> bool:
        return has_size(size) and f"/{path}".endswith((f"/{_CONFIG}", f"/{_HYDRA}", f"/{_OVERRIDES}"))

    def documents(self, names: Names) -> list[str]:
        return only(names, (_CONFIG, _HYDRA, _OVERRIDES))

    def log_files(self, names: Names) -> list[str]:
        return logs_in(names)

    def read_card(self, run_dir: str, documents: Documents, excerpts: Excerpts) -> Run:
        params = read_yaml_object(documents.get(_CONFIG, b"")) or {}
        hydra = (read_yaml_object(documents.get(_HYDRA, b"")) or {}).get("hydra")
        job = hydra.get("job") if isinstance(hydra, dict) else None
        overrides = read_yaml(documents.get(_OVERRIDES, b""))
        resolved = resolve(params)
        names = (resolved.get(name) for name in _NAMES)
        card: dict[str, object] = {
            "name": next((name for name in names if isinstance(name, str) and "${" not in name), None),
            "project": job.get("name") if isinstance(job, dict) else None,
            "overrides": [str(item) for item in overrides] if isinstance(overrides, list) else None,
        }
        if resolved != params:
            card["params_resolved"] = resolved
        return make_run(run_dir, self.FORMAT, card, params)


def resolve(config: dict[str, object]) -> dict[str, object]:
    """Return a configuration with its references to other places in it followed; all others stay as written."""
    value = _resolve(config, config)
    return value if isinstance(value, dict) else {}


def _resolve(value: object, config: dict[str, object]) -> object:
    if isinstance(value, dict):
        return {key: _resolve(item, config) for key, item in value.items()}
    if isinstance(value, list):
        return [_resolve(item, config) for item in value]
    if not isinstance(value, str) or "${" not in value:
        return value
    for _ in range(_ROUNDS):
        whole = _REFERENCE.fullmatch(value)
        if whole is not None:
            found, there = _look_up(whole[1], config)
            if not there or not isinstance(found, str):
                return value if not there or isinstance(found, (dict, list)) else found
            value = found
            continue
        text = _REFERENCE.sub(lambda match: _text(match, config), value)
        if text == value or len(text) > _LONGEST:
            break
        value = text
    return value


def _text(match: re.Match[str], config: dict[str, object]) -> str:
    found, there = _look_up(match[1], config)
    if not there or isinstance(found, (dict, list)):
        return match[0]
    if found is None or isinstance(found, bool):
        return "null" if found is None else str(found).lower()
    return str(found)


def _look_up(path: str, config: dict[str, object]) -> tuple[object, bool]:
    value: object = config
    for part in path.strip().split("."):
        if not isinstance(value, dict) or part not in value:
            return None, False
        value = value[part]
    return value, True
