"""Blocks of Inception whose 1x1 convolutions of their input are one, for GPUs, which the single ones do not fill.

The convolution behind the average pooling joins them: an average of sums is the sum of averages, and the average leaves
out the border, so that the bias stays itself. It is then taken of a quarter of the channels. The features are equal to
rounding. Batch norm must have been folded into the convolutions.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import torch
import torch.nn.functional as F
from torch import nn
from torch_fidelity.feature_extractor_inceptionv3 import InceptionA, InceptionC, InceptionE_1

Tail = tuple[str | tuple[str, str], ...]
"""Names of a branch's convolutions after its first; two where their outputs are put side by side."""
BRANCHES: Mapping[type[nn.Module], Mapping[str, Tail]] = MappingProxyType(
    {
        InceptionA: {
            "branch1x1": (),
            "branch5x5_1": ("branch5x5_2",),
            "branch3x3dbl_1": ("branch3x3dbl_2", "branch3x3dbl_3"),
        },
        InceptionC: {
            "branch1x1": (),
            "branch7x7_1": ("branch7x7_2", "branch7x7_3"),
            "branch7x7dbl_1": tuple(f"branch7x7dbl_{number}" for number in range(2, 6)),
        },
        InceptionE_1: {
            "branch1x1": (),
            "branch3x3_1": (("branch3x3_2a", "branch3x3_2b"),),
            "branch3x3dbl_1": ("branch3x3dbl_2", ("branch3x3dbl_3a", "branch3x3dbl_3b")),
        },
    }
)
"""The first convolution of each branch by block, in the order of the output, and those after it."""


class Joined(nn.Module):
    """A block with one convolution of its input.

    Args:
        block: one of :data:`BRANCHES`, batch norm folded.
    """

    def __init__(self, block: nn.Module) -> None:
        super().__init__()
        branches = BRANCHES[type(block)]
        convolutions = [block.get_submodule(f"{name}.conv") for name in (*branches, "branch_pool")]
        weights, biases = ([getattr(one, name) for one in convolutions] for name in ("weight", "bias"))
        self.sizes = [len(bias) for bias in biases]
        self.weight, self.bias = nn.Parameter(torch.cat(weights)), nn.Parameter(torch.cat(biases))
        self.tails = nn.ModuleList(
            nn.Sequential(*(_convolution(block, names) for names in tail)) for tail in branches.values()
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The block's output, in which the branches' channels follow one another."""
        *heads, pooled = F.conv2d(x, self.weight, self.bias).split(self.sizes, 1)
        outputs = [tail(F.relu(head)) for tail, head in zip(self.tails, heads, strict=True)]
        average = F.avg_pool2d(pooled, kernel_size=3, stride=1, padding=1, count_include_pad=False)
        return torch.cat([*outputs, F.relu(average)], 1)


class _Beside(nn.Module):
    """Two convolutions of one input, their outputs side by side."""

    def __init__(self, *convolutions: nn.Module) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(convolutions)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([convolution(x) for convolution in self.convolutions], 1)


def _convolution(block: nn.Module, names: str | tuple[str, str]) -> nn.Module:
    if isinstance(names, str):
        return block.get_submodule(names)
    return _Beside(*map(block.get_submodule, names))


def join(body: nn.Sequential) -> None:
    """Replace the blocks that can be joined."""
    for name, block in list(body.named_children()):
        if type(block) in BRANCHES:
            setattr(body, name, Joined(block))
