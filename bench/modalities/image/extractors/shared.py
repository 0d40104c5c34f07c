"""What the networks share: safe loading, folded batch norm, batches of a fixed size."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bench.errors import BenchError


def load_state(
    net: nn.Module,
    path: Path,
    what: str,
    rename: Callable[[Mapping[str, torch.Tensor]], Mapping[str, torch.Tensor]] = lambda state: state,
) -> None:
    """Fill a network, on the meta device or not, from a state dict saved by ``torch.save``.

    Args:
        what: name of the expected weights, for messages.
        rename: function from a state dict under the file's names to one under the network's.

    Raises:
        BenchError: the file cannot be read, is not a state dict, or belongs to another network.
    """
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if not isinstance(state, Mapping) or not all(isinstance(value, torch.Tensor) for value in state.values()):
            raise BenchError(f"{path}: holds {type(state).__name__}, not the weights of {what}")
        net.load_state_dict(dict(rename(state)), strict=True, assign=True)
    except (OSError, EOFError, RuntimeError, ValueError, AttributeError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise BenchError(f"{path}: not the weights of {what}: {reason}") from error
    for name, tensor in (*net.named_parameters(), *net.named_buffers()):
        if tensor.is_floating_point() and tensor.dtype != torch.float32:
            raise BenchError(f"{path}: {name} is {tensor.dtype}; the weights of {what} are float32")


def folded(conv: nn.Conv2d, norm: nn.BatchNorm2d) -> nn.Conv2d:
    """One convolution that equals a convolution and its batch norm in evaluation mode.

    The product of the weights is taken in float64: in float32 its rounding alone doubles the distance
    of the features from those of the original network.
    """
    return fuse_conv_bn_eval(conv.eval().double(), norm.eval().double()).float()


def in_chunks(
    images: torch.Tensor, size: int, network: Callable[[torch.Tensor], Mapping[str, torch.Tensor]]
) -> dict[str, torch.Tensor]:
    """Outputs ``[batch, dim]`` of a network that always gets ``size`` images, the last ones filled up with black.

    The libraries below choose their code, and with it the order of sums, by the shape they are given.
    A fixed one makes an image's features the same to the bit whatever the batch it came in.
    """
    parts = []
    for part in images.split(size):
        full = torch.cat([part, part.new_zeros(size - len(part), *part.shape[1:])])
        parts.append({name: rows[: len(part)] for name, rows in network(full).items()})
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
