"""How audio is shown on the site: a player below its spectrogram."""

from __future__ import annotations

import wave

from bench.errors import BenchError
from bench.modalities.audio import spectrogram
from bench.modalities.view import Side, View


class AudioView(View):
    """The view of WAV files of 16 bits: a player with a picture of the spectrogram."""

    suffixes = (".wav",)

    def side(self, data: bytes) -> Side:
        """The ``picture`` of a clip, its duration (``seconds``) and half its sample rate (``highest``) as text."""
        try:
            sound = spectrogram.read(data)
        except (wave.Error, EOFError, ValueError) as error:
            raise BenchError(f"not a WAV file of 16 bits per sample: {error}") from error
        return Side(
            {"seconds": f"{sound.seconds:.1f} s", "highest": f"{sound.rate / 2000:g} kHz"},
            {"picture": ("-spectrogram.png", spectrogram.png(sound))},
        )
