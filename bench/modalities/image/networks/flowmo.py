"""FlowMo's transformers (Sargent et al. 2025, arXiv 2503.11056) over the patches of an image and a sequence of codes.

They are double-stream blocks of FLUX without text. Modules are named so that a state dict has the names of the
publisher's files.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional as F

from bench.modalities.image.networks.attention import heads_of, turned
from bench.modalities.image.networks.patches import image_of_patches, patches_of_image

EPSILON = 1e-6
TIME_CHANNELS = 256
STREAMS = ("txt", "img")
"""What the publisher's names call the sequence of codes and that of patches, in the order of attention."""


class Scaled(nn.Module):
    """Vectors divided by their root mean square, times a learned factor of each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(channels))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.rms_norm(x.float(), x.shape[-1:], eps=EPSILON).to(x.dtype) * self.scale


class Projections(nn.Module):
    """The projections of one stream to queries, keys and values, and back."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.qkv, self.proj = nn.Linear(channels, 3 * channels), nn.Linear(channels, channels)
        norms = {name: Scaled(channels // heads) for name in ("query_norm", "key_norm")}
        self.norm = nn.ModuleDict(norms)

    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Queries, keys and values ``[batch, heads, positions, head]``."""
        query, key, value = heads_of(self.qkv(x), self.heads)
        return self.norm["query_norm"](query), self.norm["key_norm"](key), value


class Modulation(nn.Module):
    """Shift, scale and gate of two modules, ``[batch, 1, channels]`` each, made of the time."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.lin = nn.Linear(channels, 6 * channels)

    def forward(self, time: torch.Tensor) -> tuple[torch.Tensor, ...]:
        values: torch.Tensor = self.lin(F.silu(time))
        return values[:, None].chunk(6, -1)


class Block(nn.Module):
    """Joint attention of both sequences, and a feed-forward network for each."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        for name in STREAMS:
            inner, out = nn.Linear(channels, 4 * channels), nn.Linear(4 * channels, channels)
            self.add_module(f"{name}_mod", Modulation(channels))
            self.add_module(f"{name}_attn", Projections(channels, heads))
            self.add_module(f"{name}_mlp", nn.Sequential(inner, nn.GELU(approximate="tanh"), out))

    def forward(
        self, sequences: Sequence[torch.Tensor], time: torch.Tensor | None, turns: torch.Tensor
    ) -> list[torch.Tensor]:
        """The sequences of codes and patches after the block; without a time nothing is modulated."""
        plain = (0.0, 0.0, 1.0) * 2
        changes = [plain if time is None else self.get_submodule(f"{name}_mod")(time) for name in STREAMS]
        projections = [self.get_submodule(f"{name}_attn") for name in STREAMS]
        normal = [_modulated(x, *change[:2]) for x, change in zip(sequences, changes, strict=True)]
        parts = zip(*(module(x) for module, x in zip(projections, normal, strict=True)), strict=True)
        query, key, value = (torch.cat(part, 2) for part in parts)
        mixed = F.scaled_dot_product_attention(
            turned(query, turns), turned(key, turns), value, scale=8 / query.shape[-1]
        )
        split = mixed.transpose(1, 2).flatten(-2).split([x.shape[1] for x in sequences], 1)
        results = []
        for name, x, change, module, out in zip(STREAMS, sequences, changes, projections, split, strict=True):
            middle = x + change[2] * module.get_submodule("proj")(out)
            mlp = self.get_submodule(f"{name}_mlp")
            results.append(middle + change[5] * mlp(_modulated(middle, *change[3:5])))
        return results


def _modulated(x: torch.Tensor, shift: torch.Tensor | float, scale: torch.Tensor | float) -> torch.Tensor:
    return (1 + scale) * F.layer_norm(x, x.shape[-1:], eps=EPSILON) + shift


class Readout(nn.Module):
    """The last linear map of one sequence."""

    def __init__(self, channels: int, out: int) -> None:
        super().__init__()
        self.linear = nn.Linear(channels, out)
        self.adaLN_modulation = nn.Sequential(nn.SiLU(), nn.Linear(channels, 2 * channels))

    def forward(self, x: torch.Tensor, time: torch.Tensor | None) -> torch.Tensor:
        if time is not None:
            x = _modulated(x, *self.adaLN_modulation(time)[:, None].chunk(2, -1))
        # Normalized once more with a time, as the publisher does.
        out: torch.Tensor = self.linear(F.layer_norm(x, x.shape[-1:], eps=EPSILON))
        return out


class Transformer(nn.Module):
    """A transformer over the patches of images ``[batch, 3, h, w]`` and sequences ``[batch, length, codes]``.

    Args:
        patch: side of a patch in pixels.
        codes: channels of the sequences.
        width, depth, heads: of its blocks.
        axes: channels of a head that are turned by the place in the sequence, the row, and the column.
    """

    def __init__(self, patch: int, codes: int, width: int, depth: int, heads: int, axes: Sequence[int]) -> None:
        super().__init__()
        self.patch, self.axes = patch, tuple(axes)
        pixels = 3 * patch**2
        self.time_in = nn.ModuleDict(
            {"in_layer": nn.Linear(TIME_CHANNELS, width), "out_layer": nn.Linear(width, width)}
        )
        self.img_in, self.txt_in = nn.Linear(pixels, width), nn.Linear(codes, width)
        self.double_blocks = nn.ModuleList(Block(width, heads) for _ in range(depth))
        self.final_layer_img, self.final_layer_txt = Readout(width, pixels), Readout(width, codes)

    def forward(
        self, images: torch.Tensor, codes: torch.Tensor, times: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and sequences that it makes of images and sequences.

        Args:
            times: of each image, 1 for noise and 0 for no noise, float ``[batch]``; None where there is no noise.
        """
        grid = [side // self.patch for side in images.shape[2:]]
        sequence = patches_of_image(images, self.patch).flatten(1, 2)
        time = None if times is None else self._time(times)
        turns = self._turns(codes.shape[1], grid, images.device)
        streams = [self.txt_in(codes), self.img_in(sequence)]
        for block in self.double_blocks:
            streams = block(streams, time, turns)
        patches = self.final_layer_img(streams[1], time).unflatten(1, grid)
        return image_of_patches(patches, self.patch), self.final_layer_txt(streams[0], time)

    def _time(self, times: torch.Tensor) -> torch.Tensor:
        """Features ``[batch, width]`` of times."""
        half = TIME_CHANNELS // 2
        rates = torch.exp(-math.log(10000) * torch.arange(half, dtype=torch.float32) / half).to(times.device)
        angles = (1000 * times)[:, None].float() * rates
        waves = torch.cat([angles.cos(), angles.sin()], -1).to(times.dtype)
        features: torch.Tensor = self.time_in["out_layer"](F.silu(self.time_in["in_layer"](waves)))
        return features

    def _turns(self, length: int, grid: Sequence[int], device: torch.device) -> torch.Tensor:
        """Unit complex numbers ``[length + patches, head / 2]`` of all positions."""
        place = torch.arange(length, device=device)[:, None].expand(-1, 3)
        rows, columns = (torch.arange(side, device=device) for side in grid)
        patches = F.pad(torch.cartesian_prod(rows, columns), (1, 0))
        positions = torch.cat([place, patches]).double()
        angles = [
            positions[:, axis, None] / 10000 ** (torch.arange(0, size, 2, device=device).double() / size)
            for axis, size in enumerate(self.axes)
        ]
        turns = torch.cat(angles, -1)
        return torch.complex(turns.cos().float(), turns.sin().float())
