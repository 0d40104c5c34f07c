"""Sound: ``bench.modalities.audio.batch.Audio`` of one sample rate, clips of several lengths."""

from __future__ import annotations

import io
import wave
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from bench.datasets.base import BadSample, NoReconstruction, Sample
from bench.modalities.audio.batch import Audio
from bench.modalities.signal import MANY, Signal, SystemFailure

SHIFT_SECONDS = 0.1
"""How much later a training clip may begin."""

PADDED_SECONDS = 240.0
"""Seconds of audio, padding included, that a batch may hold: one clip of ten minutes must not make eight of it."""


class AudioFinish(BaseModel):
    """What happens to a decoder's output before it is scored; the reference is treated alike."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    clamp: bool = Field(default=True, description="clamp to [-1, 1]")
    rounding: Literal["none", "16-bit"] = Field(
        default="none", description="to the levels of 16-bit PCM, as after a WAV file, or not at all"
    )

    def __call__(self, audio: Audio) -> Audio:
        """Audio as it is scored, float32 in [-1, 1]; padding is zero."""
        samples = audio.samples.float()
        if self.clamp:
            samples = samples.clamp(-1, 1)
        if self.rounding == "16-bit":
            samples = torch.round(samples * 32768).clamp(-32768, 32767) / 32768
        inside = torch.arange(samples.shape[2], device=samples.device) < audio.lengths.to(samples.device)[:, None]
        return audio.like(samples * inside[:, None])


class AudioSignal(Signal):
    """Batches are of one number of channels; padding is zeros, and every clip's true length is known."""

    name: ClassVar[str] = "audio"
    suffix: ClassVar[str] = ".wav"
    bounds: ClassVar[tuple[float, float]] = (-1.0, 1.0)
    size_unit: ClassVar[str] = "s"
    sweep_sizes: ClassVar[Mapping[str, tuple[float, ...]]] = {"cpu": (2.0,), "cuda": (5.0, 30.0)}

    def joins(self, batch: Sequence[Sample], sample: Sample, equal_lengths: bool) -> bool:
        first, shape = batch[0].signal.shape, sample.signal.shape
        if first[0] != shape[0] or (equal_lengths and first[1] != shape[1]):
            return False
        longest = max(shape[1], *(before.signal.shape[1] for before in batch))
        return longest * (len(batch) + 1) <= PADDED_SECONDS * sample.rate

    def collate(self, samples: Sequence[Sample], device: torch.device) -> Audio:
        audio = Audio.of([sample.signal for sample in samples], samples[0].rate)
        return audio.like(audio.samples.to(device))

    def values(self, signal: Any) -> torch.Tensor:
        samples: torch.Tensor = signal.samples
        return samples

    def like(self, signal: Any, values: torch.Tensor) -> Audio:
        audio: Audio = signal.like(values)
        return audio

    def other(self, signal: Any) -> Audio:
        # Backwards and upside down, with a little of a tone, because silence backwards is silence.
        tone = 0.1 * torch.sin(0.3 * torch.arange(signal.samples.shape[2]))[None]
        clips = [tone[:, : clip.shape[1]].to(clip.device) - clip.flip(1) for clip in signal.clips()]
        return Audio.of([clip.clamp(-1, 1) for clip in clips], signal.rate)

    def check(self, output: Any, signal: Any) -> None:
        if not isinstance(output, Audio):
            raise SystemFailure(f"decode gave {type(output).__name__}, not bench.modalities.audio.batch.Audio")
        if not output.samples.is_floating_point():
            raise SystemFailure(f"decode gave {output.samples.dtype}; audio is floating-point numbers in [-1, 1]")
        given, back = ((tuple(audio.samples.shape), audio.rate, audio.lengths.tolist()) for audio in (signal, output))
        if given != back:
            shapes = "{0} at {1} Hz, lengths {2}"
            raise SystemFailure(f"input {shapes.format(*given)} was decoded to {shapes.format(*back)}")

    def sample(self, signal: Any, position: int) -> torch.Tensor:
        clip: torch.Tensor = signal.clips()[position]
        return clip

    def alone(self, signal: Any, position: int) -> Audio:
        return Audio.of([signal.clips()[position]], signal.rate)

    def amounts(self, signal: Any) -> torch.Tensor:
        """Seconds of each clip."""
        seconds: torch.Tensor = signal.seconds
        return seconds

    @property
    def endings(self) -> frozenset[str]:
        from bench.modalities.audio.datasets.sound_files import EXTENSIONS

        return EXTENSIONS

    def read(self, path: Path, original: Sample) -> torch.Tensor:
        """A sound file as float32 ``[channels, samples]``, brought to the rate and the length of the original.

        Channels are averaged where the original has one. A file that is longer or shorter than a tokenizer's output may
        be is rejected; of one that was cut, the reconstruction is cut.
        """
        from bench.modalities.audio.datasets.sound_files import decode_sound
        from bench.modalities.audio.resample import resample
        from bench.modalities.audio.tokenizers.base import fitted, too_far

        try:
            sound = decode_sound(path)
        except BadSample as error:
            raise NoReconstruction(str(error)) from error
        channels, length = original.signal.shape
        samples = sound.samples.mean(0, keepdims=True) if channels == 1 else sound.samples
        if len(samples) != channels:
            raise NoReconstruction(f"has {len(samples)} channels, and its original {channels}")
        waves = torch.from_numpy(resample(samples, sound.rate, original.rate)).float()
        time = waves.shape[1]
        if too_far(min(time, length) if "cut" in original.conversions else time, length, original.rate):
            raise NoReconstruction(
                f"lasts {time / original.rate:.2f} s, and its original {length / original.rate:.2f} s"
            )
        return fitted(waves[None], torch.tensor([length]))[0]

    def moved(self, sample: Sample, generator: np.random.Generator) -> torch.Tensor:
        """The clip begun up to a tenth of a second later, so that its frames fall differently."""
        reach = min(round(SHIFT_SECONDS * sample.rate), sample.signal.shape[1] - 1)
        return sample.signal[:, int(generator.integers(0, reach + 1)) :]

    def sized(self, sample: Sample, size: float) -> Sample:
        """The beginning of a clip, which is repeated where it is shorter than ``size`` seconds."""
        length = max(1, round(size * sample.rate))
        repeats = -(-length // sample.signal.shape[1])
        return replace(sample, signal=sample.signal.repeat(1, repeats)[:, :length])

    def joined(self, one: Any, other: Any) -> Audio:
        return Audio.of([*one.clips(), *other.clips()], one.rate)

    def padded(self, signal: Any) -> bool:
        return not signal.equal_lengths

    def likeliest(self, signal: Any) -> int:
        return int(signal.lengths.argmin())

    def misscaled(self, output: Any, signal: Any) -> str:
        """As in the base class; an output louder than a square wave at full scale is on another scale."""
        far, finding = self.outside(output)
        if float(torch.cat([clip.flatten() for clip in output.clips()]).double().square().mean().sqrt()) > 1:
            raise SystemFailure(
                f"{finding}; audio is in [-1, 1]: divide by full scale in decode, by 32768 for 16-bit numbers"
            )
        return f"{finding}; audio is in [-1, 1], and the rest is clamped" if far >= MANY else ""

    def encoded(self, signal: Any, position: int) -> bytes:
        """A WAV file of 16 bits per sample, cut to the clip's true length."""
        clip = signal.clips()[position].float().cpu()
        levels = torch.round(clip * 32768).clamp(-32768, 32767).to(torch.int16)
        sink = io.BytesIO()
        with wave.open(sink, "wb") as file:
            file.setnchannels(len(levels))
            file.setsampwidth(2)
            file.setframerate(signal.rate)
            file.writeframes(levels.T.contiguous().numpy().astype("<i2").tobytes())
        return sink.getvalue()
