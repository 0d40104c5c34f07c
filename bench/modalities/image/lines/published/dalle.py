"""DALL-E's discrete VAE, whose two files its publisher has at cdn.openai.com/dall-e."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.dalle:DVAE",
    "Ramesh et al. 2021, arXiv 2102.12092; github.com/openai/DALL-E",
    "image",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files(
        "dalle-dvae",
        "DALL-E's discrete VAE f8, 8192 entries, from a folder with encoder.pkl and decoder.pkl",
        "Modified MIT License",
        config={"n_hid": 256, "n_blk_per_group": 2, "vocab_size": 8192, "n_init": 128},
    ),
)
