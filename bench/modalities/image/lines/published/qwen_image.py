"""Qwen-Image's KL autoencoder, of diffusers' AutoencoderKLQwenImage."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_variants:AutoencoderKLQwenImage",
    "Wu et al. 2025, arXiv 2508.02324; github.com/QwenLM/Qwen-Image",
    "image",
    "continuous",
    "hf",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("autoencoder-kl-qwen-image", "diffusers AutoencoderKLQwenImage on single images"),
    FAMILY.checkpoint(
        "qwen-image-vae",
        "Qwen/Qwen-Image/vae",
        "Qwen-Image's VAE: f8, 16 channels, on single images",
        "Apache-2.0",
    ),
)
