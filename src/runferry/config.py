"""Where things are and how the program behaves: the data directory, ``settings.toml``, the environment.

Never holds a secret; the only file it writes is the one that names the chosen data directory.
"""

from __future__ import annotations

import json
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from platformdirs import user_config_path, user_data_path

from runferry.errors import InvalidRequest

DEFAULT_RATE_LIMITS: Mapping[str, int] = {
    "connect": 5,
    "listdir": 30,
    "configure_mode": 10,
    "soft_delete": 100,
    "restore": 20,
    "empty": 5,
    "config": 60,
    "config_root": 10,
    "config_change": 20,
}
"""Calls per minute and client address; 0 means no limit."""

DEFAULT_CACHE_LIMIT, DEFAULT_DISK_RESERVE = 10 * 1024**3, 1024**3
"""Bytes: how large the files fetched on demand may become together, and what stays free on the disk."""


def default_home(name: str) -> Path:
    """Return a path below ``~/.ssh``."""
    return Path("~/.ssh").expanduser() / name


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything a user may set. ``connect_timeout`` is in seconds, ``rate_limits`` in calls per minute."""

    data_dir: Path
    host: str = "127.0.0.1"
    port: int = 23300
    strict_host_keys: bool = False
    connect_timeout: float = 15.0
    rate_limits: Mapping[str, int] = field(default_factory=lambda: dict(DEFAULT_RATE_LIMITS))
    ssh_config: Path = field(default_factory=lambda: default_home("config"))
    user_known_hosts: Path = field(default_factory=lambda: default_home("known_hosts"))
    cache_limit_bytes: int = DEFAULT_CACHE_LIMIT
    disk_reserve_bytes: int = DEFAULT_DISK_RESERVE

    @property
    def known_hosts(self) -> Path:
        """The host keys this program has learned itself."""
        return self.data_dir / "known_hosts"


def load_settings(data_dir: Path | None = None, **overrides: Any) -> Settings:
    """Return the settings: ``overrides`` (None: not given), then ``settings.toml``, then the defaults.

    The data directory is ``data_dir``, else ``RUNFERRY_DATA_DIR``, else the one the user chose (``location_file``),
    else the platform's place for user data; it need not exist. Raises InvalidRequest, naming the file and the key, for
    a key that is unknown or of the wrong type.
    """
    named = os.environ.get("RUNFERRY_DATA_DIR")
    directory = data_dir or (Path(named) if named else read_location() or user_data_path("runferry"))
    directory = directory.expanduser().absolute()
    path = directory / "settings.toml"
    values = check_values(read_toml(path), str(path))
    values |= check_values({key: value for key, value in overrides.items() if value is not None}, "settings")
    values["rate_limits"] = {**DEFAULT_RATE_LIMITS, **values.get("rate_limits", {})}
    return Settings(data_dir=directory, **values)


def location_file() -> Path:
    """Return where the choice of a data directory is kept: outside of any, or it could not be found."""
    return user_config_path("runferry") / "location.toml"


def read_location() -> Path | None:
    """Return the data directory the user chose, if any. Raises InvalidRequest where the file makes no sense."""
    path = location_file()
    chosen = read_toml(path).get("data_dir")
    if chosen is None:
        return None
    if not isinstance(chosen, str) or not Path(chosen).is_absolute():
        raise InvalidRequest(f"{path}: data_dir must be an absolute path.")
    return Path(chosen)


def write_location(data_dir: Path) -> None:
    """Keep the choice, whole or not at all. Raises InvalidRequest where the file cannot be written."""
    path = location_file()
    staged = path.with_name(f"{path.name}.new")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        staged.write_text(f"data_dir = {json.dumps(str(data_dir))}\n", encoding="utf-8")
        staged.replace(path)
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be written: {error.strerror}.") from error


def read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path} is not valid TOML: {error}") from error
    except OSError as error:
        raise InvalidRequest(f"{path} cannot be read: {error.strerror}") from error


def check_values(raw: Mapping[str, Any], origin: str) -> dict[str, Any]:
    """Return ``raw`` with every value checked and of the type ``Settings`` wants."""
    known = {entry.name for entry in fields(Settings)} - {"data_dir"}
    checked: dict[str, Any] = {}
    for key, value in raw.items():
        if key not in known:
            raise InvalidRequest(f"{origin}: unknown key {key!r}; known are {', '.join(sorted(known))}.")
        result = check_value(key, value)
        if result is None:
            raise InvalidRequest(f"{origin}: {key} cannot be {value!r}.")
        checked[key] = result
    return checked


def check_value(key: str, value: object) -> object:
    """Return the value in its final type, or None where it cannot be one."""
    match key, value:
        case "strict_host_keys", bool():
            return value
        case "port", int() if not isinstance(value, bool) and 0 <= value <= 65535:
            return value
        case "connect_timeout", int() | float() if not isinstance(value, bool) and 0 < value <= 600:
            return float(value)
        case "cache_limit_bytes" | "disk_reserve_bytes", int() if not isinstance(value, bool) and value >= 0:
            return value
        case "host", str() if value:
            return value
        case "ssh_config" | "user_known_hosts", str() | Path() if str(value):
            return Path(value).expanduser()
        case "rate_limits", Mapping():
            are_counts = all(type(count) is int and count >= 0 for count in value.values())
            return dict(value) if are_counts and value.keys() <= DEFAULT_RATE_LIMITS.keys() else None
        case _:
            return None
