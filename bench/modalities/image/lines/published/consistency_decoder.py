"""The consistency decoder for Stable Diffusion's latents, of diffusers' ConsistencyDecoderVAE."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_variants:ConsistencyDecoderVAE",
    "Betker et al. 2023, Improving image generation with better captions; github.com/openai/consistencydecoder",
    "image",
    "continuous",
    "hf",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("consistency-decoder-vae", "diffusers ConsistencyDecoderVAE"),
    FAMILY.checkpoint(
        "consistency-decoder",
        "openai/consistency-decoder",
        "Stable Diffusion's encoder (f8, 4 channels) with DALL-E 3's consistency decoder of two steps",
        "MIT",
    ),
)
