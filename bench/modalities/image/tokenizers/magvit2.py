"""Open-MAGVIT2 and WeTok: lookup-free quantization by sign, with one code or groups of codes at each position.

Luo et al. 2024, arXiv 2409.04410, github.com/TencentARC/SEED-Voken; Zhuang et al. 2025, arXiv 2508.05599,
github.com/zhuangshaobin/WeTok.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from bench.contracts.tokens import Codebook
from bench.errors import BenchError
from bench.modalities.image.networks import magvit2
from bench.modalities.image.networks.signs import codes_of_signs, signs_of_codes
from bench.modalities.image.tokenizers.published import PublishedCodes
from bench.tokenizers.layouts import Layout
from bench.tokenizers.pretrained import area


class Network(nn.Module):
    """Encoder and decoder; the quantizer between them has no tensors.

    Args:
        bits: bits of the code of each level; together as many as the latents have channels.
        noisy: see :class:`bench.modalities.image.networks.magvit2.Decoder`.
    """

    def __init__(
        self,
        bits: Sequence[int],
        ch: int,
        ch_mult: Sequence[int],
        num_res_blocks: int,
        z_channels: int,
        in_channels: int,
        out_ch: int,
        noisy: bool,
    ) -> None:
        super().__init__()
        self.encoder = magvit2.Encoder(ch, ch_mult, num_res_blocks, z_channels, in_channels)
        self.decoder = magvit2.Decoder(ch, ch_mult, num_res_blocks, z_channels, out_ch, noisy)
        self.bits = tuple(bits)
        self.factor: int = 2 ** (len(ch_mult) - 1)


class MAGVIT2(PublishedCodes):
    """The image tokenizers of Open-MAGVIT2 and WeTok: one code at each position, factors of it, or groups of codes.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "Open-MAGVIT2's or WeTok's VQModel"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of a file; ``config`` has the arguments of the publishers' ``VQModel``.

        Returns:
            None if the configuration is of another model.

        Raises:
            BenchError: the codes have other bits than the latents have channels.
        """
        network = config.get("ddconfig")
        if not isinstance(network, Mapping) or "attn_resolutions" in network:
            return None
        if str(config.get("target") or "VQModel").rpartition(".")[2] != "VQModel":
            return None
        kept = ("ch", "ch_mult", "num_res_blocks", "z_channels", "in_channels", "out_ch")
        bits = _bits(config)
        if sum(bits) != network["z_channels"]:
            raise BenchError(f"codes of {' + '.join(map(str, bits))} bits for {network['z_channels']} channels")
        return Layout(
            {"bits": bits, "noisy": bool(config.get("gan_decoder"))}
            | {argument: network[argument] for argument in kept}
        )

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @staticmethod
    def factor_of(model: Network) -> int:
        return model.factor

    def codebooks_in(self, model: Network) -> tuple[Codebook, ...]:
        return _codebooks(model.bits, model.factor)

    @classmethod
    def codebooks_of(cls, config: Mapping[str, Any]) -> tuple[Codebook, ...]:
        return _codebooks(_bits(config), 2 ** (len(config["ddconfig"]["ch_mult"]) - 1))

    def codes_of(self, images: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return codes_of_signs(self.model.encoder(images), self.model.bits)

    def images_of(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        images: torch.Tensor = self.model.decoder(signs_of_codes(codes, self.model.bits).to(self.dtype))
        return images


def _bits(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Bits of the code of each level: of factors where there are some, or else of each of the codebooks."""
    if config.get("token_factorization"):
        return tuple(config.get("factorized_bits", (9, 9)))
    entries = config["n_embed"]
    bits = int(entries).bit_length() - 1
    if entries != 2**bits:
        raise BenchError(f"n_embed is {entries}, not a power of 2")
    return (bits,) * int(config.get("num_codebooks", 1))


def _codebooks(bits: Sequence[int], factor: int) -> tuple[Codebook, ...]:
    return tuple(Codebook(2**count, area(factor)) for count in bits)
