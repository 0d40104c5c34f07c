"""Open-MAGVIT2, which evaluates the moving average of its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.magvit2:MAGVIT2",
    "Luo et al. 2024, arXiv 2409.04410; github.com/TencentARC/SEED-Voken",
    "image",
)

F8, F16 = (1, 2, 2, 4), (1, 1, 2, 2, 4)
"""``ch_mult`` of networks that halve the grid three and four times."""


def network(width: int, factors: Sequence[int], channels: int) -> dict[str, Any]:
    """Arguments of the publisher's ``VQModel``, without those of its quantizer."""
    ddconfig = {"ch": width, "ch_mult": list(factors), "num_res_blocks": 4, "z_channels": channels}
    return {"ddconfig": ddconfig | {"in_channels": 3, "out_ch": 3}, "embed_dim": channels}


def _open_magvit2(factors: Sequence[int], bits: int) -> dict[str, Any]:
    """``model.init_args`` of configs/Open-MAGVIT2."""
    return network(128, factors, bits) | {"n_embed": 2**bits}


ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "open-magvit2-256",
        "TencentARC/Open-MAGVIT2-Tokenizer-256-resolution",
        "Open-MAGVIT2's LFQ f16 for ImageNet, 18 bits",
        "Apache-2.0",
        file="imagenet_256_L.ckpt",
        config=_open_magvit2(F16, 18),
        weights="ema",
    ),
    FAMILY.checkpoint(
        "open-magvit2-256-factorized",
        "TencentARC/Open-MAGVIT2-Tokenizer-256-resolution",
        "Open-MAGVIT2's LFQ f16 for ImageNet, with codes of 6 and 12 bits as its backbones draw them",
        "Apache-2.0",
        file="imagenet_256_L.ckpt",
        config=_open_magvit2(F16, 18) | {"token_factorization": True, "factorized_bits": [6, 12]},
        weights="ema",
    ),
    FAMILY.checkpoint(
        "open-magvit2-128",
        "TencentARC/Open-MAGVIT2-Tokenizer-128-resolution",
        "Open-MAGVIT2's LFQ f8 for ImageNet at 128x128, 18 bits",
        "Apache-2.0",
        file="imagenet_128_L.ckpt",
        config=_open_magvit2(F8, 18),
        weights="ema",
    ),
    *(
        FAMILY.checkpoint(
            f"open-magvit2-pretrain-{2**bits}",
            f"TencentARC/Open-MAGVIT2-Tokenizer-{2**bits}-Pretrain",
            f"Open-MAGVIT2's LFQ f16 for text to image, {bits} bits",
            "Apache-2.0",
            file=f"pretrain256_{2**bits}.ckpt",
            config=_open_magvit2(F16, bits),
            weights="ema",
        )
        for bits in (14, 18)
    ),
)
