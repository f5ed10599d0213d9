"""A ``runferry.toml`` in a root, on a real server: what it names appears, and is read as it says."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support.ferry import Ferry, files_below
from tests.support.sshd import Sshd
from tests.support.waiting import eventually

from runferry.errors import NotFound
from runferry.service.connections import ConnectRequest
from runferry.ssh.credentials import Credentials
from runferry.ssh.target import Target
from runferry.store.run_list import RunFilter
from runferry.sync.spec import Mode

RULE = '[[table]]\nglob = "logs/*.dat"\nstep = "It"\n'


async def read_curve(ferry: Ferry, name: str) -> list[tuple[float, float]]:
    views, _ = await ferry.service.list_runs(RunFilter())
    for view in views:
        try:
            page = await ferry.service.series.points(view.key, name, offset=0, limit=100)
        except NotFound:
            continue
        return [point for _, _, some in page.series for point in zip(some.steps.tolist(), some.values, strict=True)]
    return []


@pytest.mark.parametrize("mode", [Mode.MIRROR, Mode.SMART])
async def test_rules_in_a_root_name_tables_and_their_steps(sshd: Sshd, tmp_path: Path, mode: Mode) -> None:
    root = tmp_path / "root"
    (root / "logs").mkdir(parents=True)
    (root / "logs/one.dat").write_text("It,Loss,Other\n10,0.5,1\n20,0.25,2\n")
    (root / "weights.bin").write_bytes(bytes(100_000))
    (root / "runferry.toml").write_text(RULE)
    async with Ferry(tmp_path / "ferry") as ferry:
        await ferry.connect(sshd)
        local = await ferry.keep(root, mode)

        async def shows(points: list[tuple[float, float]], name: str = "Loss") -> bool:
            return await read_curve(ferry, name) == points

        await eventually(lambda: shows([(10.0, 0.5), (20.0, 0.25)]), within=20, what="the steps of the rule")
        assert ("weights.bin" in files_below(local)) is (mode is Mode.MIRROR)
        (root / "runferry.toml").write_text(RULE.replace('"It"', '"Other"'))
        await eventually(lambda: shows([(1.0, 0.5), (2.0, 0.25)]), within=20, what="the steps of the new rule")
        (root / "runferry.toml").write_text(f"{RULE}[[table]]\nglob = 1\n")

        async def is_told() -> bool:
            return any(one.message.startswith("Rule 2: ") for one in (await ferry.sync(mode)).problems)

        await eventually(is_told, within=20, what="what is wrong with the rules")
        assert await shows([(10.0, 0.5), (20.0, 0.25)])
        (root / "runferry.toml").unlink()

        async def is_gone() -> bool:
            views, _ = await ferry.service.list_runs(RunFilter())
            return all(view.gone_at is not None for view in views)

        await eventually(is_gone, within=20, what="no runs without rules")


async def test_rules_of_this_machine_hold_on_every_server_and_in_the_doctors_report(sshd: Sshd, tmp_path: Path) -> None:
    root = tmp_path / "root"
    (root / "logs").mkdir(parents=True)
    (root / "logs/one.dat").write_text("It,Loss\n10,0.5\n")
    async with Ferry(tmp_path / "ferry") as ferry:
        (ferry.data_dir / "runferry.toml").write_text(RULE)
        await ferry.connect(sshd)
        assert dict((await ferry.service.overview.preview(str(root), None, seconds=20)).formats) == {
            "Your own tables": 1
        }
        target = Target(sshd.host, sshd.port, sshd.username)
        credentials = Credentials(private_key_path=str(sshd.client_key_path), use_agent=False)
        report = await ferry.service.examine(ConnectRequest(target, credentials), str(root))
        assert "1 of Your own tables" in report.steps[-1].message
        await ferry.keep(root)

        async def is_shown() -> bool:
            return await read_curve(ferry, "Loss") == [(10.0, 0.5)]

        await eventually(is_shown, within=20, what="the curve")
