"""Tokenizers with a posterior over latents; its samples depend on a seed and on the image itself alone.

The batch of an image, its place in it and the device do not matter; equal images get equal noise.
"""

from __future__ import annotations

import hashlib
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import torch

from bench.errors import BenchError
from bench.modalities.image.tokenizers.published import PublishedLatents

LEAST, LARGEST = -30, 20
"""Bounds of the logarithms of variances before they are used, as in latent-diffusion."""


def require_mode_or_sample(argument: str, value: str) -> None:
    """Raise BenchError for another choice of what is taken of a distribution than its ``mode`` or a ``sample``."""
    if value not in ("mode", "sample"):
        raise BenchError(f"{argument}={value}: choose mode or sample")


def generator_of(image: torch.Tensor, seed: int) -> torch.Generator:
    """A generator on the processor that depends only on an image and a seed."""
    content = hashlib.sha256(seed.to_bytes(8, "little", signed=True))
    content.update(image.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return torch.Generator().manual_seed(int.from_bytes(content.digest()[:8], "little") >> 1)


def noise_of(images: torch.Tensor, shape: Sequence[int], seed: int) -> torch.Tensor:
    """Standard normal noise float32 ``[batch, *shape]`` for images ``[batch, ...]``, on their device."""
    noise = [torch.randn(tuple(shape), generator=generator_of(image, seed)) for image in images]
    return torch.stack(noise).to(images.device)


class PosteriorLatents(PublishedLatents):
    """A published image tokenizer whose network gives a normal distribution for each latent.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
        latents: ``mode`` of the posterior, or a ``sample`` of it.
        seed: seed of the samples.
    """

    latents = "mode"
    seed = 0

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        latents: str = "mode",
        seed: int = 0,
        offline: bool = False,
        file: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        weights: str | None = None,
    ) -> None:
        require_mode_or_sample("latents", latents)
        super().__init__(path, repo, subfolder, revision, offline, file, config, weights)
        self.latents, self.seed = latents, seed

    @abstractmethod
    def posterior_of(self, images: torch.Tensor) -> torch.Tensor:
        """Means, then logarithms of variances, ``[batch, *grid, 2 * dim]``, of prepared images."""

    def latents_of(self, images: torch.Tensor) -> torch.Tensor:
        mean, log_variance = self.posterior_of(images).float().chunk(2, -1)
        if self.latents == "mode":
            return mean
        deviation = (0.5 * log_variance.clamp(LEAST, LARGEST)).exp()
        return mean + deviation * noise_of(images, mean.shape[1:], self.seed)
