"""Preprocessing of audio as the protocol states it, and the base of the datasets made of audio files."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field, model_validator

from bench.contracts.settings import validated
from bench.datasets.base import CANCELLED, FAINT, SILENT, BadSample, Dataset, Sample
from bench.errors import BenchError
from bench.machine.canonical import digest
from bench.machine.contents import content_hashes
from bench.modalities.audio.datasets.sound_files import MAX_VALUES, RATES, Sound, decode_sound
from bench.modalities.audio.resample import resample

FAINT_RMS = 1e-3
"""RMS of -60 dB of full scale: speech is at -35 to -15, and 16-bit samples of this level have 6 bits left."""

CANCELLED_SHARE = 0.1
"""Share of the louder channel's RMS. Unrelated channels leave 0.7 of it, an empty channel leaves half."""


class AudioPreprocessing(BaseModel):
    """How a stored clip becomes a sample; the protocol states and hashes every setting."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    rate: int = Field(default=16_000, ge=RATES[0], le=RATES[1], description="samples per second of every clip")
    resampler: Literal["soxr VHQ"] = Field(default="soxr VHQ", description="resampler that brings clips to the rate")
    channels: Literal["mono", "first", "all"] = Field(
        default="mono", description="mono: the mean of the channels; first: the first one; all: as stored"
    )
    min_seconds: float = Field(default=0.0, ge=0, description="shorter clips are counted and named, not measured")
    max_seconds: float | None = Field(default=None, gt=0, description="longest clip; without it, any length")
    longer: Literal["skip", "cut"] = Field(
        default="skip", description="what becomes of clips above max_seconds; one that is cut loses its transcript"
    )
    unreadable: Literal["skip", "error"] = Field(
        default="skip", description="files that are damaged or not audio: counted and named, or fatal"
    )

    @model_validator(mode="after")
    def _no_choice_without_effect(self) -> AudioPreprocessing:
        """Reject settings without effect, since protocols that do the same must be equal."""
        if self.max_seconds is None and self.longer == "cut":
            raise ValueError("longer 'cut' needs max_seconds")
        if self.max_seconds is not None and self.max_seconds < max(self.min_seconds, 1 / self.rate):
            raise ValueError(f"max_seconds {self.max_seconds:g} leaves no clips; raise it, or lower min_seconds")
        return self


@dataclass(frozen=True)
class StoredSound:
    """An audio file of a dataset: its id, where it lies, the independent unit it belongs to, and what is said."""

    id: str
    path: Path
    group: int
    transcript: str | None = None


class AudioDataset(Dataset):
    """A dataset made of audio files. Subclasses name the files and the default preprocessing.

    Samples are float32 ``[channels, samples]`` at the protocol's rate; ``[1, samples]`` unless the protocol keeps
    all channels. Their ``stored`` names the file's own rate and channels. Of ``conversions``, ``upsampled`` warns
    that the audio has nothing above half its stored rate, ``beyond full scale`` that it leaves [-1, 1], and those in
    ``bench.datasets.base.DOUBTFUL`` that next to nothing is left to be measured.

    Class attributes: ``defaults`` is the preprocessing where the protocol states none, ``splits`` the splits,
    the first of which is the default. ``find`` may set ``root``, a folder whose hashes are worth caching.

    Args:
        settings: the protocol's preprocessing; what it leaves out is as in ``defaults``.
        split: one of ``splits``.
        data: where the files are, for datasets that need a path.
        language: ISO 639-1 code of what is said; empty if unknown.

    Raises:
        BenchError: there is no such split or setting, or there are no data or files.
    """

    modality = "audio"
    defaults: ClassVar[AudioPreprocessing] = AudioPreprocessing()
    splits: ClassVar[tuple[str, ...]]
    root: Path | None = None

    def __init__(
        self,
        settings: Mapping[str, Any] | None = None,
        split: str | None = None,
        data: str | None = None,
        *,
        language: str = "",
    ) -> None:
        split = self.splits[0] if split is None else split
        if split not in self.splits:
            raise BenchError(f"{self.name} has no split {split!r}; choose from {', '.join(self.splits)}")
        given = {**self.defaults.model_dump(), **(settings or {})}
        self.preprocessing = validated(AudioPreprocessing, given, f"preprocessing of {self.name}")
        super().__init__(self.preprocessing.model_dump(), split, data)
        self.language = language
        self.files = self.find()

    @abstractmethod
    def find(self) -> Sequence[StoredSound]:
        """The files of ``self.split`` in ``self.data``, in order; called once."""

    def __len__(self) -> int:
        return len(self.files)

    def id(self, index: int) -> str:
        return self.files[index].id

    def transcript(self, index: int) -> str | None:
        return self.files[index].transcript

    def load(self, index: int) -> Sample:
        """The sample at a position, float32 ``[channels, samples]``.

        Raises:
            BadSample: its file is unreadable, too short or too long, under a protocol that skips those.
            BenchError: its file is unreadable under a protocol where that is fatal.
        """
        file = self.files[index]
        try:
            sound = decode_sound(file.path)
        except BadSample as error:
            if self.preprocessing.unreadable == "error":
                raise BenchError(f"{file.path}: {error}") from error
            raise
        samples, notes = self._prepared(sound)
        transcript = None if "cut" in notes else file.transcript
        channels = len(sound.samples)
        return Sample(
            id=file.id,
            group=file.group,
            signal=torch.from_numpy(samples),
            conversions=sound.notes + notes,
            rate=self.preprocessing.rate,
            stored=f"{sound.rate} Hz, {channels} channel{'s' * (channels > 1)}",
            transcript=transcript,
            language=self.language,
        )

    def __iter__(self) -> Iterator[Sample]:
        """The samples that can be measured, in order, as fitting needs them."""
        for index in range(len(self)):
            try:
                yield self.load(index)
            except BadSample:
                continue

    @cached_property
    def hashes(self) -> list[str | None]:
        """sha256 of each file; None for a file that cannot be read."""
        return content_hashes([file.path for file in self.files])

    @cached_property
    def fingerprint(self) -> str:
        """sha256 over the split's name, the language and each file's id, contents and transcript, in order."""
        contents = [[file.id, sha256, file.transcript] for file, sha256 in zip(self.files, self.hashes, strict=True)]
        return digest({"split": self.split, "language": self.language, "files": contents})

    def _prepared(self, sound: Sound) -> tuple[np.ndarray, tuple[str, ...]]:
        """Samples ``[channels, time]`` as the protocol states, and the conversions that took."""
        choice = self.preprocessing
        samples, rate = sound.samples, sound.rate
        seconds = samples.shape[1] / rate
        if seconds < choice.min_seconds:
            raise BadSample(f"{seconds:.3f} s is shorter than {choice.min_seconds:g} s")
        too_long = choice.max_seconds is not None and seconds > choice.max_seconds
        if too_long and choice.longer == "skip":
            raise BadSample(f"{seconds:.3f} s is longer than {choice.max_seconds:g} s")
        notes = []
        if choice.channels != "all" and len(samples) > 1:
            notes.append("mixed down to mono" if choice.channels == "mono" else f"first of {len(samples)} channels")
            loudest = max(map(_rms, samples))
            samples = samples.mean(0, keepdims=True) if choice.channels == "mono" else samples[:1]
            if choice.channels == "mono" and _rms(samples) < CANCELLED_SHARE * loudest:
                notes.append(CANCELLED)
        if rate != choice.rate:
            if samples.size * choice.rate / rate > MAX_VALUES:
                raise BadSample(f"too long at {choice.rate} Hz: more than {MAX_VALUES} samples; cut it into clips")
            notes.append("upsampled" if rate < choice.rate else "downsampled")
            samples = resample(samples, rate, choice.rate)
        if choice.max_seconds is not None and too_long:
            notes.append("cut")
            samples = samples[:, : int(choice.max_seconds * choice.rate)]
        if not samples.shape[1]:
            raise BadSample(f"{seconds:g} s is less than one sample at {choice.rate} Hz")
        if (level := _rms(samples)) < FAINT_RMS:
            notes.append(FAINT if level else SILENT)
        return np.ascontiguousarray(samples, dtype=np.float32), tuple(notes)


def _rms(samples: np.ndarray) -> float:
    """Root of the mean square of all samples; 0 only if all are zero."""
    flat = samples.astype(np.float64).ravel()
    return float(np.sqrt(flat @ flat / max(len(flat), 1)))
