"""Stable Diffusion's autoencoder with larger decoders, of diffusers' AsymmetricAutoencoderKL."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_variants:AsymmetricAutoencoderKL",
    "Zhu et al. 2023, arXiv 2306.04632; github.com/buxiangzhiren/Asymmetric_VQGAN",
    "image",
    "continuous",
    "hf",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("asymmetric-autoencoder-kl", "diffusers AsymmetricAutoencoderKL"),
    *(
        FAMILY.checkpoint(
            f"asymmetric-vae-x{size}",
            f"cross-attention/asymmetric-autoencoder-kl-x-{size}",
            f"Stable Diffusion's encoder (f8, 4 channels) with a decoder of {width} times the width",
            "not stated",
        )
        for size, width in (("1-5", "1.5"), ("2", "2"))
    ),
)
