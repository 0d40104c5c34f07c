"""EQ-VAE: Stable Diffusion's autoencoder, fine-tuned to latents that follow scaling and rotation of the image."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderKL",
    "Kouzelis et al. 2025, arXiv 2502.09509; github.com/zelaki/eqvae",
    "image",
    "continuous",
    "hf",
)

ENTRIES: tuple[Entry, ...] = tuple(
    FAMILY.checkpoint(
        name,
        f"zelaki/{name}",
        f"EQ-VAE: kl-f8, 4 channels, fine-tuned on {data}",
        "not stated by its repository; see the model card",
    )
    for name, data in (("eq-vae", "OpenImages"), ("eq-vae-ema", "ImageNet, EMA weights"))
)
