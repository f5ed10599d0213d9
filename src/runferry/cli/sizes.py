"""Reads sizes as people write them. It knows no options and prints nothing."""

from __future__ import annotations

import re

from runferry.errors import InvalidRequest

SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kKMGT]?)(i?)[bB]?")
POWERS = {"": 0, "k": 1, "m": 2, "g": 3, "t": 4}


def parse_size(text: str) -> int:
    """Return the bytes of ``500M``, ``1.5GB`` (powers of 1000) or ``2GiB`` (powers of 1024). Raises InvalidRequest."""
    found = SIZE.fullmatch(text.strip())
    if not found:
        raise InvalidRequest(f"--max-file-size: {text!a} is not a size such as 500M or 2GiB.")
    number, unit, binary = found.groups()
    size = int(float(number) * (1024 if binary else 1000) ** POWERS[unit.lower()])
    if size < 1:
        raise InvalidRequest("--max-file-size: must be at least 1 byte.")
    return size
