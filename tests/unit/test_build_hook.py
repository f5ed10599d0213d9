"""Pages are built when their sources have changed, and not otherwise: nothing else may ask for Node."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

HOOK = Path(__file__).parents[2] / "build_hook.py"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with sources and the pages that were built from them."""
    root = tmp_path / "project"
    (root / "frontend" / "src").mkdir(parents=True)
    (root / "frontend" / "src" / "main.tsx").write_text("export {};\n")
    (root / "frontend" / "package-lock.json").write_text("{}\n")
    (root / "frontend" / "node_modules").mkdir()
    dist = root / "src" / "runferry" / "web" / "dist"
    dist.mkdir(parents=True)
    (dist / "index.html").write_text("<p>built</p>")
    shutil.copy(HOOK, root / "build_hook.py")
    hook = load(root)
    (dist / ".sources").write_text(hook.fingerprint(hook.list_sources()))
    return root


def load(root: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("build_hook_under_test", root / "build_hook.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def run_without_node(root: Path) -> subprocess.CompletedProcess[str]:
    """Run the hook where there is no Node at all: no program of that name, and no package that brings one."""
    command = [sys.executable, "-I", "-S", str(root / "build_hook.py")]
    return subprocess.run(command, env={"PATH": os.devnull}, capture_output=True, text=True, timeout=30, check=False)


def test_nothing_is_built_again_while_the_sources_are_the_same(project: Path) -> None:
    page = project / "src" / "runferry" / "web" / "dist" / "index.html"
    before = page.stat()
    (project / "frontend" / "node_modules" / "anything").write_text("installed later")
    os.utime(project / "frontend" / "src" / "main.tsx", (1, 1))  # it is what files say that counts
    assert run_without_node(project).returncode == 0
    assert page.stat().st_mtime_ns == before.st_mtime_ns
    hook = load(project)
    assert hook.is_fresh()
    assert hook.PagesHook.dependencies(None) == [], "an install asks for no Node"


def test_a_changed_source_is_built_anew(project: Path) -> None:
    (project / "frontend" / "src" / "main.tsx").write_text("export const changed = 1;\n")
    done = run_without_node(project)
    assert done.returncode != 0
    assert "The pages must be built and there is no Node" in done.stderr
    assert load(project).PagesHook.dependencies(None) != [], "the install brings it"


def test_a_source_distribution_carries_its_pages_and_no_sources(project: Path) -> None:
    shutil.rmtree(project / "frontend")
    assert run_without_node(project).returncode == 0
