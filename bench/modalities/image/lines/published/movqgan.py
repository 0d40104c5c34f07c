"""MoVQ: SBER's MoVQGAN and Kandinsky's copy of it, of diffusers' VQModel, which has the network."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.diffusers_vq:VQModel",
    "Zheng et al. 2022, arXiv 2209.09002; github.com/ai-forever/MoVQGAN",
    "image",
    extra="hf",
)

_DDCONFIG = {
    "double_z": False,
    "z_channels": 4,
    "resolution": 256,
    "in_channels": 3,
    "out_ch": 3,
    "ch": 128,
    "ch_mult": [1, 2, 2, 4],
    "num_res_blocks": 2,
    "attn_resolutions": [32],
}
SIZES = {"67M": {}, "102M": {"num_res_blocks": 4}, "270M": {"ch": 256}}
"""What the published models have instead, by their sizes: ``MODELS`` of MoVQGAN's package, which loads raw weights."""

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "movq",
        "kandinsky-community/kandinsky-2-2-decoder/movq",
        "MoVQGAN f8 of Kandinsky 2.2, 16384 entries",
        "Apache-2.0",
    ),
    *(
        FAMILY.checkpoint(
            f"movqgan-{size.lower()}",
            "ai-forever/MoVQGAN",
            f"MoVQGAN f8 of {size} parameters, 16384 entries",
            "not stated",
            file=f"movqgan_{size}.ckpt",
            config={"target": "MOVQ", "embed_dim": 4, "n_embed": 16384, "ddconfig": _DDCONFIG | changes},
            weights="raw",
        )
        for size, changes in SIZES.items()
    ),
)
