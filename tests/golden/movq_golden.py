"""SBER's MoVQGAN: github.com/ai-forever/MoVQGAN."""

from __future__ import annotations

import importlib
from typing import Any

import stand_ins
import torch
from cases import Golden, store
from ddconfig_models import DDCONFIG, arrays_of

CASES = (
    Golden(
        "movq",
        "bench.modalities.image.tokenizers.diffusers_vq:VQModel",
        "ai-forever/MoVQGAN f3976d87, movqgan/models/vqgan.py, movqgan/modules/vqvae/*.py (states no license)",
        {
            "target": "movqgan.models.vqgan.MOVQ",
            "ddconfig": DDCONFIG | {"z_channels": 4, "attn_resolutions": [16]},
            "embed_dim": 4,
            "n_embed": 24,
        },
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``movq.npz``, with MoVQGAN's checkout on the path."""
    stand_ins.lightning()
    stand_ins.module("huggingface_hub", hf_hub_url=None, cached_download=None)
    networks: Any = importlib.import_module("movqgan.models.vqgan")
    arrays = {}
    for case in CASES:
        arguments = {name: value for name, value in case.config.items() if name != "target"}
        arrays[case.name] = arrays_of(networks.MOVQ(**arguments), case)
    store("movq", arrays)


if __name__ == "__main__":
    write()
