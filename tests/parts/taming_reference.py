"""A tiny VQGAN with the tensors of taming-transformers, and what that package's own model makes of an image.

``GOLDEN`` was written by this file, run as a program where the wheel ``taming-transformers-rom1504`` 0.0.6 was on the
path (``PYTHONPATH=WHEEL``; the networks and the quantizer need only torch, NumPy and einops): its ``Encoder``,
``Decoder`` and ``VectorQuantizer2`` with the weights below. It holds the names and shapes of the tensors, the codes of
``image()`` and the decoded image. Weights and image are functions of names, so that nothing else needs to be stored.
"""

from __future__ import annotations

import hashlib
import importlib
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

GOLDEN = Path(__file__).with_name("taming_golden.npz")

CONFIG: dict[str, Any] = {
    "embed_dim": 4,
    "n_embed": 16,
    "ddconfig": {
        "double_z": False,
        "z_channels": 8,
        "resolution": 32,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 32,
        "ch_mult": [1, 1, 2],
        "num_res_blocks": 1,
        "attn_resolutions": [16],
        "dropout": 0.0,
    },
}
"""``model.params`` of the YAML beside the checkpoint; attention is at the stage in the middle, on purpose."""


def numbers(name: str, shape: Sequence[int]) -> torch.Tensor:
    """Float32 numbers in [-1, 1) that depend on a name alone, whatever the version of any library."""
    count = math.prod(shape)
    bits = np.frombuffer(hashlib.shake_256(name.encode()).digest(4 * count), "<u4")
    return torch.from_numpy((bits / 2**31 - 1).astype(np.float32)).reshape(tuple(shape))


def weights(shapes: Mapping[str, Sequence[int]]) -> dict[str, torch.Tensor]:
    """Tensors of these names, small enough that signals neither vanish nor grow on their way through the network."""
    return {name: numbers(name, shape) * _scale(name, shape) + _offset(name) for name, shape in shapes.items()}


def image() -> torch.Tensor:
    """One image, ``[1, 3, 32, 32]`` in [-1, 1]."""
    return numbers("image", (1, 3, 32, 32))


def golden() -> tuple[dict[str, list[int]], torch.Tensor, torch.Tensor]:
    """Shapes of the tensors by name, codes ``[8, 8]``, and the decoded image ``[1, 3, 32, 32]`` in [-1, 1]."""
    with np.load(GOLDEN) as stored:
        shapes: dict[str, list[int]] = json.loads(str(stored["shapes"]))
        return shapes, torch.from_numpy(stored["codes"]), torch.from_numpy(stored["decoded"])


def _scale(name: str, shape: Sequence[int]) -> float:
    return (
        1.0 if name == "quantize.embedding.weight" else math.sqrt(3 / math.prod(shape[1:])) if len(shape) > 1 else 0.1
    )


def _offset(name: str) -> float:
    """1 for the factors of normalization."""
    return float(name.endswith("weight") and "norm" in name)


def _write() -> None:
    networks = importlib.import_module("taming.modules.diffusionmodules.model")
    quantizers = importlib.import_module("taming.modules.vqvae.quantize")
    model = nn.Module()
    model.encoder = networks.Encoder(**CONFIG["ddconfig"])
    model.decoder = networks.Decoder(**CONFIG["ddconfig"])
    model.quantize = quantizers.VectorQuantizer2(CONFIG["n_embed"], CONFIG["embed_dim"], beta=0.25)
    model.quant_conv = nn.Conv2d(CONFIG["ddconfig"]["z_channels"], CONFIG["embed_dim"], 1)
    model.post_quant_conv = nn.Conv2d(CONFIG["embed_dim"], CONFIG["ddconfig"]["z_channels"], 1)
    shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    model.load_state_dict(weights(shapes))
    with torch.no_grad():
        latents = model.quant_conv(model.encoder(image()))
        quantized, _, (_, _, codes) = model.quantize(latents)
        decoded = model.decoder(model.post_quant_conv(quantized))
    codes = codes.reshape(latents.shape[2:])
    np.savez_compressed(GOLDEN, shapes=json.dumps(shapes), codes=codes.numpy(), decoded=decoded.numpy())


if __name__ == "__main__":
    _write()
