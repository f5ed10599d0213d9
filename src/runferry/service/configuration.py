"""Where Runferry keeps its data, and where it shall keep it from the next start on. It never holds a secret."""

from __future__ import annotations

import errno
import tempfile
from dataclasses import dataclass
from pathlib import Path

from runferry.blocking import in_thread
from runferry.config import location_file, read_location, write_location
from runferry.errors import InvalidRequest


@dataclass(frozen=True, slots=True)
class ConfigView:
    """``chosen`` is what the next start uses, ``storage`` what this one does; they differ until then."""

    chosen: Path
    storage: Path
    file: Path

    @property
    def needs_restart(self) -> bool:
        return self.chosen != self.storage


class Configuration:
    """The choice of a data directory."""

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir

    async def view(self) -> ConfigView:
        """Raises InvalidRequest where the file of the choice is damaged."""
        return await in_thread(self._view)

    async def choose(self, text: str) -> ConfigView:
        """Use a directory from the next start on. Raises InvalidRequest where it is missing or cannot be written to."""
        return await in_thread(self._choose, text)

    def _view(self) -> ConfigView:
        return ConfigView(read_location() or self._data_dir, self._data_dir, location_file())

    def _choose(self, text: str) -> ConfigView:
        path = check_directory(text)
        write_location(path)
        return self._view()


def check_directory(text: str) -> Path:
    """Return the absolute path. Raises InvalidRequest, saying what is wrong with it."""
    try:
        text.encode()
        path = Path(text).expanduser()
        is_directory = path.is_dir()
    except (ValueError, RuntimeError):
        raise InvalidRequest("path: this is not a path of this machine.") from None
    if not path.is_absolute():
        raise InvalidRequest("path: give the whole path, from / or ~ on.")
    if not is_directory:
        raise InvalidRequest(f"path: {path} does not exist or is no directory; create it first.")
    try:
        with tempfile.TemporaryFile(dir=path) as probe:
            probe.write(b"\0")
    except OSError as error:
        reason = "it is not writable" if error.errno in (errno.EACCES, errno.EROFS, errno.EPERM) else error.strerror
        raise InvalidRequest(f"path: {path} cannot be used: {reason}.") from error
    return path
