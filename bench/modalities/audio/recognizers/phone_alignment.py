"""Forced alignment: which phone is said when, given the words, by the acoustic model of PocketSphinx."""

from __future__ import annotations

import importlib
import re
from functools import cached_property
from importlib import metadata
from itertools import chain, repeat
from typing import Any

import numpy as np

from bench.modalities.audio.recognizers.base import RATE
from bench.modalities.audio.recognizers.pocketsphinx import MODEL, hashes, model_folder, pcm

SILENCE = "SIL"
PHONES = (
    *("AA", "AE", "AH", "AO", "AW", "AY", "B", "CH", "D", "DH", "EH", "ER", "EY", "F", "G", "HH", "IH", "IY", "JH"),
    *("K", "L", "M", "N", "NG", "OW", "OY", "P", "R", "S", "SH", "T", "TH", "UH", "UW", "V", "W", "Y", "Z", "ZH"),
    SILENCE,
)
"""The 39 phones of the CMU dictionary, without stress, and silence, which stands for breath and noises too."""
FRAMES = 100
"""Frames per second of an alignment."""
OPTIONS: dict[str, Any] = {
    "beam": 1e-48,
    "wbeam": 7e-29,
    "pbeam": 1e-48,
    "topn": 4,
    "ds": 1,
    "dither": False,
    # The best path through the lattice leaves the silence at the ends one frame, in which no phone fits.
    "bestpath": False,
}
_NUMBERS = {phone: number for number, phone in enumerate(PHONES)}


class Unaligned(Exception):
    """A clip whose phones are not known."""


class UnknownWords(Unaligned):
    """The dictionary lacks words of the transcript."""


class PhoneAligner:
    """The phones of clips of US English whose words are known: words first, then the phones within each.

    An alignment of a clip does not depend on the clips before it.

    Raises:
        Unavailable: pocketsphinx is not installed.
    """

    languages = ("en",)

    def __init__(self) -> None:
        self._folder = model_folder()
        self.label = f"pocketsphinx {metadata.version('pocketsphinx')} {MODEL}"
        self._model = {"hmm": self._folder / MODEL, "dict": self._folder / f"cmudict-{MODEL}.dict"}

    def describe(self) -> dict[str, Any]:
        """Everything that decides an alignment, as JSON: package, sha256 of model files, options."""
        return {
            "package": metadata.version("pocketsphinx"),
            "files": hashes(self._folder, self._model.values()),
            "options": OPTIONS,
        }

    def align(self, samples: np.ndarray, rate: int, text: str) -> np.ndarray:
        """The phone of each frame of 10 ms, as its position in ``PHONES``, int64 ``[frames]``.

        Args:
            samples: float32 ``[n]``, one channel, in [-1, 1], without padding.
            rate: samples per second.
            text: what is said, with capitals and punctuation or without.

        Raises:
            UnknownWords: the dictionary lacks some of the words, such as numbers in digits.
            Unaligned: there are no words, or they do not fit the clip.
        """
        words = words_of(text)
        if not words:
            raise Unaligned("no words")
        if unknown := [word for word in words if self._decoder.lookup_word(word) is None]:
            raise UnknownWords(", ".join(unknown))
        waves = pcm(samples, rate)
        try:
            self._decoder.set_align_text(" ".join(words))
            self._pass(waves)
            if self._decoder.hyp() is None:
                raise Unaligned("the words do not fit the clip")
            self._decoder.set_alignment()
            self._pass(waves)
        except RuntimeError as error:
            raise Unaligned(str(error)) from error
        spans = ((phone.name, phone.duration) for word in self._decoder.get_alignment() for phone in word)
        frames = chain.from_iterable(repeat(_NUMBERS.get(name, _NUMBERS[SILENCE]), count) for name, count in spans)
        return np.fromiter(frames, np.int64)

    @cached_property
    def _decoder(self) -> Any:
        paths = {name: str(path) for name, path in self._model.items()}
        package = importlib.import_module("pocketsphinx")
        return package.Decoder(samprate=RATE, loglevel="FATAL", lm=None, **paths, **OPTIONS)

    def _pass(self, waves: bytes) -> None:
        # Without it the Gaussians that the last clip's end was nearest to decide what this clip's start is scored with.
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        try:
            self._decoder.process_raw(waves, no_search=False, full_utt=True)
        finally:
            self._decoder.end_utt()


def words_of(text: str) -> list[str]:
    """The words of a transcript as the dictionary writes them: lower case, with apostrophes inside words."""
    return re.findall(r"\w+(?:'\w+)*", text.lower().replace("’", "'"))
