"""Transcripts of originals on disk: every system of a suite is measured against the same ones."""

from __future__ import annotations

import hashlib
import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from bench.machine.canonical import canonical_json, digest, write_atomic
from bench.machine.weights import cache_dir


def cache_folder(key: Any) -> Path:
    """The folder in which the transcripts of one recognizer are kept.

    Args:
        key: everything that decides its text, as JSON values; each key has a folder of its own.
    """
    return cache_dir() / "transcripts" / digest(key)


def remembered(folder: Path, samples: np.ndarray, rate: int, language: str, hear: Callable[[], str]) -> str:
    """The text of a clip: from the folder, or as ``hear`` gives it, which is then kept.

    Args:
        samples: float32 ``[n]``.
        language: language that the recognizer is given.
    """
    about = canonical_json([rate, language, len(samples)])
    data = np.ascontiguousarray(samples, "<f4").tobytes()
    file = folder / f"{hashlib.sha256(about.encode() + data).hexdigest()}.json"
    try:
        found = json.loads(file.read_bytes())
        if isinstance(found, str):
            return found
    except (OSError, ValueError, RecursionError):
        pass
    text = hear()
    try:
        write_atomic(file, canonical_json(text).encode())
    except OSError as error:
        warnings.warn(f"transcripts are not cached: {folder}: {error.strerror}", stacklevel=2)
    return text
