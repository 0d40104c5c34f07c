"""Janus' VQ autoencoder, which is LlamaGen's, of transformers' JanusVQVAE."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.transformers_vq:JanusVQ",
    "Chen et al. 2025, arXiv 2501.17811; github.com/deepseek-ai/Janus",
    "image",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files(
        "janus-vq",
        "transformers JanusVQVAE, and LlamaGen's VQ",
        "the checkpoint's",
        f"{FAMILY.source}; Sun et al. 2024, arXiv 2406.06525",
    ),
    FAMILY.checkpoint(
        "janus-pro-vq",
        "deepseek-community/Janus-Pro-1B",
        "VQ f16 within Janus-Pro 1B, 16384 entries; the whole model is fetched",
        "DeepSeek Model License",
    ),
)
