"""A tiny VQGAN and a KL autoencoder with the tensors of taming-transformers, and what its networks make of an image.

``GOLDEN`` was written by this file, run as a program where the wheel ``taming-transformers-rom1504`` 0.0.6 was on the
path (``PYTHONPATH=WHEEL``; the networks and the quantizer need only torch, NumPy and einops): its ``Encoder``,
``Decoder`` and ``VectorQuantizer2`` with the weights below. It holds the names and shapes of the tensors, the codes or
the means of latents of ``image()``, and the decoded image. Weights and image are functions of names, so that nothing
else needs to be stored.
"""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from cases import numbers, weights
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


KL_CONFIG: dict[str, Any] = {"embed_dim": 8, "ddconfig": CONFIG["ddconfig"] | {"double_z": True}}
"""That of latent-diffusion's ``AutoencoderKL``, whose encoder gives means and log variances."""


def image() -> torch.Tensor:
    """One image, ``[1, 3, 32, 32]`` in [-1, 1]."""
    return numbers("image", (1, 3, 32, 32))


def golden(kind: str) -> tuple[dict[str, list[int]], torch.Tensor, torch.Tensor]:
    """Shapes of the tensors by name, tokens, and the decoded image ``[1, 3, 32, 32]`` in [-1, 1].

    Args:
        kind: ``vq``, whose tokens are codes ``[8, 8]``, or ``kl``, whose tokens are means ``[1, 8, 8, 8]``.
    """
    with np.load(GOLDEN) as stored:
        shapes: dict[str, list[int]] = json.loads(str(stored[f"{kind}_shapes"]))
        return shapes, torch.from_numpy(stored[f"{kind}_tokens"]), torch.from_numpy(stored[f"{kind}_decoded"])


def _write() -> None:
    quantizers = importlib.import_module("taming.modules.vqvae.quantize")
    stored: dict[str, Any] = {}
    for kind, config in (("vq", CONFIG), ("kl", KL_CONFIG)):
        model = _networks(config)
        if kind == "vq":
            model.quantize = quantizers.VectorQuantizer2(config["n_embed"], config["embed_dim"], beta=0.25)
        shapes = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
        model.load_state_dict(weights(shapes))
        with torch.no_grad():
            latents = model.quant_conv(model.encoder(image()))
            if kind == "vq":
                decoded, _, (_, _, codes) = model.quantize(latents)
                tokens = codes.reshape(latents.shape[2:])
            else:
                decoded = tokens = latents.chunk(2, 1)[0]
            decoded = model.decoder(model.post_quant_conv(decoded))
        stored |= {f"{kind}_shapes": json.dumps(shapes), f"{kind}_tokens": tokens.numpy()}
        stored[f"{kind}_decoded"] = decoded.numpy()
    np.savez_compressed(GOLDEN, **stored)


def _networks(config: Mapping[str, Any]) -> Any:
    networks = importlib.import_module("taming.modules.diffusionmodules.model")
    latents, factor = config["ddconfig"]["z_channels"], 1 + config["ddconfig"]["double_z"]
    model: Any = nn.Module()
    model.encoder, model.decoder = networks.Encoder(**config["ddconfig"]), networks.Decoder(**config["ddconfig"])
    model.quant_conv = nn.Conv2d(factor * latents, factor * config["embed_dim"], 1)
    model.post_quant_conv = nn.Conv2d(config["embed_dim"], latents, 1)
    return model


if __name__ == "__main__":
    _write()
