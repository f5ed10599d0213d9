"""Which key a server is known by. Learned keys go to our own file; ``~/.ssh/known_hosts`` is only read.

A key never seen is trusted on first use; with ``is_strict``, or once a person has named the key to trust, it is
refused until confirmed. A key other than the known one is always refused. The judgement falls before anything secret is
sent.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import asyncssh
from asyncssh.known_hosts import SSHKnownHosts
from asyncssh.public_key import SSHKey, get_default_certificate_algs, get_default_public_key_algs

from runferry.errors import ConnectionFailed, HostKeyChanged, HostKeyUnconfirmed, RunferryError

DEFAULT_PORT = 22


@dataclass(frozen=True, slots=True)
class KnownKeys:
    """What is known of one server. ``keys`` pairs each key with the file that holds it.

    ``portless`` are keys known for the host without its port: they count when they match and prove nothing
    when not.
    """

    host: str
    name: str
    keys: Sequence[tuple[SSHKey, Path]] = ()
    portless: Sequence[SSHKey] = ()
    ca_keys: Sequence[SSHKey] = ()
    revoked: Sequence[SSHKey] = ()
    accepted: frozenset[str] = frozenset()
    is_strict: bool = False

    def algorithms(self) -> list[str]:
        """Return the host key algorithms to ask for: those of known keys first.

        Otherwise a server with keys of several types could show another one than last time and look changed.
        """
        keys = [*(key for key, _ in self.keys), *self.portless]
        known = [algorithm for key in keys for algorithm in key.sig_algorithms]
        certified = get_default_certificate_algs() if self.ca_keys else []
        defaults = get_default_public_key_algs()
        wanted = [*certified, *(alg for alg in known if alg in defaults), *defaults]
        return [alg.decode() for alg in dict.fromkeys(wanted)]

    def judge(self, key: SSHKey) -> RunferryError | None:
        """Return why this key is refused, or None where it is fine."""
        fingerprint = key.get_fingerprint()
        if key in self.revoked:
            return self._refuse(fingerprint, "", "is marked as revoked in known_hosts")
        if self.is_known(key):
            return None
        if self.keys:
            known, path = self.keys[0]
            reason = f"has changed: it was {known.get_fingerprint()} (in {path}) and is now {fingerprint}"
            return self._refuse(fingerprint, known.get_fingerprint(), reason)
        if (self.is_strict or self.accepted) and fingerprint not in self.accepted:
            message = f"The host key of {self.name} is unknown ({fingerprint}); confirm it to go on."
            return HostKeyUnconfirmed(message, host=self.host, fingerprint=fingerprint)
        return None

    def is_known(self, key: SSHKey) -> bool:
        return key in self.portless or any(key == known for known, _ in self.keys)

    def _refuse(self, fingerprint: str, known: str, reason: str) -> HostKeyChanged:
        advice = "Nothing was sent. If this is right, remove the old key first."
        message = f"The host key of {self.name} {reason}. {advice}"
        return HostKeyChanged(message, host=self.host, fingerprint=fingerprint, known_fingerprint=known)


class HostKeys:
    """The known keys of all servers. ``path`` is our own file, ``also`` files of the user's, only read.

    Safe to use from several threads; its calls read files and therefore block, ``confirm`` excepted.
    """

    def __init__(self, path: Path, *, also: Iterable[Path] = (), is_strict: bool = False) -> None:
        self._path = path
        self._also = tuple(also)
        self._is_strict = is_strict
        self._accepted: set[tuple[str, str]] = set()
        self._lock = threading.Lock()

    def look_up(self, host: str, port: int, *, also: Iterable[Path] = ()) -> KnownKeys:
        """Return what is known of a server; ``also`` names more files to read."""
        name = entry_name(host, port)
        keys: list[tuple[SSHKey, Path]] = []
        portless: list[SSHKey] = []
        ca_keys: list[SSHKey] = []
        revoked: list[SSHKey] = []
        for path in dict.fromkeys((self._path, *self._also, *also)):
            entries = tuple(dict.fromkeys((name, host.lower())))
            known = read_known_hosts(path, *entries)
            for entry in entries:
                matched, cas, bad, *_ = known.match(entry, "", None)
                if entry == name:
                    keys += [(key, path) for key in matched]
                else:
                    portless += matched
                ca_keys += cas
                revoked += bad
        accepted = frozenset(fingerprint for entry, fingerprint in self._accepted if entry == name)
        return KnownKeys(host, name, keys, portless, ca_keys, revoked, accepted, self._is_strict)

    def add(self, host: str, port: int, key: SSHKey) -> None:
        """Remember a key in our own file, once. Raises ConnectionFailed where the file cannot be written."""
        name = entry_name(host, port)
        line = f"{name} {key.export_public_key().decode().strip()}\n".encode()
        with self._lock:
            known = read_known_hosts(self._path, name).match(name, "", None)[0]
            if key not in known:
                self._append(line)

    def confirm(self, host: str, port: int, fingerprint: str) -> None:
        """Take this key, when it is shown at the next connect, for the right one, and no other new one."""
        self._accepted.add((entry_name(host, port), fingerprint))

    def forget(self, host: str, port: int) -> bool:
        """Remove the server's keys from our own file; say whether there were any."""
        name = entry_name(host, port)
        with self._lock:
            lines = read_lines(self._path)
            kept = [line for line in lines if line.split(maxsplit=1)[:1] != [name]]
            if len(kept) == len(lines):
                return False
            staged = self._path.with_name(self._path.name + ".new")
            staged.unlink(missing_ok=True)
            staged.touch(mode=0o600)
            staged.write_text("".join(f"{line}\n" for line in kept), encoding="utf-8")
            staged.replace(self._path)
        return True

    def _append(self, line: bytes) -> None:
        """Write a whole line with one call, so that another process's line is never torn."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            try:
                size = os.fstat(file).st_size
                is_torn = size > 0 and os.pread(file, 1, size - 1) != b"\n"
                os.write(file, b"\n" + line if is_torn else line)
            finally:
                os.close(file)
        except OSError as error:
            reason = f"the host key could not be remembered in {self._path}: {error.strerror}"
            raise ConnectionFailed(f"Connection failed: {reason}.") from error


def entry_name(host: str, port: int) -> str:
    """Return a server's name in known_hosts: lower case, with the port where it is not 22."""
    return host.lower() if port == DEFAULT_PORT else f"[{host.lower()}]:{port}"


def read_known_hosts(path: Path, *entries: str) -> SSHKnownHosts:
    """Read what a known_hosts file may say about ``entries``; a missing file is empty.

    Lines that make no sense are skipped, as ssh does. Parsing keys is slow and such files grow long, so
    plain lines about other hosts are passed over.
    """
    known = asyncssh.import_known_hosts("")
    for line in read_lines(path):
        first = line.split(maxsplit=1)[:1]
        if not first or not (set(first[0]) & set("|*?!/@") or set(first[0].split(",")) & set(entries)):
            continue
        try:
            known.load(line)
        except ValueError:
            continue
    return known


def read_lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
