"""DnD-Transformer's RQ-VAEs, as files: RQ-VAE's network at a finer grid."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.modalities.image.lines.published import rqvae
from bench.registry import Entry

FAMILY = Family(
    rqvae.FAMILY.target,
    "Chen et al. 2024, arXiv 2410.01912; github.com/chenllliang/DnD-Transformer",
    "image",
)

F16 = rqvae.F32 | {"ch_mult": [1, 1, 2, 2, 4]}

ENTRIES: tuple[Entry, ...] = tuple(
    FAMILY.files(
        f"dnd-imagenet-{levels}",
        f"DnD-Transformer's RQ-VAE f16 for ImageNet, {levels} levels of 16384 entries",
        "not stated",
        config=rqvae.config(F16, levels),
        weights="raw",
    )
    for levels in (2, 4)
)
