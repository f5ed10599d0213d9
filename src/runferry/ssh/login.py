"""One login on one machine: judges its host key, then answers what it asks, each secret at most once.

Nothing is offered before the host key was found right; asyncssh calls these methods in that order.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence

import asyncssh
from asyncssh.public_key import SSHKey

from runferry.errors import HostKeyChanged, RunferryError
from runferry.ssh.credentials import Secret
from runferry.ssh.hostkeys import KnownKeys
from runferry.ssh.identities import Identities

Prompts = Sequence[tuple[str, bool]]
"""What a server asks: each question's text and whether the answer may be shown while it is typed."""

Ask = Callable[[Prompts], Awaitable[Sequence[str]]]
"""Gets a person's answers, one per prompt."""

MOST_PROMPTS = 16
LONGEST_PROMPT = 500
PASSWORD_PROMPT = re.compile(
    r"\s*(\(.{1,100}\)\s*)?(\S{1,100}'s\s+)?(enter\s+)?(your\s+)?((unix|ldap|login|account|kerberos)\s+)?"
    r"password(\s+for\s+\S{1,100})?\s*:?\s*",
    re.IGNORECASE,
)


class Login(asyncssh.SSHClient):
    """What asyncssh asks us during one login, and what became of it.

    ``refusal`` is why the host key was not accepted, ``was_interactive`` whether a person answered,
    ``is_by_given`` whether what was offered last (so, after success, what let us in) was given by the user
    and not found on this machine. ``tried`` names the methods used, for messages.
    """

    def __init__(self, known: KnownKeys, identities: Identities, *, password: Secret | None, ask: Ask | None) -> None:
        self._known = known
        self._identities = identities
        self._password = password
        self._ask = ask
        self._has_tried_questions = False
        self.host_key: SSHKey | None = None
        self.refusal: RunferryError | None = None
        self.has_begun = False
        self.was_interactive = False
        self.needs_person = False
        self.is_by_given = True
        self.tried: list[str] = []
        self.lost = asyncio.Event()
        self.loss: Exception | None = None

    @property
    def has_password(self) -> bool:
        """There is a password, not yet handed out."""
        return self._password is not None

    @property
    def is_new_key(self) -> bool:
        """The key was accepted and nobody knew it before."""
        return self.has_begun and self.host_key is not None and not self._known.is_known(self.host_key)

    def validate_host_public_key(self, host: str, addr: str, port: int, key: SSHKey) -> bool:
        self.refusal = self._known.judge(key)
        if self.host_key is not None and self.host_key != key:  # a rekey must not bring another key
            before, now = self.host_key.get_fingerprint(), key.get_fingerprint()
            message = f"The host key of {self._known.name} changed within the connection. Nothing was sent."
            self.refusal = HostKeyChanged(message, host=self._known.host, fingerprint=now, known_fingerprint=before)
        if self.refusal is None:
            self.host_key = key
        return self.refusal is None

    def begin_auth(self, username: str) -> None:
        self.has_begun = True

    async def public_key_auth_requested(self) -> asyncssh.SSHKeyPair | None:
        identity = await self._identities.next()
        if identity is None:
            return None
        self._note("public key", is_by_given=identity.is_given)
        return identity.key

    def password_auth_requested(self) -> str | None:
        return self._take_password()

    def kbdint_auth_requested(self) -> str | None:
        is_first, self._has_tried_questions = not self._has_tried_questions, True
        return "" if is_first else None

    async def kbdint_challenge_received(
        self, name: str, instructions: str, lang: str, prompts: Prompts
    ) -> Sequence[str] | None:
        if not prompts:
            return []
        if len(prompts) == 1 and PASSWORD_PROMPT.fullmatch(prompts[0][0]):
            password = self._take_password()
            return None if password is None else [password]
        self.needs_person = True
        if self._ask is None or len(prompts) > MOST_PROMPTS:
            return None
        answers = await self._ask(make_readable(instructions, prompts))
        self.was_interactive = True
        self._note("questions", is_by_given=True)
        return list(answers) if len(answers) == len(prompts) else None

    def connection_lost(self, exc: Exception | None) -> None:
        self.loss = exc
        self.lost.set()

    def _take_password(self) -> str | None:
        """Hand out the password, once: a server that has refused it is not asked again in another way."""
        if self._password is None:
            return None
        password, self._password = self._password.reveal(), None
        self._note("password", is_by_given=True)
        return password

    def _note(self, method: str, *, is_by_given: bool) -> None:
        self.is_by_given = is_by_given
        if method not in self.tried:
            self.tried.append(method)


def make_readable(instructions: str, prompts: Prompts) -> Prompts:
    """Make a stranger's questions fit to be shown; what the server says about them goes before the first."""
    texts = [clean(text) for text, _ in prompts]
    if lead := clean(instructions).strip():
        texts[0] = f"{lead}\n{texts[0]}"
    return [(text, echo) for text, (_, echo) in zip(texts, prompts, strict=True)]


def clean(text: str) -> str:
    return "".join(char for char in text if char.isprintable() or char == "\n")[:LONGEST_PROMPT]
