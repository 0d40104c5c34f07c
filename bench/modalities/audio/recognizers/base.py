"""The recognizer contract: speech to text, and everything that decides the text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np

from bench import registry
from bench.contracts.system import parse
from bench.errors import BenchError, Unavailable

if TYPE_CHECKING:
    import torch

Side = Literal["original", "reconstruction"]
RATE = 16000
"""Sample rate that the recognizers here were trained at."""


class Source(ABC):
    """Where the transcripts of clips come from. Building one loads no model; it must travel between processes.

    Attributes:
        languages: ISO 639-1 codes of the languages it understands (``"en"``); empty if any.
        label: name, version and model in words, shown in every table.
    """

    languages: tuple[str, ...] = ()
    label: str

    @classmethod
    def facts(cls, name: str) -> dict[str, Any]:
        """What `bench show` reports of the recognizer of a spec: model and version, languages, decoding options."""
        source = build(name)
        options = source.describe().get("options", {})
        return {"model": source.label, "languages": ", ".join(source.languages) or "any", "options": options}

    @classmethod
    def fetched(cls, name: str) -> str:
        """Fetch the files of the recognizer of a spec if they are missing; returns where they are.

        Raises:
            Unavailable: the files are not on this machine and cannot be fetched.
        """
        from bench.tokenizers.checkpoint import hub_offline

        try:
            source = build(name)
        except Unavailable as error:
            if hub_offline():
                raise Unavailable("it is not in the cache, and HF_HUB_OFFLINE is set", "unset it") from error
            raise
        checkpoint = getattr(source, "checkpoint", None)
        return str(checkpoint.folder) if checkpoint else f"{source.label}: here with its package"

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """Everything that decides the text, as JSON: packages with versions, sha256 of model files, options.

        Raises:
            Unavailable: it is not on this machine; the message says how to get it.
        """


class Recognizer(Source):
    """A model that transcribes speech. Its text of a clip must not depend on the clips before it.

    Class attributes: ``in_pool`` says whether it runs on the processor in processes of ``bench/machine/pool.py``,
    in each an instance of its own; otherwise it runs in the main process, on the device that ``to`` names.
    """

    in_pool: ClassVar[bool] = False

    @abstractmethod
    def transcribe(self, samples: np.ndarray, rate: int, language: str = "") -> str:
        """The text of a clip as the model writes it.

        Args:
            samples: float32 ``[n]``, one channel, in [-1, 1], without padding.
            rate: samples per second; the recognizer resamples.
            language: ISO 639-1 code of what is spoken; empty if unknown.

        Returns:
            The text; empty if the model recognizes no words.
        """

    def to(self, device: torch.device) -> Recognizer:
        """Move the model to a device, in float32; recognizers in the pool stay on the processor."""
        return self


class Transcripts(Source):
    """Transcripts that were made elsewhere, found by the clip's id instead of its audio."""

    @classmethod
    def facts(cls, name: str) -> dict[str, Any]:
        return {}  # a table of transcripts, and none was given

    @classmethod
    def fetched(cls, name: str) -> str:
        return "needs no weights"

    @abstractmethod
    def find(self, id: str, side: Side, system: str = "") -> str | None:
        """The text of a clip; None if there is none.

        Args:
            id: the sample's id in the dataset.
            system: name of the system that made the reconstruction.
        """


def build(text: str) -> Source:
    """The recognizer of a spec: NAME, NAME@VALUE, NAME@key=value,..., NAME=PATH or my_file.py:Class.

    Raises:
        BenchError: there is no recognizer of this name, or it takes no such argument.
        Unavailable: it is not on this machine.
    """
    spec = parse(text, "recognizers")
    spec.check()
    recognizer = registry.load(spec.entry.target)(**spec.arguments)
    if not isinstance(recognizer, Recognizer | Transcripts):
        raise BenchError(
            f"{text}: {type(recognizer).__name__} is not a bench.modalities.audio.recognizers.base.Recognizer"
        )
    return recognizer


def at_model_rate(samples: np.ndarray, rate: int) -> np.ndarray:
    """float32 ``[n]`` at ``RATE``, by soxr's very high quality."""
    from bench.modalities.audio.resample import resample  # soxr, of the optional extra

    out: np.ndarray = resample(samples[None], rate, RATE)[0]
    return out
