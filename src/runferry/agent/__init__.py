"""The half of Runferry that runs on the server: read-only, standard library only, Python 3.6 and later.

Its source travels over the SSH channel's stdin (``remote.bootstrap``) and lives in memory there; nothing is
written. It lists, stats, reads, watches, hashes, answers pings and says whether a process is alive. It never
writes a file, never runs a program, and imports nothing of ours but itself.
"""

MODULES = (
    "wire",
    "names",
    "mounts",
    "hashing",
    "hello",
    "process",
    "scan",
    "report",
    "read",
    "tiers",
    "agenda",
    "inotify",
    "tree",
    "watches",
    "survey",
    "watch",
    "outlet",
    "browse",
    "answers",
    "lanes",
    "main",
)
"""What is sent to a server, in an order in which each module imports only earlier ones."""
