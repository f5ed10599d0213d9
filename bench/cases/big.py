"""One big file that cannot be compressed, and how fast the way to it is at all."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

from bench import ours, peers
from bench.figures import RACE_HEADERS, Result, Series, Verdict, find
from bench.lab import Lab
from bench.race import Contestant, race
from bench.trees import write_random_file

SIZE, QUICK_SIZE = 1_000_000_000, 100_000_000
LIMITS = {0: 0.7, 50: 2.0}
_PIECE = b"\0" * (1 << 18)


async def run(lab: Lab) -> Result:
    size = size_of(lab)
    path = lab.folder / "big" / "checkpoint.bin"
    write_random_file(path, size)
    series: list[Series] = []
    for rtt in lab.options.rtts:
        times = await race(lab, rtt, await make_contestants(lab, rtt, path), size=size)
        series += [to_rate(one, size) for one in times]
    lab.drop(path.parent)
    return Result(
        title=f"One file of {size / 1e6:.0f} MB (MB/s)",
        headers=RACE_HEADERS,
        rows=[one.cells(".1f") for one in series],
        verdicts=[compare(series, rtt) for rtt in lab.options.rtts if rtt in LIMITS],
        remarks=[
            "Runferry: logging in, starting its agent and listing included; `ssh cat`, rsync: the whole process.",
            "OpenSSH's own first cipher is chacha20; Runferry asks for AES-GCM, so that one is shown as well.",
            "Ceiling: plain TCP through the proxy with this delay, and `ssh cat` through a proxy without any.",
        ],
    )


def size_of(lab: Lab) -> int:
    return QUICK_SIZE if lab.options.quick else SIZE


async def make_contestants(lab: Lab, rtt: int, path: Path) -> list[Contestant]:
    port, size = lab.port(rtt), size_of(lab)
    through = (await lab.add_proxy()).port
    file = path.name

    async def runferry(folder: Path) -> float:
        seconds = await ours.first_sync(lab, port, path.parent, folder)
        assert (ours.find_copy(folder) / file).stat().st_size == size, "the copy is not whole"
        return seconds

    async def plain_tcp(_: Path) -> float:
        return await pour(lab, rtt, size)

    found = [
        Contestant("Runferry", runferry),
        Contestant("ssh cat", lambda folder: peers.ssh_cat(lab, port, path, folder / file)),
        Contestant(
            "ssh cat, AES-GCM", lambda folder: peers.ssh_cat(lab, port, path, folder / file, *peers.AES), 3, True
        ),
        Contestant("rsync -a", lambda folder: peers.rsync(lab, port, path, folder / file), 3),
        Contestant("SFTP get", lambda folder: peers.sftp_get(lab, port, path, folder / file), 3),
        Contestant("ceiling: TCP through the proxy", plain_tcp, 3, True),
    ]
    if not rtt:
        cat = Contestant(
            "ceiling: ssh cat, proxy", lambda folder: peers.ssh_cat(lab, through, path, folder / file), 3, True
        )
        found.append(cat)
    return found


async def pour(lab: Lab, rtt: int, size: int) -> float:
    """Send ``size`` bytes from a plain server through a proxy of this round trip and return the seconds."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for _piece in range(size // len(_PIECE)):
            writer.write(_PIECE)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, lab.sshd.host, 0)
    async with server:
        proxy = await lab.add_proxy(delay=rtt / 2000, target_port=server.sockets[0].getsockname()[1])
        began = time.perf_counter()
        reader, writer = await asyncio.open_connection(lab.sshd.host, proxy.port, limit=1 << 22)
        while await reader.read(1 << 20):
            pass
        writer.close()
        return time.perf_counter() - began


def to_rate(one: Series, size: int) -> Series:
    return Series(one.who, one.rtt, tuple(size / 1e6 / seconds for seconds in one.values), one.is_extra)


def compare(series: list[Series], rtt: int) -> Verdict:
    ratio = find(series, "Runferry", rtt).median / find(series, "ssh cat", rtt).median
    return Verdict(f"one big file, RTT {rtt} ms, Runferry / ssh cat", ratio, LIMITS[rtt], " x", is_least=True)
