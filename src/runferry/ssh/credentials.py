"""What a user gave to log in with. It is held in memory only: never logged, stored or put into a message.

It only holds, so that the command line gets it without the library that talks SSH.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from runferry.errors import InvalidRequest

SHORTEST_TOKEN = 16


class Secret:
    """A text that shows as ``***`` wherever it is printed or logged; only ``reveal()`` gives it away."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    @classmethod
    def of(cls, text: str | None) -> Secret | None:
        """Return a secret, or None for None and for the empty text (a form field left empty)."""
        return cls(text) if text else None

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._text == other._text

    def __hash__(self) -> int:
        return hash(self._text)

    def __bool__(self) -> bool:
        return bool(self._text)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never serialized")


def read_token(path: Path) -> Secret:
    """Return the token a file holds. Raises InvalidRequest where there is none that could keep anybody out."""
    try:
        text = path.expanduser().read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidRequest(f"{path}: no token can be read from it ({type(error).__name__}).") from None
    if len(text) < SHORTEST_TOKEN or not text.isprintable() or " " in text:
        raise InvalidRequest(f"{path} must hold one token of at least {SHORTEST_TOKEN} characters, and nothing else.")
    return Secret(text)


@dataclass(frozen=True, slots=True)
class Credentials:
    """Any of these may be given, or none. ``private_key`` is the key's text; ``passphrase`` opens either key.

    With ``use_agent`` the SSH agent and the identities of ``~/.ssh`` are tried after what was given;
    without it, only what was given.
    """

    password: Secret | None = None
    private_key: Secret | None = None
    private_key_path: str | None = None
    passphrase: Secret | None = None
    use_agent: bool = True

    @property
    def has_key(self) -> bool:
        return self.private_key is not None or self.private_key_path is not None

    @property
    def has_any(self) -> bool:
        """Something was given."""
        return self.has_key or self.password is not None

    @property
    def is_empty(self) -> bool:
        """Nothing was given and nothing else may be used."""
        return not (self.use_agent or self.has_any)
