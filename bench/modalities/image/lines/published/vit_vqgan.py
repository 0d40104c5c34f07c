"""ViT-VQGAN, trained anew."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.vit_vqgan:ViTVQGAN",
    "Yu et al. 2022, arXiv 2110.04627; trained anew in github.com/thuanz123/enhancing-transformers",
    "image",
)

SMALL = {"dim": 512, "depth": 8, "heads": 8, "mlp_dim": 2048}
BASE = {"dim": 768, "depth": 12, "heads": 12, "mlp_dim": 3072}
"""Both transformers of ``configs/imagenet_vitvq_{small,base}.yaml``; no checkpoint of the large one is published."""


def _line(size: str, transformer: dict[str, int]) -> Entry:
    return FAMILY.files(
        f"vit-vqgan-{size}",
        f"ViT-VQGAN {size} f8, 8192 entries",
        "not stated; the code is MIT",
        f"{FAMILY.source}; huggingface.co/thuanz123/vitvqgan-imagenet-{size}",
        config={
            "image_size": 256,
            "patch_size": 8,
            "encoder": transformer,
            "decoder": transformer,
            "quantizer": {"embed_dim": 32, "n_embed": 8192},
        },
        weights="raw",
    )


ENTRIES: tuple[Entry, ...] = (_line("base", BASE), _line("small", SMALL))
