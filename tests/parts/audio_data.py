"""Real speech for the tests of audio metrics, and poor reconstructions of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import av
import numpy as np
import torch
from scipy.signal import butter, sosfiltfilt
from tester import Samples

from bench.contracts.tokens import Codebook, Tokens
from bench.metrics.base import Batch
from bench.modalities.audio.batch import Audio

PROMPTS = Path("/usr/share/asterisk/sounds/en_US_f_Allison")
RATE = 16_000
SOUND_BOOKS = (Codebook(16, "1/50 s", 50.0), Codebook(6, "1/25 s", 25.0))
ENCODE, DECODE = 0.2, 0.1
"""Seconds per second of audio."""
DELAYS = (0, 5, -8, 40)
"""Samples by which each reconstruction of ``sound`` is late."""


@cache
def prompt(name: str) -> np.ndarray:
    """Return a recorded prompt, float32 ``[samples]`` at 16 kHz."""
    path = PROMPTS / f"{name}.g722"
    assert path.exists(), f"{path} is missing: apt install asterisk-core-sounds-en-g722"
    with av.open(str(path), format="g722") as file:
        frames = [frame.to_ndarray() for frame in file.decode(audio=0)]
    speech: np.ndarray = np.concatenate(frames, 1)[0].astype(np.float32) / 32768
    return speech


def distorted(clip: np.ndarray, delay: int = 0, noise: float = 0.003, gain: float = 0.8) -> np.ndarray:
    """Low-pass a clip at 3.4 kHz, add noise and shift it by ``delay`` samples: float32 ``[samples]``."""
    low = sosfiltfilt(butter(4, 3400, fs=RATE, output="sos"), clip)
    noisy = gain * low + noise * np.random.default_rng(len(clip)).standard_normal(len(clip))
    return shifted(noisy, delay).astype(np.float32)


def shifted(clip: np.ndarray, delay: int) -> np.ndarray:
    """Delay a clip by ``delay`` samples, or advance it if negative; the length stays, gaps are zero."""
    return np.pad(clip, (max(0, delay), max(0, -delay)))[max(0, -delay) :][: len(clip)]


def audio_batch(
    reference: Sequence[np.ndarray],
    reconstruction: Sequence[np.ndarray],
    rate: int = RATE,
    tokens: Tokens | None = None,
    transcripts: tuple[str | None, ...] = (),
    index: Sequence[int] | None = None,
    group: Sequence[int] | None = None,
) -> Batch:
    """Make a batch of clips ``[samples]`` or ``[channels, samples]``, by default each in its own group."""
    sides = [[torch.from_numpy(np.atleast_2d(clip)).float() for clip in side] for side in (reference, reconstruction)]
    at = torch.tensor(range(len(reference)) if index is None else index)
    return Batch(
        index=at,
        group=at if group is None else torch.tensor(group),
        reference=Audio.of(sides[0], rate),
        reconstruction=Audio.of(sides[1], rate),
        tokens=tokens or Tokens(latents=torch.zeros(len(at), 1, 1)),
        ids=tuple(f"clip-{i}" for i in at.tolist()),
        transcripts=transcripts or (None,) * len(at),
        languages=("en",) * len(at),
    )


@dataclass(frozen=True)
class Sound(Samples):
    """Clips of unequal lengths, so that a batch pads them, and poor reconstructions, ``[samples]`` each.

    ``codes`` holds for each codebook the codes of each clip, of unequal lengths too; ``payload``, if there is any,
    is what a codec wrote instead. A clip takes the same share of its length to encode, and to decode, as any other.
    """

    reference: tuple[np.ndarray, ...]
    reconstruction: tuple[np.ndarray, ...]
    codes: tuple[tuple[torch.Tensor, ...], ...]
    group: torch.Tensor
    transcripts: tuple[str, ...]
    payload: tuple[bytes, ...] = ()

    def __len__(self) -> int:
        return len(self.reference)

    @property
    def books(self) -> tuple[Codebook, ...]:  # type: ignore[override]
        return () if self.payload else SOUND_BOOKS

    @property
    def seconds(self) -> np.ndarray:
        """Duration of each clip, float64 ``[clips]``."""
        return np.array([len(clip) / RATE for clip in self.reference])

    @property
    def pairs(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """Reference and reconstruction of each clip."""
        return list(zip(self.reference, self.reconstruction, strict=True))

    def tokens(self, index: Sequence[int]) -> Tokens:
        """Return the tokens of the clips at these positions."""
        signal: dict[str, Any] = {
            "signal_rate": RATE,
            "signal_lengths": torch.tensor([len(self.reference[i]) for i in index]),
        }
        if self.payload:
            return Tokens(payload=tuple(self.payload[i] for i in index), **signal)
        chosen = [[level[i] for i in index] for level in self.codes]
        return Tokens(
            codes=tuple(torch.nn.utils.rnn.pad_sequence(level, batch_first=True) for level in chosen),
            lengths=tuple(torch.tensor([len(code) for code in level]) for level in chosen),
            **signal,
        )

    def batch(self, index: Sequence[int]) -> Batch:
        batch = audio_batch(
            [self.reference[i] for i in index],
            [self.reconstruction[i] for i in index],
            tokens=self.tokens(index),
            transcripts=tuple(self.transcripts[i] for i in index),
            index=index,
            group=self.group[list(index)].tolist(),
        )
        seconds = float(self.seconds[list(index)].sum())
        batch.encode_seconds, batch.decode_seconds = ENCODE * seconds, DECODE * seconds
        batch.peak_bytes = 1 << 28
        return batch


@cache
def sound() -> Sound:
    """Return four prompts of 1.1 to 1.9 s in two groups; the third reconstruction has its polarity inverted."""
    transcripts = {
        "lowercase": "Lowercase",
        "conf-muted": "You are now muted.",
        "conf-full": "The conference is full.",
        "vm-from-phonenumber": "From phone number",
    }
    clips = tuple(prompt(name) for name in transcripts)
    gains = (0.8, 0.9, -0.7, 1.0)
    generator = torch.Generator().manual_seed(0)
    codes = tuple(
        tuple(torch.randint(book.size, (round(len(clip) * book.rate / RATE),), generator=generator) for clip in clips)
        for book in SOUND_BOOKS
        if book.rate
    )
    return Sound(
        clips,
        tuple(distorted(clip, delay, gain=gain) for clip, delay, gain in zip(clips, DELAYS, gains, strict=True)),
        codes,
        torch.arange(len(clips)) // 2,
        tuple(transcripts.values()),
    )


@cache
def coded_sound() -> Sound:
    """Return the same clips as a codec with a thousandth of the reference's bits would."""
    return replace(sound(), codes=(), payload=tuple(bytes(len(clip) // 500) for clip in sound().reference))
