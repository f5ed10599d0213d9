"""What left the server and is there again, just as it was, says again what it said."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

from tests.support.ferry import write_run
from tests.support.served import ServedRunferry
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

RUN_ID = "20260101_000000_aaaaaa"


async def test_documents_and_runs_that_come_back_with_the_bytes_they_had_are_read_again(
    sshd: Sshd, tmp_path: Path, home: Path
) -> None:
    root = tmp_path / "server"
    write_run(root, "p", "n", RUN_ID)
    run = root / "p/n/runs" / RUN_ID
    (run / "environment.json").write_text(json.dumps({"python_version": "3.11"}))
    (tmp_path / "data").mkdir()
    async with ServedRunferry(tmp_path / "data", home) as served:
        await served.connect(sshd)
        await served.post("/unified/configure_mode", {"mode": "mirror", "remote_root": str(root)})

        async def is_so(version: str | None, *, is_gone: bool = False) -> bool:
            answer = await served.api.get(f"/runs/{RUN_ID}")
            if answer.status_code != 200:
                return False
            told = answer.json()
            return told["environment"].get("python_version") == version and (told["gone_at"] is not None) is is_gone

        await eventually(lambda: is_so("3.11"), within=20, what="the run and its environment")
        data = (run / "environment.json").read_bytes()
        (run / "environment.json").unlink()
        await eventually(lambda: is_so(None), within=15, what="the environment to go")
        (run / "environment.json").write_bytes(data)
        await eventually(lambda: is_so("3.11"), within=15, what="the environment to come back")

        run.rename(tmp_path / "aside")
        await eventually(lambda: is_so("3.11", is_gone=True), within=15, what="the run to go")
        (tmp_path / "aside").rename(run)
        await eventually(lambda: is_so("3.11"), within=15, what="the run to come back")

        run.rename(tmp_path / "aside")
        run.write_text("a file in the place of the run")
        copy = next((tmp_path / "data").rglob(f"mirror/**/{RUN_ID}"))
        await eventually(copy.is_file, within=15, what="the file to take the run's place")
        run.unlink()
        (tmp_path / "aside").rename(run)
        await eventually(lambda: is_so("3.11"), within=20, what="the run to come back once more")

        async def is_whole() -> bool:
            return read_files(copy) == read_files(run)

        await eventually(is_whole, within=15, what="all its files to be here again")

        def is_directory() -> bool:
            with closing(sqlite3.connect(tmp_path / "data/runferry.db")) as index:
                found = index.execute("SELECT kind, held_size FROM files WHERE path LIKE ?", (f"%/{RUN_ID}",))
                return found.fetchall() == [("dir", None)]

        await eventually(is_directory, within=15, what="the directory to be known for one again")


def read_files(directory: Path) -> dict[str, bytes]:
    found = (path for path in directory.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.relative_to(directory).as_posix(): path.read_bytes() for path in found}
