"""Autoencoders that a ``ddconfig`` describes, around a quantizer that differs from publisher to publisher.

``ddconfig`` holds the arguments of the encoder and the decoder of taming-transformers (Esser et al. 2021, arXiv
2012.09841; github.com/CompVis/taming-transformers). Many publishers have kept its form.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from bench.errors import BenchError
from bench.modalities.image.networks import taming
from bench.tokenizers.layouts import reject_other_choices

_NEEDED = ("ch", "ch_mult", "num_res_blocks", "attn_resolutions", "in_channels", "out_ch", "resolution", "z_channels")
_LISTS = ("ch_mult", "attn_resolutions")
_SAME = {"use_linear_attn": False, "tanh_out": False, "give_pre_end": False, "resamp_with_conv": True}
"""Choices of ``ddconfig`` that no published autoencoder has others of."""


def check(ddconfig: Mapping[str, Any], doubled: bool) -> None:
    """Raise BenchError for a ``ddconfig`` that lacks an entry, or asks for what the networks here do not have.

    Args:
        doubled: whether the encoder is to give means and log variances (``double_z``).
    """
    if lacking := [key for key in _NEEDED if key not in ddconfig]:
        raise BenchError(f"ddconfig lacks {', '.join(lacking)}")
    for key in _NEEDED:
        values = ddconfig[key] if key in _LISTS else [ddconfig[key]]
        if not isinstance(values, list) or not all(isinstance(value, int) for value in values):
            raise BenchError(f"ddconfig: {key} must be {'whole numbers' if key in _LISTS else 'a whole number'}")
    attention = "vanilla" if attends(ddconfig) else "none"
    choices = {**_SAME, "attn_type": attention, "double_z": doubled}
    reject_other_choices({"double_z": True, **ddconfig}, choices)


def attends(ddconfig: Mapping[str, Any]) -> bool:
    """Whether there is any attention; where there is, the middle has it."""
    return bool(ddconfig.get("attn_type", "vanilla") != "none")


def attending(ddconfig: Mapping[str, Any]) -> list[int]:
    """The stages with attention, counted from the finest grid."""
    sides = [ddconfig["resolution"] // 2**stage for stage in range(len(ddconfig["ch_mult"]))]
    return [stage for stage, side in enumerate(sides) if attends(ddconfig) and side in ddconfig["attn_resolutions"]]


class Quantizer(nn.Module):
    """What makes codes of latents, and latents of codes.

    Attributes:
        entries: the number of entries at each level.
    """

    entries: tuple[int, ...]

    @abstractmethod
    def encode(self, latents: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """Codes of each level, int64 ``[batch, h, w]``, of latents ``[batch, channels, h, w]``."""

    @abstractmethod
    def decode(self, codes: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """Latents ``[batch, channels, h, w]`` of the codes of each level."""


class Autoencoder(nn.Module):
    """taming's encoder and decoder, a quantizer, and a 1x1 convolution before and after it.

    Args:
        ddconfig: one that has passed :func:`check`.
        embed_dim: channels of the latents that are quantized.
    """

    def __init__(self, ddconfig: Mapping[str, Any], embed_dim: int, quantizer: Quantizer) -> None:
        super().__init__()
        shape = (ddconfig["ch"], ddconfig["ch_mult"], ddconfig["num_res_blocks"], attending(ddconfig))
        latents, middle = ddconfig["z_channels"], attends(ddconfig)
        self.encoder = taming.Encoder(*shape, latents, ddconfig["in_channels"], middle)
        self.decoder = taming.Decoder(*shape, latents, ddconfig["out_ch"], middle)
        self.quant_conv = nn.Conv2d(latents, embed_dim, 1)
        self.post_quant_conv = nn.Conv2d(embed_dim, latents, 1)
        self.quantize = quantizer
        self.factor = factor(ddconfig)

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Latents ``[batch, embed_dim, h / factor, w / factor]`` of images ``[batch, channels, h, w]``."""
        latents: torch.Tensor = self.quant_conv(self.encoder(images))
        return latents

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Images of latents."""
        images: torch.Tensor = self.decoder(self.post_quant_conv(latents))
        return images


def factor(ddconfig: Mapping[str, Any]) -> int:
    """The side in pixels of what one position of the coarsest grid stands for."""
    return int(2 ** (len(ddconfig["ch_mult"]) - 1))
