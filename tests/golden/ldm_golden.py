"""An autoencoder of latent-diffusion without attention: github.com/CompVis/latent-diffusion."""

from __future__ import annotations

import importlib
from typing import Any

import stand_ins
import torch
from cases import Golden, store
from ddconfig_models import DDCONFIG, arrays_of

CASES = (
    Golden(
        "ldm-noattn",
        "bench.modalities.image.tokenizers.diffusers_vq:VQModel",
        "CompVis/latent-diffusion a506df57, ldm/models/autoencoder.py, ldm/modules/diffusionmodules/model.py (MIT), "
        "with the quantizer of taming-transformers-rom1504 0.0.6",
        {"ddconfig": DDCONFIG | {"attn_type": "none", "attn_resolutions": []}, "embed_dim": 4, "n_embed": 24},
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``ldm.npz``, with latent-diffusion's checkout and the unpacked wheel on the path."""
    stand_ins.lightning()
    stand_ins.module("ldm.util", instantiate_from_config=lambda config: torch.nn.Identity())
    networks: Any = importlib.import_module("ldm.models.autoencoder")
    store("ldm", {case.name: arrays_of(networks.VQModel(**case.config, lossconfig=None), case) for case in CASES})


if __name__ == "__main__":
    write()
