"""The hash of everything that is compared with what the client holds."""

try:
    from _blake2 import blake2b  # what hashlib has, without loading OpenSSL for it (2 ms)
except ImportError:  # a Python that leaves all hashing to OpenSSL
    from hashlib import blake2b  # type: ignore[assignment,unused-ignore]

DIGEST_SIZE = 16
"""Bytes: blake2b-128."""


def start_hash() -> blake2b:
    return blake2b(digest_size=DIGEST_SIZE)


def hash_bytes(data: bytes) -> bytes:
    return blake2b(data, digest_size=DIGEST_SIZE).digest()
