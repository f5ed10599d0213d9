"""The Pythons a server may have: found on PATH, among pyenv's, or built by pyenv. Nothing is ever skipped."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def find_python(version: str) -> Path:
    """Return the real binary of Python ``version`` ("3.6"); fail with what to do where there is none."""
    for candidate in (shutil.which(f"python{version}"), *_of_pyenv(version)):
        if candidate is not None and (binary := _ask(Path(candidate), version)):
            return binary
    if shutil.which("pyenv"):
        subprocess.run(["pyenv", "install", "--skip-existing", version], check=False, timeout=3600)
        for built in _of_pyenv(version):
            if binary := _ask(built, version):
                return binary
    raise AssertionError(f"no Python {version} here: install it, for example with `pyenv install {version}`")


def folder_with(python: Path, parent: Path) -> Path:
    """Return a directory that holds nothing but ``python3``, to go first on a server's PATH."""
    folder = parent / f"only-{python.parent.parent.name}"
    folder.mkdir()
    (folder / "python3").symlink_to(python)
    return folder


def _of_pyenv(version: str) -> list[Path]:
    roots = [Path.home() / ".pyenv"]
    if shutil.which("pyenv"):
        asked = subprocess.run(["pyenv", "root"], capture_output=True, text=True, check=False)
        roots.insert(0, Path(asked.stdout.strip()))
    return [path for root in roots for path in sorted(root.glob(f"versions/{version}.*/bin/python{version}"))]


def _ask(python: Path, version: str) -> Path | None:
    """Return the binary itself, behind links and shims, if it starts and has the version."""
    code = "import sys; print('%d.%d' % sys.version_info[:2]); print(sys.executable)"
    try:
        asked = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    except OSError:
        return None
    lines = asked.stdout.splitlines()
    if asked.returncode or len(lines) != 2 or lines[0] != version:
        return None
    return Path(lines[1]).resolve()
