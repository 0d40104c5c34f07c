"""Chameleon's VQGAN, which Anole and Lumina-mGPT have as it is; diffusers' VQModel has its network."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_vq:VQModel",
    "Chameleon Team 2024, arXiv 2405.09818; github.com/facebookresearch/chameleon",
    "image",
    extra="hf",
)

CONFIG = {
    "embed_dim": 256,
    "n_embed": 8192,
    "ddconfig": {
        "double_z": False,
        "z_channels": 256,
        "resolution": 512,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 128,
        "ch_mult": [1, 1, 2, 2, 4],
        "num_res_blocks": 2,
        "attn_resolutions": [],
    },
}

ENTRIES: tuple[Entry, ...] = (
    # Anole's repository has Chameleon's own file; Meta's asks for a form.
    FAMILY.checkpoint(
        "chameleon-vq",
        "GAIR/Anole-7b-v0.1/tokenizer",
        "Chameleon's VQGAN f16 for 512x512 pixels, 8192 entries",
        "Chameleon Research License",
        file="vqgan.ckpt",
        config=CONFIG,
        weights="raw",
    ),
)
