"""The files of kept samples within the site: each content once, sounds with their pictures."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from bench.publishing import spectrogram
from bench.publishing.gallery import Shown


class Samples:
    """Hands out addresses of sample files and remembers what it handed out."""

    def __init__(self) -> None:
        self._found: dict[str, bytes] = {}

    def view(self, shown: Shown) -> dict[str, Any]:
        """A sample with the addresses of its files, from the root of the site, and of their pictures."""
        sides = {side: self._side(getattr(shown, side)) for side in ("original", "reconstruction")}
        return {"shown": shown, **sides}

    def files(self) -> Iterator[tuple[str, bytes]]:
        """All that was handed out."""
        yield from sorted(self._found.items())

    def _side(self, file: Path) -> dict[str, Any]:
        data = file.read_bytes()
        name = f"samples/{hashlib.sha256(data).hexdigest()[:16]}"
        address = f"{name}{file.suffix}"
        self._found[address] = data
        if file.suffix != ".wav":
            return {"file": address}
        if f"{name}-spectrogram.png" not in self._found:
            self._found[f"{name}-spectrogram.png"] = spectrogram.png(spectrogram.read(data))
        return {"file": address, "picture": f"{name}-spectrogram.png", **_facts(data)}


@cache
def _facts(data: bytes) -> dict[str, str]:
    sound = spectrogram.read(data)
    return {"seconds": f"{sound.seconds:.1f} s", "highest": f"{sound.rate / 2000:g} kHz"}
