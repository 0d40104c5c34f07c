"""The files of kept samples within the site: each content once, sounds with their pictures."""

from __future__ import annotations

import hashlib
import wave
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from bench.errors import BenchError
from bench.site import spectrogram
from bench.site.gallery import Kind, Shown

SAVED = ".bin"


class Samples:
    """Hands out addresses of sample files and remembers what it handed out."""

    def __init__(self) -> None:
        self._files: dict[str, bytes] = {}
        self._sides: dict[tuple[Path, Kind], dict[str, str]] = {}

    def view(self, shown: Shown) -> dict[str, Any]:
        """A sample with the addresses of its files, from the root of the site, and of their pictures."""
        return {
            "shown": shown,
            "original": self._side(shown.original, shown.kind),
            "reconstruction": self._side(shown.reconstruction, shown.kind),
        }

    def files(self) -> Iterator[tuple[str, bytes]]:
        """All that was handed out."""
        yield from sorted(self._files.items())

    def _side(self, file: Path, kind: Kind) -> dict[str, str]:
        if (file, kind) not in self._sides:
            data = file.read_bytes()
            name = f"samples/{hashlib.sha256(data).hexdigest()[:16]}"
            # What is neither image nor sound may be anything: nothing that a server or browser would run or show.
            side = {"file": f"{name}{SAVED if kind == 'file' else file.suffix}", "name": file.name}
            self._files[side["file"]] = data
            if kind == "sound":
                side |= self._heard(f"{name}-spectrogram.png", _sound(file, data))
            self._sides[file, kind] = side
        return self._sides[file, kind]

    def _heard(self, picture: str, sound: spectrogram.Sound) -> dict[str, str]:
        self._files[picture] = spectrogram.png(sound)
        return {"picture": picture, "seconds": f"{sound.seconds:.1f} s", "highest": f"{sound.rate / 2000:g} kHz"}


def _sound(file: Path, data: bytes) -> spectrogram.Sound:
    try:
        return spectrogram.read(data)
    except (wave.Error, EOFError, ValueError) as error:
        raise BenchError(f"{file}: no WAV file of 16 bits a sample: {error}; measure it again with --fresh") from error
