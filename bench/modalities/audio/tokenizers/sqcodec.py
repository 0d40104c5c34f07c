"""SQCodec, one scalar-quantized codebook (Zhai et al. 2025, arXiv 2504.04949; the package ``sq_codec``)."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from bench.errors import BenchError
from bench.modalities.audio.networks.dac import DILATIONS, Stage
from bench.modalities.audio.networks.local_attention import LocalTransformer
from bench.modalities.audio.networks.scalars import Scalars
from bench.modalities.audio.networks.trends import Enhancement, First, Norm, Residual, Unit, dilated_unit, snake
from bench.modalities.audio.tokenizers.pretrained import Structure
from bench.modalities.audio.tokenizers.published import PublishedCodec
from bench.tokenizers.layouts import Layout

OWN_LAYERS = 2
"""Layers of the transformers that see frames before they are joined, or after they are parted."""


def units(channels: int, count: int) -> nn.Sequential:
    """Residual units in a row."""
    return nn.Sequential(*(Residual(Unit(channels)) for _ in range(count)))


class Convolutions(nn.Module):
    """Modules in a row, under the name that the publisher's files have for them."""

    def __init__(self, modules: Sequence[nn.Module]) -> None:
        super().__init__()
        self.blocks = nn.Sequential(*modules)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.blocks(x)
        return out


def encoder(widths: Sequence[int], strides: Sequence[int], depths: Sequence[int], out: int) -> Convolutions:
    """Waves ``[batch, 1, time]`` to features ``[batch, out, time / product of the strides]``."""
    modules: list[nn.Module] = [First(widths[0])]
    for (here, after), stride, depth in zip(pairwise(widths), strides, depths, strict=False):
        modules += [units(here, depth), nn.Sequential(nn.Conv1d(here, after, stride, stride), Norm(after, first=True))]
    return Convolutions([*modules, units(widths[-1], depths[-1]), nn.Conv1d(widths[-1], out, 3, padding=1)])


def decoder(widths: Sequence[int], strides: Sequence[int], depths: Sequence[int], channels: int) -> Convolutions:
    """Features ``[batch, channels, frames]`` to waves ``[batch, 1, frames times the product of the strides]``."""
    modules: list[nn.Module] = [nn.Conv1d(channels, widths[0], 3, padding=1)]
    for (here, after), stride, depth in zip(pairwise(widths), strides, depths, strict=False):
        up = nn.Sequential(nn.Conv1d(here, after, 1), nn.Upsample(scale_factor=stride, mode="linear"))
        up.append(Norm(after, first=True))
        modules += [units(here, depth), Enhancement(here), up]
    last = widths[-1]
    inner = nn.Sequential(*(Residual(dilated_unit(last, dilation)) for dilation in DILATIONS))
    end = Stage([inner, snake(last, 1), nn.Conv1d(last, 1, 7, padding=3), nn.Tanh()])
    return Convolutions([*modules, end])


class Local(nn.Module):
    """A transformer over frames where none are joined."""

    def __init__(self, width: int, depth: int, window: int) -> None:
        super().__init__()
        self.local_trans = LocalTransformer(width, depth, window)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.local_trans(frames)
        return out


class Joined(nn.Module):
    """A transformer over frames before some are joined to one, and one after it."""

    def __init__(self, width: int, depth: int, window: int, joined: int) -> None:
        super().__init__()
        self.down_trans = nn.ModuleDict(
            {
                "trans": LocalTransformer(width, OWN_LAYERS, window * joined),
                "down_layer": nn.Conv1d(width, width, joined, joined),
            }
        )
        self.local_trans = LocalTransformer(width, depth - OWN_LAYERS, window)

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        joined = self.down_trans["down_layer"](self.down_trans["trans"](frames).transpose(1, 2))
        out: torch.Tensor = self.local_trans(joined.transpose(1, 2))
        return out


