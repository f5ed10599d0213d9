"""Debian's own OpenSSH server on a free port of 127.0.0.1, with its configuration in a temporary directory.

Needs root (sshd switches users and, for passwords, asks PAM). It never reads /etc/ssh/sshd_config and never
touches a process it did not start.
"""

from __future__ import annotations

import getpass
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import TypedDict, Unpack

import asyncssh

from tests.support.accounts import Account, require_root
from tests.support.network import HOST, free_port
from tests.support.waiting import eventually_now

SSHD = "/usr/sbin/sshd"
BUSYBOX = "/bin/busybox"
CHROOT_PARENT = "/var/lib"  # every parent of a chroot must be root's and writable by nobody else: not /tmp


class SshdOptions(TypedDict, total=False):
    """What a test may ask of its server; all optional.

    ``account`` logs in as that user; ``shell``, ``dotfiles`` and ``passwords`` create one (``dotfiles``: text
    by name in its home). ``passwords`` turns on PAM with password and keyboard-interactive logins beside the
    key.
    ``path`` goes first on the sessions' PATH; their HOME is then an empty directory.
    ``host_keys`` are key types, by default ed25519 alone. ``extra_config`` wins over everything else.
    """

    account: Account
    shell: str
    dotfiles: Mapping[str, str]
    passwords: bool
    force_command: str
    sftp_only: bool
    path: str
    allow_tcp_forwarding: bool
    chroot_without_python: bool
    max_startups: str
    host_keys: tuple[str, ...]
    extra_config: str
    port: int


class Sshd:
    """One running server; a context manager. Log in as ``username`` with the key at ``client_key_path``.

    With ``chroot_without_python`` sessions live in ``root``, which holds busybox and nothing else (a path
    ``/data`` there is ``root / "data"`` here); otherwise ``root`` is ``/``.
    """

    def __init__(self, **options: Unpack[SshdOptions]) -> None:
        require_root("Debian's sshd")
        assert Path(SSHD).exists(), f"no {SSHD} here: see scripts/test-packages.txt"
        self._options = options
        self._directory = Path(tempfile.mkdtemp(prefix="rf-test-sshd-"))
        self._directory.chmod(0o755)
        self._daemon: subprocess.Popen[bytes] | None = None
        self._own_account: Account | None = None
        self._orphans: list[int] = []  # connections of a listener that was ended before them
        self.root = Path("/")
        self.account = options.get("account")
        self.port = options.get("port") or free_port()
        self.client_key_path = self._directory / "client_key"
        self.client_key = self._create_client_key()
        self._host_keys: dict[str, asyncssh.SSHKey] = {}
        self.rotate_host_key()
        try:
            if self.account is None and any(options.get(key) for key in ("shell", "dotfiles", "passwords")):
                shell, files = options.get("shell", "/bin/bash"), options.get("dotfiles")
                self.account = self._own_account = Account(shell=shell, files=files)
            if options.get("chroot_without_python"):
                self.root = create_chroot()
            self.start()
        except BaseException:
            self.close()
            raise

    @property
    def host(self) -> str:
        return HOST

    @property
    def username(self) -> str:
        return self.account.name if self.account else getpass.getuser()

    @property
    def password(self) -> str:
        assert self.account is not None, "this server has no account with a password"
        return self.account.password

    @property
    def host_key_fingerprint(self) -> str:
        """``SHA256:...`` of the first host key."""
        return next(iter(self._host_keys.values())).get_fingerprint()

    @property
    def host_public_key(self) -> str:
        """The first host key as ``<type> <base64>``."""
        return next(iter(self._host_keys.values())).export_public_key().decode().strip()

    def start(self) -> None:
        """Start (again, on the same port and with the same host key) and wait until it listens."""
        assert self._daemon is None, "already started"
        config = self._directory / "sshd_config"
        config.write_text(self._config())
        seen = len(self.log())
        command = [SSHD, "-D", "-f", str(config), "-E", str(self._log_path)]
        self._daemon = daemon = subprocess.Popen(command, start_new_session=True)

        def is_listening() -> bool:
            assert daemon.poll() is None, f"sshd ended: {self.log()[seen:]}"
            return f"listening on {HOST} port {self.port}" in self.log()[seen:]

        eventually_now(is_listening, every=0.005, what="sshd listens")

    def stop(self) -> None:
        """End the server and every connection it holds; commands started over them are left alone."""
        self.stop_listener()
        self.drop_connections()

    def close(self) -> None:
        """Stop and remove everything the server needed."""
        self.stop()
        if self._own_account is not None:
            self._own_account.remove()
        shutil.rmtree(self._directory, ignore_errors=True)
        if self.root != Path("/"):
            shutil.rmtree(self.root, ignore_errors=True)

    def log(self) -> str:
        """Return what the server logged so far (LogLevel VERBOSE)."""
        return self._log_path.read_text(errors="replace") if self._log_path.exists() else ""

    def rotate_host_key(self) -> None:
        """Make new host keys; a running server shows them to new connections at once."""
        for kind in self._options.get("host_keys", ("ed25519",)):
            key = asyncssh.generate_private_key(KEY_TYPES[kind])
            path = self._directory / f"host_{kind}"
            path.write_bytes(key.export_private_key())
            path.chmod(0o600)
            self._host_keys[kind] = key
        if self._daemon is not None:
            self.stop_listener()
            self.start()

    def stop_listener(self) -> None:
        """End the listening process only: open connections go on, new ones are refused."""
        if self._daemon is not None:
            self._daemon.send_signal(signal.SIGSTOP)  # nothing is accepted between looking and ending
            self._orphans = self.child_pids()
            self._daemon.kill()
            self._daemon.wait()
            self._daemon = None

    def child_pids(self) -> list[int]:
        """Return the pids of the per-connection processes, one per connection, oldest first."""
        orphans = [pid for pid in self._orphans if name_of(pid).startswith("sshd") and is_running(pid)]
        self._orphans = orphans
        return orphans + (children_of(self._daemon.pid) if self._daemon else [])

    def command_pids(self) -> list[int]:
        """Return the pids of what runs for the connected users: everything below the listener that is not sshd."""
        found: list[int] = []
        waiting = self.child_pids()
        while waiting:
            pid = waiting.pop()
            waiting.extend(children_of(pid))
            if not name_of(pid).startswith("sshd"):
                found.append(pid)
        return found

    def drop_connections(self) -> None:
        """Break every open link by killing its sshd processes; commands started over them are left alone."""
        end_processes(self._connection_processes())

    def _connection_processes(self) -> list[int]:
        """Return the sshd processes below the listener: privileged ones and those of the users."""
        found: list[int] = []
        waiting = self.child_pids()
        while waiting:
            pid = waiting.pop()
            if name_of(pid).startswith("sshd"):
                found.append(pid)
                waiting.extend(children_of(pid))
        return found

    @property
    def _log_path(self) -> Path:
        return self._directory / "log"

    def _create_client_key(self) -> asyncssh.SSHKey:
        key = asyncssh.generate_private_key("ssh-ed25519")
        self.client_key_path.write_bytes(key.export_private_key())
        self.client_key_path.chmod(0o600)
        (self._directory / "authorized_keys").write_bytes(key.export_public_key())
        return key

    def authorize(self, public_key: bytes) -> None:
        """Accept one more client key (OpenSSH format, with its newline)."""
        with (self._directory / "authorized_keys").open("ab") as keys:
            keys.write(public_key)

    def _config(self) -> str:
        options = self._options
        passwords = bool(options.get("passwords"))
        lines = [
            f"ListenAddress {HOST}:{self.port}",
            *(f"HostKey {self._directory}/host_{kind}" for kind in self._host_keys),
            f"PidFile {self._directory}/pid",
            "LogLevel VERBOSE",
            "PermitRootLogin yes",
            "StrictModes no",
            f"AuthorizedKeysFile {self._directory}/authorized_keys",
            f"PasswordAuthentication {yes(passwords)}",
            f"KbdInteractiveAuthentication {yes(passwords)}",
            f"UsePAM {yes(passwords)}",
            "UseDNS no",
            "PrintMotd no",
            "PrintLastLog no",
            "Subsystem sftp internal-sftp",
            f"AllowTcpForwarding {yes(options.get('allow_tcp_forwarding', True))}",
            f"MaxStartups {options.get('max_startups', '100')}",
        ]
        if path := options.get("path"):
            home = self._directory / "home"  # an empty one: the user's own start files could put others first
            home.mkdir(exist_ok=True)
            home.chmod(0o755)
            lines.append(f"SetEnv PATH={path}:/usr/local/bin:/usr/bin:/bin HOME={home}")
        if options.get("sftp_only"):
            lines.append("ForceCommand internal-sftp")
        if command := options.get("force_command"):
            lines.append(f"ForceCommand {command}")
        if self.root != Path("/"):
            lines.append(f"ChrootDirectory {self.root}")
        extra = options.get("extra_config", "")
        # sshd takes the first value of a keyword; a Match block takes everything below it
        return "\n".join([*lines, extra, ""] if "Match " in extra else [extra, *lines, ""])

    def __enter__(self) -> Sshd:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


