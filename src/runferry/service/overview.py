"""What people look at around their servers: where one could connect, what a folder holds, what was exchanged."""

from __future__ import annotations

from collections.abc import Sequence

from runferry.blocking import in_thread
from runferry.config import Settings
from runferry.ingest.rules import Rules
from runferry.service.audit import Audit
from runferry.service.connections import Connections, browsing
from runferry.service.preview import Preview, look_through
from runferry.ssh.hostlist import Suggestion, list_suggestions


class Overview:
    """Reads; it changes nothing, here or there."""

    def __init__(self, connections: Connections, settings: Settings) -> None:
        self._connections = connections
        self.settings = settings

    async def hosts(self) -> Sequence[Suggestion]:
        """Return the hosts that ``~/.ssh/config`` names."""
        return await in_thread(list_suggestions, self.settings.ssh_config)

    async def preview(self, path: str, connection_id: str | None, *, seconds: float) -> Preview:
        """Look through a folder for at most so long. Raises NotConnected, NotFound, AccessDenied, NotADirectory, and
        ConnectTimeout where the link is lost.
        """
        held = self._connections.find(connection_id)
        rules = Rules(self.settings.data_dir)
        await in_thread(rules.read)
        async with browsing(held):
            root = await held.remote.resolve(path)
            return await look_through(held.remote, root, seconds=seconds, rules=rules)

    def audit(self, connection_id: str | None) -> tuple[str, Audit]:
        """Return a connection's id and its log. Raises NotConnected, NotFound."""
        held = self._connections.find(connection_id)
        return held.id, held.audit