class Parted(nn.Module):
    """A transformer over frames before each is parted into several, and one after it."""

    def __init__(self, width: int, depth: int, window: int, joined: int) -> None:
        super().__init__()
        self.local_trans = LocalTransformer(width, depth - OWN_LAYERS, window)
        self.up_trans = nn.ModuleDict({"trans": LocalTransformer(width, OWN_LAYERS, window * joined)})
        self.joined = joined

    def forward(self, frames: torch.Tensor) -> torch.Tensor:
        whole = self.local_trans(frames).transpose(1, 2)
        parted = F.interpolate(whole, scale_factor=float(self.joined), mode="linear").transpose(1, 2)
        out: torch.Tensor = self.up_trans["trans"](parted)
        return out


class Network(nn.Module):
    """Convolutions, a transformer, the quantizer, and both again; arguments by the package's names."""

    def __init__(self, sample_rate: int, network_config: Mapping[str, Any]) -> None:
        super().__init__()
        config = network_config
        width, levels = config["feature_dim"], config["vq_config"]["codebook_dim"]
        depth, self.window, joined = (config[f"en_coder_{key}"] for key in ("depth", "window_size", "compress_rate"))
        self.rate, self.hop = sample_rate, math.prod(config["compress_rates"]) * joined
        self.encoder = encoder(config["encoder_dims"], config["compress_rates"], config["encoder_depths"], width)
        self.decoder = decoder(config["decoder_dims"], config["decode_rates"], config["decoder_depths"], width)
        self.quantizer = Scalars(width, levels)
        self.en_encoder: nn.Module = Local(width, depth, self.window)
        self.en_decoder: nn.Module = Local(width, depth, self.window)
        if joined > 1:
            self.en_encoder = Joined(width, depth, self.window, joined)
            self.en_decoder = Parted(width, depth, self.window, joined)


class SQCodec(PublishedCodec):
    """SQCodec: one codebook of rounded channels, with transformers that see a few seconds.

    As in the package, a clip gets zeros up to whole windows of its transformers, and their codes count.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "SQCodec"

    @staticmethod
    def layout(config: Mapping[str, Any]) -> Layout | None:
        """The layout of the files; ``config`` is the package's TOML."""
        if "network_config" not in config:
            return None
        network = config["network_config"]
        published = {
            "use_norm": True,
            "use_snake_act": True,
            "decoder_last_layer": "legacy",
            "en_coder_dynamic_pos": True,
            "en_coder_cache_size": 0,
        }
        for key, value in published.items():
            if network.get(key, value) != value:
                raise BenchError(f"{key} is {network[key]}: every published SQCodec has {value}")
        if (name := network["vq_config"]["name"]) != "taae_fsq":
            raise BenchError(f"the quantizer is {name}: every published SQCodec has taae_fsq")
        if even := [size for size in network["vq_config"]["codebook_dim"] if size % 2 == 0]:
            raise BenchError(f"a channel has {even[0]} levels: every published SQCodec has odd numbers")
        return Layout(
            {"sample_rate": config["sample_rate"], "network_config": network}, unused=r"en_encoder\.cache_token"
        )

    @classmethod
    def network(cls, config: dict[str, Any]) -> Network:
        return Network(**config)

    @classmethod
    def structure_in(cls, model: Network) -> Structure:
        return Structure(model.rate, model.hop, (math.prod(model.quantizer.levels),))

    def whole_in(self, model: Network) -> int:
        return int(model.hop * model.window)

    def codes_of(self, waves: torch.Tensor) -> Sequence[torch.Tensor]:
        features = self.model.en_encoder(self.model.encoder(waves).transpose(1, 2))
        return [self.model.quantizer.encode(features)]

    def waves_of(self, codes: list[torch.Tensor]) -> torch.Tensor:
        features = self.model.en_decoder(self.model.quantizer.decode(codes[0]))
        waves: torch.Tensor = self.model.decoder(features.transpose(1, 2))
        return waves
