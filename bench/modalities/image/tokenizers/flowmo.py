"""FlowMo (Sargent et al. 2025, arXiv 2503.11056; github.com/kylesargent/FlowMo): codes that a flow decodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from bench.contracts.tokens import Codebook
from bench.errors import whole_number
from bench.modalities.image.networks.flowmo import Transformer
from bench.modalities.image.networks.signs import codes_of_signs, signs_of_codes
from bench.modalities.image.tokenizers.posterior import noise_of
from bench.modalities.image.tokenizers.published import PublishedCodes
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import share

GUIDANCE = 1.5
GUIDED = tuple(noise / (1 + noise) for noise in (0.17, 1.02))
POWER = 4
"""Guidance, the times within which it applies, and the curve of the times, as the publisher's evaluation has them."""

LARGEST = {"image_size": 4096, "code_length": 65536, "codebook_size_for_entropy": 62, "sample_steps": 1000}
"""What a configuration may state at most of each size."""


class Network(nn.Module):
    """Encoder and decoder.

    Args:
        image_size, patch_size: in pixels.
        code_length: tokens of an image.
        context_dim: bits of a token.
        codebook_size_for_entropy: bits of each code of a token.
        heads: of both transformers.
        encoder, decoder: ``width``, ``depth`` and ``axes``; see
            :class:`bench.modalities.image.networks.flowmo.Transformer`.
        sample_steps: steps of the flow.
    """

    def __init__(
        self,
        image_size: int,
        patch_size: int,
        code_length: int,
        context_dim: int,
        codebook_size_for_entropy: int,
        heads: int,
        encoder: Mapping[str, Any],
        decoder: Mapping[str, Any],
        sample_steps: int,
    ) -> None:
        super().__init__()
        self.side, self.length, self.steps = image_size, code_length, sample_steps
        self.bits, self.code_bits = context_dim, codebook_size_for_entropy
        self.encoder = Transformer(patch_size, context_dim, heads=heads, **encoder)
        # One channel more says whether there are codes.
        self.decoder = Transformer(patch_size, context_dim + 1, heads=heads, **decoder)

    def encoded(self, images: torch.Tensor) -> torch.Tensor:
        """Numbers ``[batch, length, bits]`` whose signs are the bits of images."""
        numbers: torch.Tensor = self.encoder(images, images.new_zeros(len(images), self.length, self.bits))[1]
        return numbers

    def decoded(self, signs: torch.Tensor, noise: torch.Tensor) -> torch.Tensor:
        """Images that the flow makes of noise ``[batch, 3, side, side]`` and bits of -1 and 1."""
        codes = torch.cat([signs, torch.ones_like(signs[..., :1])], -1)
        times = torch.arange(self.steps, -1, -1) ** POWER / self.steps**POWER
        x = noise
        for time, step in zip(times[:-1].tolist(), (times[:-1] - times[1:]).tolist(), strict=True):
            at = torch.full((len(x),), time, device=x.device, dtype=x.dtype)
            speed = self.decoder(x, codes, at)[0]
            if GUIDED[0] <= time <= GUIDED[1]:
                free = self.decoder(x, torch.zeros_like(codes), at)[0]
                speed = free + GUIDANCE * (speed - free)
            x = x - step * speed
        return x


class FlowMo(PublishedCodes):
    """FlowMo: a sequence of tokens, whose bits are a few codes each, decoded by sampling from a rectified flow.

    The noise that sampling begins with depends on the seed and on an image's codes, and on nothing else: not on the
    batch, nor on the device.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
        seed: seed of the noise; see ``bench.modalities.image.tokenizers.posterior``.
    """

    called = "FlowMo"

    def __init__(
        self,
        path: str | None = None,
        repo: str | None = None,
        subfolder: str | None = None,
        revision: str | None = None,
        seed: int = 0,
        offline: bool = False,
        file: str | None = None,
        config: Mapping[str, Any] | str | None = None,
        weights: str | None = None,
    ) -> None:
        super().__init__(path, repo, subfolder, revision, offline, file, config, weights)
        self.seed = seed

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` has the arguments of :class:`Network`.

        Raises:
            BenchError: a size is not one, which no shape of a tensor would show.
        """
        if not {"code_length", "codebook_size_for_entropy"} <= config.keys():
            return None
        for key, most in LARGEST.items():
            whole_number(key, config[key], 1, most)
        return Layout(config)

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @staticmethod
    def factor_of(model: Network) -> int:
        return model.side

    @staticmethod
    def side_of(model: Network) -> int:
        return model.side

    def codebooks_in(self, model: Network) -> tuple[Codebook, ...]:
        return _codebooks(model.bits, model.code_bits, model.length, model.side)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        bits, code_bits = config["context_dim"], config["codebook_size_for_entropy"]
        return _codebooks(bits, code_bits, config["code_length"], config["image_size"])

    def positions(self, height: int, width: int) -> list[int]:
        return [self.model.length] * len(self.codebooks)

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        numbers: torch.Tensor = self.model.encoded(images)
        # The bits of the codes of a token alternate.
        bits = numbers.unflatten(-1, (self.model.code_bits, -1)).mT.flatten(-2)
        return codes_of_signs(bits.mT, self._bits)

    def images_of(self, codes: Sequence[torch.Tensor]) -> torch.Tensor:
        signs = signs_of_codes(codes, self._bits).mT.unflatten(-1, (len(codes), -1)).mT.flatten(-2)
        noise = noise_of(torch.stack(tuple(codes), -1), (3, self.side, self.side), self.seed)
        images: torch.Tensor = self.model.decoded(signs.to(self.dtype), noise.to(self.dtype))
        return images

    @property
    def _bits(self) -> list[int]:
        """The bits of each code of a token."""
        return [self.model.code_bits] * len(self.codebooks)


def _codebooks(bits: int, code_bits: int, length: int, side: int) -> tuple[Codebook, ...]:
    return (Codebook(2**code_bits, share(length, side)),) * (bits // code_bits)
