"""aMUSEd's VQGAN, of diffusers' VQModel."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_vq:VQModel",
    "Patil et al. 2024, arXiv 2401.01808; github.com/huggingface/amused",
    "image",
    extra="hf",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "amused-vq",
        "amused/amused-512/vqvae",
        "VQGAN f16 of aMUSEd, 8192 entries",
        "CreativeML Open RAIL++-M",
    ),
)
