"""The files of kept samples within the site: each content once, sounds with their pictures."""

from __future__ import annotations

import hashlib
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.publishing import spectrogram
from bench.publishing.gallery import Shown


class Samples:
    """Hands out addresses of sample files and remembers what it handed out."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._sides: dict[Path, dict[str, str]] = {}

    def view(self, shown: Shown) -> dict[str, Any]:
        """A sample with the addresses of its files, from the root of the site, and of their pictures."""
        return {
            "shown": shown,
            "original": self._side(shown.original),
            "reconstruction": self._side(shown.reconstruction),
        }

    def files(self) -> Iterator[tuple[str, bytes]]:
        """All that was handed out."""
        yield from sorted(self._files.items())

    def _side(self, file: Path) -> dict[str, str]:
        if file not in self._sides:
            data = file.read_bytes()
            name = f"samples/{hashlib.sha256(data).hexdigest()[:16]}"
            side = {"file": f"{name}{file.suffix}"}
            self._files[side["file"]] = data
            if file.suffix == ".wav":
                side |= self._heard(f"{name}-spectrogram.png", _sound(file, data))
            self._sides[file] = side
        return self._sides[file]

    def _heard(self, picture: str, sound: spectrogram.Sound) -> dict[str, str]:
        self._files[picture] = spectrogram.png(sound)
        return {"picture": picture, "seconds": f"{sound.seconds:.1f} s", "highest": f"{sound.rate / 2000:g} kHz"}


def _sound(file: Path, data: bytes) -> spectrogram.Sound:
    try:
        return spectrogram.read(data)
    except (wave.Error, EOFError, ValueError) as error:
        raise BenchError(f"{file}: no WAV file of 16 bits a sample: {error}; measure it again with --fresh") from error
