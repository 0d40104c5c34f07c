"""KL autoencoders of diffusers' AutoencoderKL: Stable Diffusion, SDXL, FLUX."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderKL",
    "Rombach et al. 2022, arXiv 2112.10752",
    "image",
    "continuous",
    "hf",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("autoencoder-kl", "diffusers AutoencoderKL"),
    FAMILY.checkpoint(
        "sd-vae",
        "CompVis/stable-diffusion-v1-4/vae",
        "Stable Diffusion 1's original VAE: kl-f8, 4 channels",
        "CreativeML Open RAIL-M",
    ),
    FAMILY.checkpoint(
        "sd-vae-ft-ema", "stabilityai/sd-vae-ft-ema", "kl-f8 with the decoder fine-tuned, EMA weights", "MIT"
    ),
    FAMILY.checkpoint(
        "sd-vae-ft-mse",
        "stabilityai/sd-vae-ft-mse",
        "kl-f8 with the decoder fine-tuned further, more weight on MSE",
        "MIT",
    ),
    FAMILY.checkpoint(
        "sdxl-vae",
        "stabilityai/sdxl-vae",
        "Stable Diffusion XL's VAE: f8, 4 channels; overflows in float16",
        "MIT",
        "Podell et al. 2023, arXiv 2307.01952",
    ),
    FAMILY.checkpoint(
        "flux-vae",
        "black-forest-labs/FLUX.1-schnell/vae",
        "FLUX.1's VAE: f8, 16 channels; the hub may ask to accept its terms",
        "Apache-2.0",
        "github.com/black-forest-labs/flux",
    ),
    FAMILY.checkpoint(
        "sd3-vae",
        "stabilityai/stable-diffusion-3-medium-diffusers/vae",
        "Stable Diffusion 3's VAE: f8, 16 channels; the hub asks to accept its terms",
        "Stability AI Community License",
        "Esser et al. 2024, arXiv 2403.03206",
    ),
)
