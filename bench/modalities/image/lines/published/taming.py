"""VQGANs of taming-transformers, and files of diffusers' VQModel, which has their network."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_vq:VQModel",
    "Esser et al. 2021, arXiv 2012.09841; github.com/CompVis/taming-transformers",
    "image",
    extra="hf",
)

F16 = {
    "embed_dim": 256,
    "ddconfig": {
        "double_z": False,
        "z_channels": 256,
        "resolution": 256,
        "in_channels": 3,
        "out_ch": 3,
        "ch": 128,
        "ch_mult": [1, 1, 2, 2, 4],
        "num_res_blocks": 2,
        "attn_resolutions": [16],
    },
}
"""``model.params`` of taming-transformers' f16 models, whatever their number of entries."""

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("vq-model", "diffusers VQModel"),
    FAMILY.files("vqgan", "taming-transformers' VQGAN f16, or that of the YAML file beside it", config=F16),
    *(
        FAMILY.files(
            f"vqgan-f16-{entries}",
            f"taming-transformers' VQGAN f16 for ImageNet, {entries} entries",
            "not stated; the code is MIT",
            config=F16 | {"n_embed": entries},
            weights="raw",
        )
        for entries in (1024, 16384)
    ),
)
