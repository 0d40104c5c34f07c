"""Content hashes of many files, computed in threads and remembered from run to run."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from hashlib import sha256
from pathlib import Path

from bench.machine.canonical import sha256_file, write_atomic
from bench.machine.files import MOST_BYTES_OF_A_SAMPLE
from bench.machine.weights import cache_dir

THREADS = 8
SLICE = 256  # files that a thread takes at once
# A file changed within the clock's tick after it was hashed would look unchanged; it is hashed again next time.
SETTLED_NS = 2_000_000_000

Stamp = tuple[int, int, int]
"""Size of a file in bytes, and its modification and change time in nanoseconds."""


def content_hashes(files: Sequence[Path], folder: Path | None = None) -> list[str | None]:
    """The sha256 of each file's bytes, in hex; None for one that cannot be read or is too large for a sample.

    Args:
        folder: where the files lie. If given, hashes are remembered in the cache, under this folder, and a
            file of unchanged size, modification and change time is not read again.
    """
    notes = cache_dir() / "contents" / f"{sha256(os.fsencode(folder)).hexdigest()}.json" if folder else None
    remembered = _read(notes) if notes else {}

    def part(start: int) -> list[tuple[Stamp | None, str | None]]:
        return [hashed(file, remembered.get(str(file))) for file in files[start : start + SLICE]]

    with ThreadPoolExecutor(THREADS) as pool:
        stamped = [pair for pairs in pool.map(part, range(0, len(files), SLICE)) for pair in pairs]
    if notes:
        latest = time.time_ns() - SETTLED_NS
        current: dict[str, list[int | str]] = {
            str(file): [*stamp, digest]
            for file, (stamp, digest) in zip(files, stamped, strict=True)
            if stamp and digest and max(stamp[1:]) < latest
        }
        if current != remembered:
            _write(notes, current)
    return [digest for _, digest in stamped]


def hashed(file: Path, remembered: list[int | str] | None) -> tuple[Stamp | None, str | None]:
    """A file's size and times, taken before it is read, and its hash; None for one that cannot be read.

    Args:
        remembered: the result of an earlier call; a file whose size and times are the same is not read again.
    """
    try:
        status = file.stat()
        stamp = (status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        if remembered and remembered[:3] == list(stamp):
            return stamp, str(remembered[3])
        return stamp, None if stamp[0] > MOST_BYTES_OF_A_SAMPLE else sha256_file(file)
    except OSError:
        return None, None


def _read(notes: Path) -> dict[str, list[int | str]]:
    try:
        notebook = json.loads(notes.read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return notebook if isinstance(notebook, dict) else {}


def _write(notes: Path, remembered: dict[str, list[int | str]]) -> None:
    with suppress(OSError):  # a cache that cannot be written only costs time
        write_atomic(notes, json.dumps(remembered).encode())
