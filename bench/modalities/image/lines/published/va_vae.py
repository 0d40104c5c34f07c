"""VA-VAE, an autoencoder of latent-diffusion's network that is aligned with a vision model."""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderKL",
    "Yao et al. 2025, arXiv 2501.01423; github.com/hustvl/LightningDiT",
    "image",
    "continuous",
    "hf",
)

CONFIG: dict[str, Any] = {
    "embed_dim": 32,
    "ddconfig": {
        "double_z": True,
        "z_channels": 32,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 128,
        "ch_mult": [1, 1, 2, 2, 4],
        "num_res_blocks": 2,
        "attn_resolutions": [16],
    },
}
"""``tokenizer/configs/vavae_f16d32.yaml``, without what training needs."""

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "va-vae",
        "hustvl/vavae-imagenet256-f16d32-dinov2",
        "VA-VAE f16d32 aligned with DINOv2; its publisher's evaluation has latents=sample",
        "MIT",
        file="vavae-imagenet256-f16d32-dinov2.pt",
        config=CONFIG,
        weights="raw",
    ),
)
