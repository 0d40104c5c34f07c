"""CMU PocketSphinx with the US English model in its wheel: small and offline."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from bench.errors import Unavailable
from bench.machine.canonical import sha256_file
from bench.machine.extras import remedy
from bench.modalities.audio.recognizers.base import RATE, Recognizer, at_model_rate

MODEL = "en-us"
OPTIONS: dict[str, Any] = {
    "beam": 1e-48,
    "wbeam": 7e-29,
    "pbeam": 1e-48,
    "lw": 6.5,
    "fwdflatlw": 8.5,
    "bestpathlw": 9.5,
    "wip": 0.65,
    "topn": 4,
    "ds": 1,
    "maxhmmpf": 30000,
    "fwdflat": True,
    "bestpath": True,
    "dither": False,
}
"""The package's defaults of the options that trade accuracy for time, so that the protocol states them."""


def model_folder() -> Path:
    """The folder of the package with the acoustic model, the language model and the dictionary of US English.

    Raises:
        Unavailable: the package is not installed.
    """
    try:
        return Path(importlib.import_module("pocketsphinx").get_model_path(MODEL))
    except ImportError as error:
        raise Unavailable(f"pocketsphinx cannot be imported ({error})", remedy("pocketsphinx")) from error


def hashes(folder: Path, files: Iterable[Path]) -> dict[str, str]:
    """sha256 of files, and of the files in folders, by their names relative to ``folder``."""
    inside = [inner for file in files for inner in ([file] if file.is_file() else file.iterdir())]
    return {file.relative_to(folder).as_posix(): sha256_file(file) for file in sorted(inside)}


def pcm(samples: np.ndarray, rate: int) -> bytes:
    """A clip float32 ``[n]`` in [-1, 1] as 16-bit samples at the model's rate."""
    waves: np.ndarray = np.rint(at_model_rate(samples, rate) * 32768).clip(-32768, 32767).astype(np.int16)
    return waves.tobytes()


class PocketSphinx(Recognizer):
    """Gaussian mixtures, a trigram language model and a dictionary (Huggins-Daines et al. 2006).

    It errs on a quarter to a third of the words of clean speech: fit to compare systems with one another, not
    with error rates reported in papers. A clip is decoded whole, so that its cepstral mean is its own.

    Raises:
        Unavailable: the package is not installed.
    """

    languages = ("en",)
    in_pool: ClassVar[bool] = True

    def __init__(self) -> None:
        self._folder = model_folder()
        self.label = f"pocketsphinx {metadata.version('pocketsphinx')} {MODEL}"

    @property
    def _files(self) -> dict[str, Path]:
        """Acoustic model, language model and dictionary."""
        return {
            "hmm": self._folder / MODEL,
            "lm": self._folder / f"{MODEL}.lm.bin",
            "dict": self._folder / f"cmudict-{MODEL}.dict",
        }

    def describe(self) -> dict[str, Any]:
        return {
            "name": "pocketsphinx",
            "package": metadata.version("pocketsphinx"),
            "files": hashes(self._folder, self._files.values()),
            "options": OPTIONS,
        }

    @cached_property
    def _decoder(self) -> Any:
        paths = {name: str(path) for name, path in self._files.items()}
        return importlib.import_module("pocketsphinx").Decoder(samprate=RATE, loglevel="FATAL", **paths, **OPTIONS)

    def transcribe(self, samples: np.ndarray, rate: int, language: str = "") -> str:
        waves = pcm(samples, rate)
        if not waves:
            return ""
        # Without it the Gaussians that the last clip's end was nearest to decide what this clip's start is scored with.
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        try:
            self._decoder.process_raw(waves, no_search=False, full_utt=True)
        finally:
            self._decoder.end_utt()
        hypothesis = self._decoder.hyp()
        return hypothesis.hypstr if hypothesis else ""

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in self.__dict__.items() if name != "_decoder"}
