"""Short ways to ask a remote and to look at its answers."""

from __future__ import annotations

import hashlib
from pathlib import Path

from runferry.model import Chunk, Content, Problem, ProblemCode
from runferry.remote.base import CHUNK, Priority, Remote


async def read_chunk(remote: Remote, root: Path, path: str, **wanted: int | bool) -> Chunk:
    answer = await remote.read(
        str(root),
        path,
        offset=int(wanted.get("offset", 0)),
        length=int(wanted.get("length", CHUNK)),
        priority=Priority.TAIL,
        check=bool(wanted.get("check", False)),
    )
    assert isinstance(answer, Chunk), answer
    return answer


async def read_all(remote: Remote, root: Path, paths: list[str]) -> dict[str, Content | Problem]:
    found: dict[str, Content | Problem] = {}
    async for batch in remote.read_many(str(root), paths, priority=Priority.SMALL):
        for answer in batch:
            assert answer.path not in found, "answered twice"
            found[answer.path] = answer
    return found


def hash_of(data: bytes) -> bytes:
    return hashlib.blake2b(data, digest_size=16).digest()


def code_of(answer: object) -> ProblemCode:
    assert isinstance(answer, Problem), answer
    assert answer.message
    return answer.code
