"""Which way a server is reached: the agent where it runs, SFTP where it does not, and why. It never opens a link."""

from __future__ import annotations

import dataclasses
from typing import Literal

from runferry.errors import ConnectionLost, RemoteFailed
from runferry.remote.base import Remote
from runferry.remote.channel import AgentLate, AgentOptions, Carrier, open_agent
from runferry.remote.sftp import open_sftp

Transport = Literal["agent", "sftp"]


async def open_remote(link: Carrier, *, prefer: Transport | None = None, options: AgentOptions | None = None) -> Remote:
    """Return a remote over ``link``: by the agent, or by SFTP where the agent does not come up or ``prefer`` says so.

    ``info.reason`` and ``info.tried`` say why, ``info.is_stopgap`` that the agent may answer another time. The caller
    closes the remote, and the link after it. Raises RemoteFailed where the server allows neither, ConnectionLost where
    the link breaks.
    """
    tried: list[str] = []
    is_stopgap = False
    if prefer != "sftp":
        try:
            agent = await open_agent(link, options)
        except ConnectionLost:
            raise
        except RemoteFailed as error:
            tried.append(f"Agent: {error}")
            is_stopgap = isinstance(error, AgentLate)
        else:
            agent.add_tried("Agent: it runs on the server.")
            return agent
    reason = tried[-1].removeprefix("Agent: ") if tried else "SFTP was asked for."
    try:
        sftp = await open_sftp(link)
    except ConnectionLost:
        raise
    except RemoteFailed as error:
        tried.append(f"SFTP: {error}")
        raise RemoteFailed(f"The server can run no agent and offers no SFTP. {' '.join(tried)}") from error
    reason = f"SFTP is used, which is slower: {reason}"
    if is_stopgap:
        reason += " It is tried again from time to time."
    info = dataclasses.replace(sftp.info, reason=reason, tried=(*tried, "SFTP: it works."), is_stopgap=is_stopgap)
    sftp.set_info(info)
    return sftp
