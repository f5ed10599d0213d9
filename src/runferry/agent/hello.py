"""The agent's first words. They leave while the rest of it is still being compiled, which takes longer than it looks:
the client has its next question ready by then.
"""

import os
import sys
import time
from typing import Any, Dict, Tuple

from . import mounts, names, wire

Channel = Tuple[int, int]
"""The descriptors of requests and answers."""


def greet(options: Dict[str, Any]) -> Channel:
    """Send HELLO and return what is spoken over from now on; ``options`` as in ``main.run``."""
    requests, answers = _take_descriptors()
    rest = marker(options["nonce"]) + wire.pack(wire.HELLO, 0, _introduce(options["nonce"]))
    try:
        while rest:
            rest = rest[os.write(answers, rest) :]
    except OSError:
        os._exit(0)  # nobody is there any more
    return requests, answers


def marker(nonce: str) -> bytes:
    """Return the line after which the protocol begins, whatever login scripts have printed before."""
    return ("\n--runferry-agent %s--\n" % nonce).encode("ascii")


def _take_descriptors() -> Channel:
    """Keep the channel for the protocol alone: whoever prints, prints to stderr; whoever reads, reads
    nothing.
    """
    requests, answers = os.dup(0), os.dup(1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    return requests, answers


def _introduce(nonce: str) -> Dict[str, Any]:
    system = os.uname()
    home = os.path.expanduser(b"~")
    try:
        with open("/proc/sys/kernel/random/boot_id") as file:
            boot = file.read().strip()
    except OSError:
        boot = ""
    return {
        "nonce": nonce,
        "version": wire.VERSION,
        "capabilities": ["squeeze", "follow", "digest", "processes"],
        "hostname": system.nodename,
        "os": "%s %s" % (system.sysname, system.release),
        "python": sys.version.split()[0],
        "home": names.escape(names.decode(os.path.realpath(home))),
        "boot_id": boot,
        "clock": int(time.time() * 1e9),
        "filesystem": mounts.find_type(os.path.realpath(home)),
        "inotify_watches": mounts.read_limit("max_user_watches"),
        "pid": os.getpid(),
    }
