"""Tiny autoencoders of diffusers' AutoencoderTiny, which stand in for larger ones."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderTiny",
    "github.com/madebyollin/taesd",
    "image",
    "continuous",
    "hf",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("autoencoder-tiny", "diffusers AutoencoderTiny"),
    *(
        FAMILY.checkpoint(name, f"madebyollin/{name}", f"tiny autoencoder for the latents of {large}", "MIT")
        for name, large in (("taesd", "sd-vae"), ("taesdxl", "sdxl-vae"), ("taef1", "flux-vae"))
    ),
)
