"""UniTok, the unified tokenizer of generation and understanding."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.unitok:UniTok",
    "Ma et al. 2025, arXiv 2502.20321; github.com/FoundationVision/UniTok",
    "image",
)

LARGE = {
    "vocab_size": 32768,
    "vocab_width": 64,
    "num_codebooks": 8,
    "widths": [160, 320, 1024],
    "encoder_depths": [2, 4, 31],
    "decoder_depths": [2, 4, 31],
    "heads": 16,
}
"""``utils/config.py``, with ``vitamin_large`` and its decoder."""

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "unitok",
        "FoundationVision/unitok_tokenizer",
        "UniTok f16, 8 codes of 4096 entries for each 16x16 pixels",
        "MIT",
        file="unitok_tokenizer.pth",
        config=LARGE,
        weights="raw",
    ),
)
