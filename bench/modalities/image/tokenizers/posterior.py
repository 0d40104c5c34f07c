"""Samples of a posterior over latents that depend on a seed and on the image itself, and on nothing else.

The batch of an image, its place in it and the device do not matter; equal images get equal noise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import torch


def generator_of(image: torch.Tensor, seed: int) -> torch.Generator:
    """A generator on the processor that depends only on an image and a seed."""
    content = hashlib.sha256(seed.to_bytes(8, "little", signed=True))
    content.update(image.detach().to("cpu", torch.float32).contiguous().numpy().tobytes())
    return torch.Generator().manual_seed(int.from_bytes(content.digest()[:8], "little") >> 1)


def noise_of(images: torch.Tensor, shape: Sequence[int], seed: int) -> torch.Tensor:
    """Standard normal noise float32 ``[batch, *shape]`` for images ``[batch, ...]``, on their device."""
    noise = [torch.randn(tuple(shape), generator=generator_of(image, seed)) for image in images]
    return torch.stack(noise).to(images.device)
