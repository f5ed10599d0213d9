"""Ten thousand small files into an empty directory."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from bench import ours, peers
from bench.figures import RACE_HEADERS, Result, Series, Verdict, find
from bench.lab import Lab
from bench.race import Contestant, race
from bench.trees import FILES_PER_RUN, measure, write_runs

RUNS, QUICK_RUNS = 400, 40
LIMITS = {0: 1.2, 50: 0.5}

Copy = Callable[[Path], Awaitable[float]]


async def run(lab: Lab) -> Result:
    root = lab.folder / "initial"
    runs = QUICK_RUNS if lab.options.quick else RUNS
    size = write_runs(root, runs)
    await warm_up(lab)
    series: list[Series] = []
    for rtt in lab.options.rtts:
        series += await race(lab, rtt, make_contestants(lab, rtt, root), size=size)
    lab.drop(root)
    return Result(
        title=f"First sync of {runs * FILES_PER_RUN:,} small files, {size / 1e6:.0f} MB (seconds)",
        headers=RACE_HEADERS,
        rows=[one.cells() for one in series],
        verdicts=[compare(series, rtt) for rtt in lab.options.rtts if rtt in LIMITS],
        remarks=[
            "Runferry: the service is running; from dialling to the last file landed, committed and indexed.",
            "`runferry sync --once`, rsync: the whole process. SFTP: 64 requests at once, no index, nothing verified.",
        ],
    )


def make_contestants(lab: Lab, rtt: int, root: Path) -> list[Contestant]:
    port, whole = lab.port(rtt), measure(root)

    def checked(copy: Copy, place: Callable[[Path], Path]) -> Copy:
        async def run_and_check(folder: Path) -> float:
            seconds = await copy(folder)
            found = measure(place(folder))
            assert found == whole, f"copied {found} of {whole} (files, bytes)"
            return seconds

        return run_and_check

    def itself(folder: Path) -> Path:
        return folder

    return [
        Contestant("Runferry", checked(lambda folder: ours.first_sync(lab, port, root, folder), ours.find_copy)),
        Contestant("rsync -a", checked(lambda folder: peers.rsync(lab, port, f"{root}/", folder), itself)),
        Contestant(
            "SFTP walk", checked(lambda folder: peers.sftp_walk(lab, port, root, folder), itself), 2 if rtt else 3
        ),
        Contestant(
            "runferry sync --once",
            checked(lambda folder: ours.command(lab, port, root, folder), ours.find_copy),
            is_extra=True,
        ),
    ]


def compare(series: list[Series], rtt: int) -> Verdict:
    ratio = find(series, "Runferry", rtt).median / find(series, "rsync -a", rtt).median
    return Verdict(f"first sync, RTT {rtt} ms, Runferry / rsync", ratio, LIMITS[rtt], " x")


async def warm_up(lab: Lab) -> None:
    """Make this process one that has synced before: modules imported, programs in the page cache."""
    root = lab.folder / "warm-up"
    write_runs(root, 2)
    folder = lab.new_folder()
    await ours.first_sync(lab, lab.sshd.port, root, folder)
    await peers.rsync(lab, lab.sshd.port, f"{root}/", folder / "rsync")
    lab.drop(folder)
    lab.drop(root)
