"""What the networks share: safe loading, folded batch norm, layout and batches that suit the device."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from bench.errors import BenchError
from bench.modalities.image.levels import nearest_levels, to_uint8


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


@dataclass(frozen=True)
class Serving:
    """How a network is given its images.

    Attributes:
        chunk: images at once, at most. On a processor, more of them exceed the cache: they cost up to a tenth more time
            and several times the memory.
        step: a chunk is filled up with black images to a multiple of it. The libraries below choose their code, and
            with it the order of sums, by the shape they are given; on a processor every chunk has the same, which makes
            an image's features the same to the bit whatever the batch it came in. A GPU would idle on so few.
        layout: of images and weights. Channels-last is fastest on a processor, and on tensor cores; a GPU's float32
            without TF32, which is what features are computed in, has its fastest convolutions channels-first.
        checked: whether pixels that are not finite raise before anything is computed. A GPU is not asked, as it would
            have to finish all that it was given before: it gives such an image NaN as its features.
        joined: whether convolutions that are small for a GPU become one where they have the same input.
    """

    chunk: int
    step: int
    layout: torch.memory_format
    checked: bool
    joined: bool

    @classmethod
    def on(cls, device: torch.device) -> Serving:
        """What suits a device."""
        return SERVING.get(device.type, SERVING["cpu"])


SERVING = {
    "cpu": Serving(8, 8, torch.channels_last, checked=True, joined=False),
    "cuda": Serving(256, 32, torch.contiguous_format, checked=False, joined=True),
}


def features_of(
    images: torch.Tensor, serving: Serving, network: Callable[[torch.Tensor], Mapping[str, torch.Tensor]]
) -> dict[str, torch.Tensor]:
    """Features ``[batch, dim]`` by layer, of images ``[batch, 3, height, width]``, uint8 or in [0, 1].

    Raises:
        FloatingPointError: a pixel is NaN or infinite, where that is checked.
    """
    if serving.checked or images.dtype == torch.uint8:
        return in_chunks(to_uint8(images), serving, network)
    broken = ~torch.isfinite(images).flatten(1).all(1, keepdim=True)
    rows = in_chunks(nearest_levels(images), serving, network)
    return {name: features.masked_fill_(broken, torch.nan) for name, features in rows.items()}


def in_chunks(
    images: torch.Tensor, serving: Serving, network: Callable[[torch.Tensor], Mapping[str, torch.Tensor]]
) -> dict[str, torch.Tensor]:
    """Outputs ``[batch, dim]`` of a network that gets images in chunks of ``serving``."""
    parts = []
    for part in images.split(serving.chunk):
        missing = -len(part) % serving.step
        full = torch.cat([part, part.new_zeros(missing, *part.shape[1:])]) if missing else part
        parts.append({name: rows[: len(part)] for name, rows in network(full).items()})
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]}
