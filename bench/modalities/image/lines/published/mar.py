"""MAR's KL autoencoder: latent-diffusion's network, with less attention in the decoder."""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_autoencoders:AutoencoderKL",
    "Li et al. 2024, arXiv 2406.11838; github.com/LTH14/mar",
    "image",
    "continuous",
    "hf",
)

CONFIG: dict[str, Any] = {
    "embed_dim": 16,
    "ddconfig": {
        "double_z": True,
        "z_channels": 16,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 128,
        "ch_mult": [1, 1, 2, 2, 4],
        "num_res_blocks": 2,
        "attn_resolutions": [16],
        "decoder_attn_resolutions": [],
    },
}
"""Arguments that MAR's ``main_mar.py`` gives to ``models/vae.py``, and the defaults of that file."""

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "mar-vae",
        "xwen99/mar-vae-kl16",
        "MAR's VAE: kl-f16, 16 channels; the hub has a copy of its publisher's file",
        "MIT",
        file="kl16.ckpt",
        config=CONFIG,
        weights="raw",
    ),
)
