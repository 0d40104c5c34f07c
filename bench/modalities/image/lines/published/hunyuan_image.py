"""HunyuanImage's KL autoencoder, of diffusers' AutoencoderKLHunyuanImage."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_variants:AutoencoderKLHunyuanImage",
    "github.com/Tencent-Hunyuan/HunyuanImage-2.1",
    "image",
    "continuous",
    "hf",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("autoencoder-kl-hunyuan-image", "diffusers AutoencoderKLHunyuanImage"),
    FAMILY.checkpoint(
        "hunyuan-image-vae",
        "hunyuanvideo-community/HunyuanImage-2.1-Diffusers/vae",
        "HunyuanImage 2.1's VAE: f32, 64 channels",
        "Tencent Hunyuan Community License",
    ),
)
