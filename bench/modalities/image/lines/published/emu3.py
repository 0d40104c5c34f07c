"""Emu3's vision tokenizer, of transformers' Emu3VQVAE."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.transformers_vq:Emu3VQ", "Wang et al. 2024, arXiv 2409.18869", "image"
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("emu3-vq", "transformers Emu3VQVAE on single images"),
    FAMILY.checkpoint(
        "emu3-vision-tokenizer",
        "BAAI/Emu3-VisionTokenizer",
        "Emu3's vision tokenizer f8, 32768 entries, on single images",
        "Apache-2.0",
        f"{FAMILY.source}; github.com/baaivision/Emu3",
    ),
)
