"""Representation autoencoders, of diffusers' AutoencoderRAE: a frozen encoder with a decoder trained for it."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_variants:AutoencoderRAE",
    "Zheng et al. 2025, arXiv 2510.11690; github.com/bytetriper/RAE",
    "image",
    "continuous",
    "hf",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("rae", "diffusers AutoencoderRAE"),
    *(
        # The decoders are ViT-XL, trained with noise of up to 0.8 on the latents (n08).
        FAMILY.checkpoint(
            name,
            f"nyu-visionx/RAE-{encoder}-ViTXL-n08{'-i512' if side == 512 else ''}",
            f"representation autoencoder on {title}, f16 for {side}x{side} pixels",
            "MIT",
        )
        for name, encoder, title, side in (
            ("rae-dinov2-b", "dinov2-wReg-base", "DINOv2-B", 256),
            ("rae-dinov2-s", "dinov2-wReg-small", "DINOv2-S", 256),
            ("rae-dinov2-l", "dinov2-wReg-large", "DINOv2-L", 256),
            ("rae-dinov2-b-512", "dinov2-wReg-base", "DINOv2-B", 512),
            ("rae-mae-b", "mae-base-p16", "MAE-B", 256),
        )
    ),
)
