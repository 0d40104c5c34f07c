"""The networks of DALL-E's discrete VAE (Ramesh et al. 2021, arXiv 2102.12092, appendix A.3; github.com/openai/DALL-E).

Modules are named so that a state dict has the names of the publisher's files, where ``w`` and ``b`` are ``weight`` and
``bias``.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator

import torch
from torch import nn
from torch.nn import functional as F

GROUPS = 4
"""Groups of blocks of each network, one for each grid; the last one does not change it."""


class Block(nn.Module):
    """Four rectified convolutions beside the identity, or beside a 1x1 convolution where the width changes.

    Args:
        sides: sides of the kernels.
        gain: factor of what the convolutions add.
    """

    def __init__(self, channels: int, out: int, sides: tuple[int, int, int, int], gain: float) -> None:
        super().__init__()
        self.id_path = _conv(channels, out, 1) if channels != out else nn.Identity()
        widths = (channels, out // 4, out // 4, out // 4, out)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for index, side in enumerate(sides):
            layers[f"relu_{index + 1}"] = nn.ReLU()
            layers[f"conv_{index + 1}"] = _conv(widths[index], widths[index + 1], side)
        self.res_path, self.gain = nn.Sequential(layers), gain

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.id_path(x) + self.gain * self.res_path(x)
        return out


class Encoder(nn.Module):
    """Images ``[batch, 3, h, w]`` to features ``[batch, 8 width, h / 8, w / 8]``, of which ``logits`` makes logits.

    Args:
        width: channels at the finest grid.
        blocks: blocks of each group.
        entries: entries of the codebook.
    """

    def __init__(self, width: int, blocks: int, entries: int) -> None:
        super().__init__()
        widths = [width, *(width * 2**group for group in range(GROUPS))]
        layers: OrderedDict[str, nn.Module] = OrderedDict({"input": _conv(3, width, 7)})
        layers.update(_groups(widths, blocks, (3, 3, 3, 1), ("pool", nn.MaxPool2d(2))))
        layers["output"] = nn.Sequential(OrderedDict(relu=nn.ReLU(), conv=_conv(widths[-1], entries, 1)))
        self.blocks = nn.Sequential(layers)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.logits(self.features(images))

    def features(self, images: torch.Tensor) -> torch.Tensor:
        """All layers but the last one."""
        features: torch.Tensor = self.blocks[:-1](images)
        return features

    def logits(self, features: torch.Tensor) -> torch.Tensor:
        """The logits of all entries, ``[batch, entries, rows, columns]``."""
        logits: torch.Tensor = self.blocks[-1](features)
        return logits


class Decoder(nn.Module):
    """Codes ``[batch, h, w]`` to the parameters of a logit-Laplace distribution, ``[batch, 6, 8 h, 8 w]``.

    Args:
        start: channels of an entry.
        width, blocks, entries: as of :class:`Encoder`.
    """

    def __init__(self, start: int, width: int, blocks: int, entries: int) -> None:
        super().__init__()
        widths = [start, *(width * 2**group for group in reversed(range(GROUPS)))]
        layers: OrderedDict[str, nn.Module] = OrderedDict({"input": _conv(entries, start, 1)})
        layers.update(_groups(widths, blocks, (1, 3, 3, 3), ("upsample", nn.Upsample(scale_factor=2, mode="nearest"))))
        layers["output"] = nn.Sequential(OrderedDict(relu=nn.ReLU(), conv=_conv(width, 6, 1)))
        self.blocks = nn.Sequential(layers)

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        # A 1x1 convolution of vectors that are 1 at their code and 0 elsewhere picks a column of its kernel.
        first: nn.Module = self.blocks[0]
        assert isinstance(first, nn.Conv2d) and first.bias is not None
        entries = F.embedding(codes, first.weight.flatten(1).T) + first.bias
        statistics: torch.Tensor = self.blocks[1:](entries.permute(0, 3, 1, 2))
        return statistics


def _groups(
    widths: list[int], blocks: int, sides: tuple[int, int, int, int], resampling: tuple[str, nn.Module]
) -> Iterator[tuple[str, nn.Module]]:
    """The groups of blocks by name; each but the last one ends with a change of grid."""
    gain = 1 / (GROUPS * blocks) ** 2
    for group in range(GROUPS):
        here, out = widths[group], widths[group + 1]
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for block in range(blocks):
            layers[f"block_{block + 1}"] = Block(out if block else here, out, sides, gain)
        if group < GROUPS - 1:
            layers[resampling[0]] = resampling[1]
        yield f"group_{group + 1}", nn.Sequential(layers)


def _conv(channels: int, out: int, side: int) -> nn.Conv2d:
    return nn.Conv2d(channels, out, side, padding=side // 2)
