"""VQGAN-LC, a codebook of CLIP's features (Zhu et al. 2024, arXiv 2406.11837; github.com/zh460045050/VQGAN-LC)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.modalities.image.networks.projected_codebook import ProjectedCodebook
from bench.modalities.image.tokenizers.taming_codes import TamingCodes


class VQGANLC(TamingCodes):
    """VQGAN-LC: 100000 fixed entries, the centers of clusters of CLIP's features, behind a linear layer.

    Args:
        path, repo, subfolder, revision, offline, file, config, weights: see ``bench.tokenizers.checkpoint.locate``.
    """

    called = "VQGAN-LC"
    targets = ("VQModel", "VQModelInterface")
    renames = (
        (r"^tok_embeddings\.", "quantize.embedding."),
        (r"^codebook_projection\.", "quantize.embedding_proj."),
    )
    sizes = (("stored", "quantize.embedding.weight", 1),)

    @classmethod
    def quantizer(cls, config: Mapping[str, Any]) -> ProjectedCodebook:
        channels = config["embed_dim"]
        return ProjectedCodebook(config["n_vision_words"], channels, config.get("stored", channels))
