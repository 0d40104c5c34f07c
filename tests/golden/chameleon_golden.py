"""Chameleon's VQGAN: github.com/facebookresearch/chameleon."""

from __future__ import annotations

import importlib
from typing import Any

import torch
from cases import Golden, store
from ddconfig_models import DDCONFIG, arrays_of

CASES = (
    Golden(
        "chameleon",
        "bench.modalities.image.tokenizers.diffusers_vq:VQModel",
        "facebookresearch/chameleon dbbe47fd, chameleon/inference/vqgan.py (Chameleon Research License)",
        {"ddconfig": DDCONFIG | {"attn_resolutions": []}, "embed_dim": 8, "n_embed": 24},
    ),
)


@torch.no_grad()
def write() -> None:
    """Write ``chameleon.npz``, with the folder ``chameleon/inference`` of Chameleon's checkout on the path."""
    networks: Any = importlib.import_module("vqgan")
    store("chameleon", {case.name: arrays_of(networks.VQModel(**case.config), case) for case in CASES})


if __name__ == "__main__":
    write()
