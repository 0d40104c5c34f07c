"""OmniTokenizer, of images and videos, on single images."""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

_SOURCE = "Wang et al. 2024, arXiv 2406.09399; github.com/FoundationVision/OmniTokenizer"
CODES = Family("bench.modalities.image.tokenizers.omnitokenizer:OmniTokenizerVQ", _SOURCE, "image")
LATENTS = Family("bench.modalities.image.tokenizers.omnitokenizer:OmniTokenizerVAE", _SOURCE, "image", "continuous")

_ANY = {
    "resolution": 256,
    "patch_size": 8,
    "embedding_dim": 512,
    "dim_head": 64,
    "heads": 8,
    "ff_mult": 4.0,
    "enc_block": "ttww",
    "dec_block": "tttt",
    "twod_window_size": 8,
    "temporal_depth": 4,
    "n_codes": 8192,
    "codebook_dim": 8,
}
"""Flags of ``scripts/recons`` for all files."""


def _line(family: Family, name: str, file: str, summary: str, positions: str) -> Entry:
    config: dict[str, Any] = {**_ANY, "spatial_pos": positions, "use_vae": family is LATENTS}
    return family.checkpoint(
        name,
        "Daniel0724/OmniTokenizer",
        f"OmniTokenizer f8 {summary}",
        "not stated; the code is MIT",
        file=file,
        config=config,
        weights="raw",
    )


ENTRIES: tuple[Entry, ...] = (
    _line(CODES, "omnitokenizer-vq", "imagenet_k600.ckpt", "for ImageNet and Kinetics-600, 8192 entries", "rope"),
    _line(CODES, "omnitokenizer-vq-ucf", "imagenet_ucf.ckpt", "for ImageNet and UCF-101, 8192 entries", "rope"),
    # The only file that was trained with the bias of distances in its attention (a note in the README).
    _line(CODES, "omnitokenizer-vq-imagenet", "imagenet_only.ckpt", "for ImageNet, 8192 entries", "rel"),
    _line(LATENTS, "omnitokenizer-vae", "imagenet_k600_vae.ckpt", "VAE for ImageNet and Kinetics-600", "rope"),
    _line(LATENTS, "omnitokenizer-vae-ucf", "imagenet_ucf_vae.ckpt", "VAE for ImageNet and UCF-101", "rope"),
)
