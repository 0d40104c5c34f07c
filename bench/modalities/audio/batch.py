"""A batch of audio: samples, their rate, and the true length of each clip."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch


@dataclass(frozen=True)
class Audio:
    """Clips of one sample rate, padded with zeros to the longest.

    Attributes:
        samples: float32 ``[batch, channels, time]`` in [-1, 1], zero past each clip's end.
        rate: samples per second.
        lengths: true samples of each clip, int64 ``[batch]``, on the CPU; never more than ``time``.
    """

    samples: torch.Tensor
    rate: int
    lengths: torch.Tensor

    def __post_init__(self) -> None:
        if self.samples.ndim != 3:
            raise ValueError(f"audio is [batch, channels, time], not {tuple(self.samples.shape)}")
        if len(self.lengths) != len(self.samples) or int(self.lengths.max()) > self.samples.shape[2]:
            raise ValueError(f"lengths {self.lengths.tolist()} do not fit samples {tuple(self.samples.shape)}")

    @classmethod
    def of(cls, clips: Sequence[torch.Tensor], rate: int) -> Audio:
        """A batch of clips, each float32 ``[channels, samples]`` with the same number of channels, at one rate."""
        lengths = torch.tensor([clip.shape[1] for clip in clips])
        samples = clips[0].new_zeros(len(clips), clips[0].shape[0], int(lengths.max()))
        for row, clip in zip(samples, clips, strict=True):
            row[:, : clip.shape[1]] = clip
        return cls(samples, rate, lengths)

    def clips(self) -> list[torch.Tensor]:
        """Each clip ``[channels, samples]`` cut to its true length; views."""
        return [row[:, :length] for row, length in zip(self.samples, self.lengths.tolist(), strict=True)]

    @property
    def seconds(self) -> torch.Tensor:
        """True duration of each clip in seconds, float64 ``[batch]``."""
        return self.lengths.to(torch.float64) / self.rate

    @property
    def equal_lengths(self) -> bool:
        """Whether no clip is padded."""
        return bool((self.lengths == self.samples.shape[2]).all())

    def like(self, samples: torch.Tensor) -> Audio:
        """A batch of other samples ``[batch, channels, time]`` with the same rate and lengths."""
        return replace(self, samples=samples)
