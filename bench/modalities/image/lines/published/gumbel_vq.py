"""Gumbel VQGANs of taming-transformers, and SBER's of the same configuration."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.gumbel_vq:GumbelVQ",
    "Esser et al. 2021, arXiv 2012.09841; github.com/CompVis/taming-transformers",
    "image",
)

F8 = {
    "embed_dim": 256,
    "n_embed": 8192,
    "ddconfig": {
        "double_z": False,
        "z_channels": 256,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 128,
        "ch_mult": [1, 1, 2, 4],
        "num_res_blocks": 2,
        "attn_resolutions": [32],
    },
}
"""``model.params`` of the YAML files that both publishers have with their checkpoints."""

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files(
        "vqgan-gumbel-f8",
        "taming-transformers' Gumbel VQGAN f8 for OpenImages, 8192 entries, or that of the YAML file beside it",
        "not stated; the code is MIT",
        config=F8,
        weights="raw",
    ),
    FAMILY.checkpoint(
        "sber-vqgan",
        "ai-forever/Sber-VQGAN",
        "SBER's Gumbel VQGAN f8 of ruDALL-E, 8192 entries",
        "not stated",
        f"{FAMILY.source}; github.com/ai-forever/ru-dalle",
        file="vqgan.gumbelf8-sber.model.ckpt",
        config=F8,
        weights="raw",
    ),
)
