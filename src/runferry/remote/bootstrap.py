"""Getting the agent to run on a server without leaving anything there: a command line and what goes to its
stdin.

The command survives any login shell (bash, dash, fish, tcsh, csh): one line, one pair of single quotes, and
inside them no quote, backslash, exclamation mark or newline. ``sh`` looks for a Python, which reads exactly
the announced bytes from its stdin and runs them; they unpack the agent's modules into memory. This module
never opens a connection.
"""

from __future__ import annotations

import json
import zlib
from dataclasses import dataclass
from functools import cache
from importlib import resources

from runferry.agent import MODULES, wire

CANDIDATES = (
    "python3",
    "/usr/libexec/platform-python",
    *(f"python3.{minor}" for minor in range(14, 5, -1)),
    "python",
)

_PROBE = "import sys,zlib;sys.exit(sys.version_info<(3,6))"
_EARLY = "contextlib,heapq,json,queue,re,select,struct,threading,typing,zlib"
"""What the agent imports of the standard library, loaded while its code is still on its way, and before it says that it
runs: where something is missing, SFTP is used."""

_STAGE = f"import io,{_EARLY};exec(io.BufferedReader(io.FileIO(0,closefd=False),1).read({{size}}))"
_SCRIPT = (
    "t={absent}; for p in {candidates}; do if command -v $p >/dev/null 2>&1; then t={old}; "
    'if $p -IBS -c "{probe}" </dev/null >/dev/null 2>&1; then exec $p -IBS -c "{stage}"; fi; fi; done; exit $t'
)

# This part is parsed by whatever Python answers, and checks its version once more.
_LOADER = """
import os, sys
def leave(code, text):
    sys.stderr.write(text + "\\n")
    sys.stderr.flush()
    os._exit(code)
if sys.version_info < (3, 6):
    leave({old}, "Python " + sys.version.split()[0] + " is too old")
import json, types, zlib
def take(count):
    parts = []
    while count:
        part = os.read(0, min(count, 65536))
        if not part:
            leave({undecodable}, "the agent arrived incomplete")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
try:
    modules = json.loads(zlib.decompress(take({size})).decode("ascii"))
except (zlib.error, ValueError):
    leave({undecodable}, "the agent arrived damaged")
try:
    package = types.ModuleType("runferry_agent")
    package.__path__ = []
    sys.modules["runferry_agent"] = package
    for name, source in modules:
        full = "runferry_agent." + name
        module = types.ModuleType(full)
        module.__package__ = "runferry_agent"
        module.__file__ = "<runferry agent>/" + name + ".py"
        sys.modules[full] = module
        exec(compile(source, module.__file__, "exec"), module.__dict__)
        setattr(package, name, module)
        if name == "hello":
            channel = module.greet({options})
    package.main.run({options}, channel)
except BaseException:
    sys.excepthook(*sys.exc_info())  # as the module traceback does, without the time it takes to load
    leave({crashed}, "")
"""


@dataclass(frozen=True, slots=True)
class Launch:
    """What starts one agent: ``command`` for the server's shell, ``stdin`` to send it at once."""

    command: str
    stdin: bytes


def prepare(nonce: str, *, idle_timeout: float, watch_budget: int | None) -> Launch:
    """Bundle the agent; ``nonce`` is hex text that its HELLO must repeat, ``idle_timeout`` in seconds."""
    options = {"nonce": nonce, "idle_timeout": idle_timeout, "watch_budget": watch_budget}
    bundle = bundle_modules()
    loader = _fill(_LOADER, size=len(bundle), options=ascii(options)).encode("ascii")
    return Launch(build_command(len(loader)), loader + bundle)


@cache
def bundle_modules() -> bytes:
    """Return all modules compressed; they are the same for every server."""
    return zlib.compress(json.dumps(read_modules()).encode("ascii"), 9)


def read_modules() -> list[tuple[str, str]]:
    """Return (name, source) of the agent's modules in an order in which they can be run."""
    package = resources.files("runferry.agent")
    return [(name, (package / f"{name}.py").read_text(encoding="utf-8")) for name in MODULES]


def build_command(size: int) -> str:
    """Return the command whose Python reads ``size`` bytes of code from stdin."""
    script = _fill(_SCRIPT, candidates=" ".join(CANDIDATES), probe=_PROBE, stage=_STAGE.replace("{size}", str(size)))
    return f"exec /bin/sh -c '{script}'"


def explain_exit(status: int | None, stderr: str) -> str:
    """Return a sentence on why no agent came up; ``stderr`` is printable and may be empty."""
    said = f" It said: {stderr}" if stderr else ""
    match status:
        case wire.NO_PYTHON:
            return "The server has no Python."
        case wire.TOO_OLD:
            return "The server's Python is older than 3.6 or does not start."
        case wire.UNDECODABLE:
            return f"The agent did not arrive whole.{said}"
        case wire.CRASHED | wire.VIOLATION:
            return f"The agent failed on the server.{said}"
        case wire.IDLE:
            return "The agent ended itself because it heard nothing from here for too long."
        case None:
            return f"The server ended the agent's channel.{said}"
        case _:
            return f"The server does not run our command (exit status {status}).{said}"


def _fill(text: str, **values: object) -> str:
    known = {
        "absent": wire.NO_PYTHON,
        "old": wire.TOO_OLD,
        "undecodable": wire.UNDECODABLE,
        "crashed": wire.CRASHED,
        **values,
    }
    for name, value in known.items():
        text = text.replace("{" + name + "}", str(value))
    return text
