"""What is wrong with a document, as far as its name and its bytes tell. Pure."""

from __future__ import annotations

from runferry.formats.document import read_document
from runferry.formats.wire.yaml import is_yaml


def find_damage(path: str, data: bytes) -> str | None:
    """Return what is wrong with a document; None where it is whole, or nobody can tell. A list is taken for whole."""
    if "/params/" in path or "/tags/" in path:  # MLflow's: a value each, whatever they are called
        return None
    if path.endswith(".json"):
        is_whole = data.lstrip()[:1] == b"[" or read_document(data) is not None
        return None if is_whole else "The document is not JSON, or not whole."
    if path.endswith((".yaml", ".yml")) and data.strip():
        return None if is_yaml(data) else "The document is not YAML, or not whole."
    return None
