"""Which versions a session says are held: not those of files that were copied once and are left as they were."""

from __future__ import annotations

from pathlib import Path

from tests.support.keeping import Keeper
from tests.support.waiting import eventually


async def test_a_copy_that_nobody_wants_any_more_is_not_held_once_the_file_has_grown(tmp_path: Path) -> None:
    root = tmp_path / "server"
    root.mkdir()
    file = root / "run.wandb"
    file.write_bytes(b"running")
    keeper = Keeper(tmp_path, root)
    await keeper.start()
    try:
        await keeper.in_step()
        keeper.unwanted.add("run.wandb")
        assert keeper.session.held_versions(["run.wandb", "no.such"])["run.wandb"].size == 7
        file.write_bytes(b"running, finished")
        await eventually(lambda: keeper.session.listing["run.wandb"].size == 17)
        assert keeper.session.held_versions(["run.wandb"]) == {}
        keeper.unwanted.clear()
        assert keeper.session.held_versions(["run.wandb"])
    finally:
        await keeper.stop()
