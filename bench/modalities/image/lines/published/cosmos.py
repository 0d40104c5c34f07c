"""Cosmos-Tokenizer's discrete and continuous image tokenizers."""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

SOURCE = "Agarwal et al. 2025, arXiv 2501.03575; github.com/NVIDIA/Cosmos-Tokenizer"
LICENSE = "NVIDIA Open Model License"
DISCRETE = Family("bench.modalities.image.tokenizers.cosmos:CosmosDI", SOURCE, "image")
CONTINUOUS = Family("bench.modalities.image.tokenizers.cosmos:CosmosCI", SOURCE, "image", "continuous")


def _config(factor: int, **latents: Any) -> dict[str, Any]:
    """Arguments of the publisher's classes that decide the network, from ``networks/configs.py``.

    No stage attends: none of the grids for the ``resolution`` of 1024 has the side of 32 that would.
    """
    return {
        "channels": 128,
        "channels_mult": [2, 4, 4],
        "num_res_blocks": 2,
        "patch_size": 4,
        "spatial_compression": factor,
        **latents,
    }


ENTRIES: tuple[Entry, ...] = (
    *(
        DISCRETE.checkpoint(
            f"cosmos-di{factor}",
            f"nvidia/Cosmos-0.1-Tokenizer-DI{factor}x{factor}",
            f"Cosmos' discrete image tokenizer f{factor}, 64000 entries of finite scalars",
            LICENSE,
            file="autoencoder.jit",
            config=_config(factor, z_channels=256, embedding_dim=6, levels=[8, 8, 8, 5, 5, 5]),
        )
        for factor in (8, 16)
    ),
    *(
        CONTINUOUS.checkpoint(
            f"cosmos-ci{factor}",
            f"nvidia/Cosmos-0.1-Tokenizer-CI{factor}x{factor}",
            f"Cosmos' continuous image tokenizer f{factor}, 16 channels",
            LICENSE,
            file="autoencoder.jit",
            config=_config(factor, z_channels=16, latent_channels=16),
        )
        for factor in (8, 16)
    ),
)
