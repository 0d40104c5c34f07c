"""Rates and speed of image tokenizers: tokens per image, bits per pixel, images per second."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch

from bench.contracts.stats import Estimate
from bench.contracts.tokens import TokenKind
from bench.metrics.base import ENCODES_ONLY, Batch
from bench.metrics.cost import Timed, total_rate
from bench.metrics.counts import NO_BITS, UNKNOWN
from bench.metrics.rates import STATE_RATE, EntropyRate, RateMetric


def pixels_of(batch: Batch) -> int:
    """Pixels of one reference image, channels counted once."""
    return math.prod(batch.reference.shape[2:])


class TokensPerImage(RateMetric, line="tokens_per_image"):
    """Codes per image over all levels; latent vectors per image for continuous tokens."""

    undefined: ClassVar[Mapping[TokenKind, str]] = {"bytes": "a codec emits bytes, not tokens; see bits_per_pixel"}

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        count = batch.tokens.counts
        return {"tokens_per_image": torch.full((len(batch.index),), math.nan) if count is None else count}


class BitsPerPixel(RateMetric, line="bits_per_pixel"):
    """Nominal bits per pixel: log2 of the codebook size per code; for a codec, its bytes with headers."""

    undefined: ClassVar[Mapping[TokenKind, str]] = {**NO_BITS, "unknown": ""}

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        bits = batch.tokens.nominal_bits(self.codebooks)
        if bits is None:
            bits = torch.full((len(batch.index),), math.nan, dtype=torch.float64)
        return {"bits_per_pixel": bits / pixels_of(batch)}

    def compute(self) -> dict[str, Estimate]:
        (name,) = self.outputs
        if self.seen_kind == "unknown" and not np.isfinite(self.samples()[name]).any():
            return {name: self.unavailable(name, UNKNOWN, remedy=STATE_RATE)}
        return super().compute()


class BitsPerPixelEntropy(EntropyRate, line="bits_per_pixel_entropy"):
    """Entropy rate of images in bits per pixel."""

    def amount(self, batch: Batch) -> torch.Tensor:
        return torch.full((len(batch.index),), pixels_of(batch))


class Throughput(Timed, line="throughput"):
    """Images per second encoded and decoded: all timed images over all seconds, warm-up left out.

    The interval is a jackknife over batches: it shows how steady this run was, not what another load of the machine
    would give.
    """

    def amounts(self, batch: Batch) -> list[float]:
        return [len(batch.index)]

    def speeds(self, *columns: np.ndarray) -> dict[str, Estimate]:
        images, *seconds = columns
        return {name: self._rate(name, images, seconds[i]) for i, name in enumerate(self.outputs)}

    def _rate(self, name: str, images: np.ndarray, seconds: np.ndarray) -> Estimate:
        if np.isnan(seconds).any():
            return self.unavailable(name, ENCODES_ONLY)
        if not seconds.sum() > 0:
            return self.unavailable(name, "no batch was timed")
        return self.describe(name, total_rate(images, seconds))
