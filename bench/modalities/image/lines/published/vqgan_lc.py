"""VQGAN-LC's tokenizers, as files: their publisher has them in a folder of Google Drive."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.vqgan_lc:VQGANLC",
    "Zhu et al. 2024, arXiv 2406.11837; github.com/zh460045050/VQGAN-LC",
    "image",
)

_DDCONFIG = {
    "double_z": False,
    "z_channels": 256,
    "resolution": 256,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 128,
    "num_res_blocks": 2,
    "attn_resolutions": [16],
}

ENTRIES: tuple[Entry, ...] = tuple(
    FAMILY.files(
        f"vqgan-lc-{grid}",
        f"VQGAN-LC {grid} for ImageNet, 100000 entries",
        "not stated",
        config={"embed_dim": channels, "n_vision_words": 100000, "ddconfig": _DDCONFIG | {"ch_mult": factors}},
        weights="raw",
    )
    for grid, channels, factors in (("f16", 8, [1, 1, 2, 2, 4]), ("f8", 4, [1, 2, 2, 4]))
)
