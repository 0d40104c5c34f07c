"""Canonical JSON, content hashes and files that are whole or absent."""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from pathlib import Path
from typing import Any

from bench.machine.files import open_stored
from bench.machine.texts import visible

CHUNK = 2**20
"""Bytes that are hashed at once."""


def canonical_json(value: Any) -> str:
    """The canonical JSON text of a value: sorted keys, no spaces. NaN and infinities raise ValueError."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def readable_json(value: Any) -> str:
    """JSON for people and programs: sorted keys, one per line, and control characters escaped.

    NaN and infinities raise ValueError.
    """
    text = json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False, allow_nan=False)
    return _escaped(text) + "\n"


def _escaped(text: str) -> str:
    """The same JSON with JSON's escape for every character that ``visible`` would change."""
    if visible(text) == text:
        return text
    return "".join(char if visible(char) == char else f"\\u{ord(char):04x}" for char in text)


def digest(value: Any) -> str:
    """sha256 of a value's canonical JSON, in hex."""
    return hashlib.sha256(canonical_json(value).encode("utf-8", "surrogatepass")).hexdigest()


def sha256_file(path: Path) -> str:
    """sha256 of a file's bytes, in hex; OSError if it cannot be read or is not a stored file."""
    with open_stored(path, buffering=0) as stream:
        hasher = hashlib.sha256()
        while chunk := stream.read(CHUNK):
            hasher.update(chunk)
        return hasher.hexdigest()


def write_atomic(path: Path, data: bytes) -> None:
    """Write a file so that a crash at any moment leaves the old one or the new one, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