KEY_TYPES = {"ed25519": "ssh-ed25519", "ecdsa": "ecdsa-sha2-nistp256", "rsa": "ssh-rsa"}


def yes(value: bool) -> str:
    return "yes" if value else "no"


def create_chroot() -> Path:
    """Make a directory that is a whole tiny system: busybox as every shell, no Python anywhere."""
    assert Path(BUSYBOX).exists(), f"no {BUSYBOX} here: see scripts/test-packages.txt"
    root = Path(tempfile.mkdtemp(prefix="rf-test-chroot-", dir=CHROOT_PARENT))
    root.chmod(0o755)
    for name in ("bin", "usr/bin", "dev", "data", "root"):
        (root / name).mkdir(parents=True)
    shutil.copy(BUSYBOX, root / "bin/busybox")
    for applet in ("sh", "cat", "ls", "uname", "env", "sleep"):
        (root / "bin" / applet).symlink_to("busybox")
    bash = root / "bin/bash"  # the login shell of most accounts
    bash.write_text('#!/bin/sh\nexec /bin/sh "$@"\n')
    bash.chmod(0o755)
    os.mknod(root / "dev/null", 0o666 | 0o020000, os.makedev(1, 3))
    (root / "dev/null").chmod(0o666)
    return root


def children_of(pid: int) -> list[int]:
    try:
        text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [int(child) for child in text.split()]


def name_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def end_processes(pids: list[int]) -> None:
    """Kill these (all ours) and wait until they are gone."""
    for pid in pids:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    eventually_now(lambda: not any(is_running(pid) for pid in pids), every=0.005, what="sshd's processes end")


def is_running(pid: int) -> bool:
    """Say whether the process runs; a zombie nobody has waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
