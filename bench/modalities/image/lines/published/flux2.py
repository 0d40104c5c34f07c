"""FLUX.2's KL autoencoder, of diffusers' AutoencoderKLFlux2."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_variants:AutoencoderKLFlux2",
    "github.com/black-forest-labs/flux2",
    "image",
    "continuous",
    "hf",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("autoencoder-kl-flux2", "diffusers AutoencoderKLFlux2"),
    FAMILY.checkpoint(
        "flux2-vae", "black-forest-labs/FLUX.2-klein-4B/vae", "FLUX.2's VAE: f8, 32 channels", "Apache-2.0"
    ),
)
