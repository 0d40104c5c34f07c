"""VQ autoencoders with the networks of taming-transformers, which diffusers' VQModel has: VQGAN, MoVQ, aMUSEd."""

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
    FAMILY.files("vq-model", "diffusers VQModel", "the checkpoint's", "Esser et al. 2021, arXiv 2012.09841"),
    FAMILY.checkpoint(
        "movq",
        "kandinsky-community/kandinsky-2-2-decoder/movq",
        "MoVQGAN f8 of Kandinsky 2.2, 16384 entries",
        "Apache-2.0",
        "Zheng et al. 2022, arXiv 2209.09002; github.com/ai-forever/MoVQGAN",
    ),
    FAMILY.checkpoint(
        "amused-vq",
        "amused/amused-512/vqvae",
        "VQGAN f16 of aMUSEd, 8192 entries",
        "CreativeML Open RAIL++-M",
        "Patil et al. 2024, arXiv 2401.01808",
    ),
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
