"""What may be asked of a remote and what is believed of its answers: paths, texts. It touches nothing."""

from __future__ import annotations

from runferry.agent import names, wire
from runferry.agent.read import Refused
from runferry.agent.scan import explain
from runferry.errors import AccessDenied, ConnectionLost, InvalidRequest, NotADirectory, NotFound, RunferryError
from runferry.model import Problem, ProblemCode
from runferry.remote.base import CHUNK

_LONGEST_TEXT = 1000
_LONGEST_PATH = 64 * 256 * 4
CODES = {str(code): code for code in ProblemCode}


def check_path(path: str) -> str:
    """Return ``path``; raise InvalidRequest where it is no file's path below a root."""
    if not path or not names.is_fine_path(path):
        raise InvalidRequest(f"{names.escape(path)!r} is not a path below the synced directory.")
    return path


def check_root(root: str) -> str:
    """Return ``root``; raise InvalidRequest where it is not absolute."""
    if not root.startswith("/") or "\0" in root or not _is_text(root):
        raise InvalidRequest(f"{names.escape(root)!r} is not an absolute path.")
    return root


def is_resolved(path: str) -> bool:
    """Say whether ``path`` is absolute and normal: what resolving it gives, unless it leads through a link."""
    return path.startswith("/") and {"", ".", ".."}.isdisjoint(path[1:].split("/"))


def check_text(path: str) -> str:
    """Return a path to browse; raise InvalidRequest where no server could hold it."""
    if "\0" in path or len(path) > _LONGEST_PATH or not _is_text(path):
        raise InvalidRequest("The path is too long, or holds what no path can hold.")
    return path


def check_range(offset: int, length: int) -> None:
    """Raise InvalidRequest where a read asks for more than one call may."""
    if not 0 <= length <= CHUNK or offset < 0:
        raise InvalidRequest(f"A read is for at most {CHUNK} bytes, from 0 on.")


def believe_directory(path: object) -> str:
    """Return a directory's path that a server told; raise Violation where it leads out of the root."""
    if not isinstance(path, str) or not names.is_fine_path(path):
        raise wire.Violation("a directory outside the root was told")
    return path


def believe_shown(path: object) -> str:
    """Return a path that is only shown or forgotten; raise Violation where it cannot have come from the root."""
    if not isinstance(path, str) or len(path) > _LONGEST_PATH:
        raise wire.Violation("a path that is none was told")
    if names.is_fine_path(path):
        return path
    if not path.isprintable() or path.startswith("/") or ".." in path.split("/"):
        raise wire.Violation("a path outside the root was told")
    return path


def believe_problem(path: object, code: object, message: object) -> Problem:
    """Return a problem that a server told; an unknown code counts as ``io``."""
    return Problem(believe_shown(path), CODES.get(str(code), ProblemCode.IO), clean(message))


def clean(text: object) -> str:
    """Return a server's text printable and of bounded length."""
    return names.escape(str(text)[:_LONGEST_TEXT])


def problem_of(path: str, error: OSError | Refused) -> Problem:
    """Return the problem that an error with one file becomes."""
    code, message = error.problem if isinstance(error, Refused) else explain(error)
    return Problem(path, CODES[code], message)


def refusal(code: object, path: str, message: object = "") -> RunferryError | None:
    """Return the exception for an error with a root or a directory browsed, or None for an unknown code."""
    shown = names.escape(path)
    match code:
        case "not-found":
            return NotFound(f"{shown} does not exist on the server.")
        case "denied":
            return AccessDenied(f"The account may not read {shown} on the server.")
        case "not-a-directory":
            return NotADirectory(f"{shown} is not a directory on the server.")
        case "cancelled":
            return ConnectionLost("The request was cancelled on the server.")
        case _:
            return None


def _is_text(path: str) -> bool:
    try:
        path.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True
