"""Content hashes of many files, computed in threads and remembered from run to run."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from bench.machine.file_hashes import Known, Stamp, look_or_read, remember, remembered
from bench.machine.files import MOST_BYTES_OF_A_SAMPLE

THREADS = 8
SLICE = 256  # files that a thread takes at once


def content_hashes(files: Sequence[Path]) -> list[str | None]:
    """The sha256 of each file's bytes, in hex; None for one that cannot be read or is too large for a sample.

    Hashes are remembered in the cache (``bench.machine.file_hashes``), and unchanged files are not read again.
    """
    places = [file.absolute() for file in files]
    known = remembered(places)

    def part(start: int) -> list[tuple[Stamp, str, bool] | None]:
        return [_hashed(place, known.get(place)) for place in places[start : start + SLICE]]

    with ThreadPoolExecutor(THREADS) as pool:
        hashed = [entry for entries in pool.map(part, range(0, len(places), SLICE)) for entry in entries]
    if new := {place: entry[:2] for place, entry in zip(places, hashed, strict=True) if entry and entry[2]}:
        remember(new)
    return [entry and entry[1] for entry in hashed]


def _hashed(place: Path, known: Known | None) -> tuple[Stamp, str, bool] | None:
    try:
        stamp = Stamp.of(place)
        return None if stamp.size > MOST_BYTES_OF_A_SAMPLE else look_or_read(place, stamp, known)
    except OSError:
        return None
