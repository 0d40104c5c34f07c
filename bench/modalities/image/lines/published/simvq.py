"""SimVQ's image tokenizers, as files: ``vq_log`` of the publisher's repository on the hub has a folder for each."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.simvq:SimVQ",
    "Zhu et al. 2024, arXiv 2411.02038; github.com/youngsheen/SimVQ; huggingface.co/youngsheen/SimVQ",
    "image",
)

_DDCONFIG = {
    "double_z": False,
    "z_channels": 128,
    "resolution": 128,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 128,
    "ch_mult": [1, 2, 2, 4],
    "num_res_blocks": 2,
}

ENTRIES: tuple[Entry, ...] = tuple(
    FAMILY.files(
        f"simvq-{entries}",
        f"SimVQ f8 for ImageNet at 128x128, {entries} entries",
        "MIT",
        config={"ddconfig": _DDCONFIG, "quantconfig": {"params": {"n_e": entries, "e_dim": 128}}},
        weights="ema",  # as its evaluation does
    )
    for entries in (1024, 8192, 65536, 262144)
)
