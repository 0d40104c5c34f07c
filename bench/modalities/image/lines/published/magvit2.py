"""Open-MAGVIT2 and WeTok. Both evaluate the moving average of their weights."""

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

F8, F16, F32 = (1, 2, 2, 4), (1, 1, 2, 2, 4), (1, 1, 2, 2, 4, 8)
"""``ch_mult`` of networks that halve the grid three, four and five times."""


def _config(width: int, factors: Sequence[int], channels: int) -> dict[str, Any]:
    network = {"ch": width, "ch_mult": list(factors), "num_res_blocks": 4, "z_channels": channels}
    return {"ddconfig": network | {"in_channels": 3, "out_ch": 3}, "embed_dim": channels}


def _open_magvit2(factors: Sequence[int], bits: int) -> dict[str, Any]:
    """``model.init_args`` of configs/Open-MAGVIT2."""
    return _config(128, factors, bits) | {"n_embed": 2**bits}


def _wetok(factors: Sequence[int], groups: int, noisy: bool = False) -> dict[str, Any]:
    """``model.init_args`` of configs/WeToK/Inference."""
    config = _config(256, factors, 8 * groups) | {"n_embed": 256, "num_codebooks": groups}
    return config | {"gan_decoder": True} if noisy else config


WETOK = "Zhuang et al. 2025, arXiv 2508.05599; github.com/zhuangshaobin/WeTok"

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
    *(
        FAMILY.checkpoint(
            f"wetok-{name}",
            "GrayShine/WeTok",
            f"WeTok's grouped LFQ {what} at each position",
            "not stated; the code is Apache-2.0",
            WETOK,
            file=f"{folder}/WeTok.ckpt",
            config=config,
            weights="ema",
        )
        for name, folder, config, what in (
            ("imagenet-f8", "ImageNet/downsample8", _wetok(F8, 4), "f8 for ImageNet, 4 codes of 8 bits"),
            ("imagenet-f16", "ImageNet/downsample16", _wetok(F16, 4), "f16 for ImageNet, 4 codes of 8 bits"),
            ("24", "GeneralDomain/compratio24", _wetok(F8, 8), "f8 of compression ratio 24, 8 codes of 8 bits"),
            ("48", "GeneralDomain/compratio48", _wetok(F8, 4), "f8 of compression ratio 48, 4 codes of 8 bits"),
            ("192", "GeneralDomain/compratio192", _wetok(F16, 4), "f16 of compression ratio 192, 4 codes of 8 bits"),
            (
                "768",
                "GeneralDomain/compratio768",
                _wetok(F32, 4, noisy=True),
                "f32 of compression ratio 768, whose decoder takes noise, 4 codes of 8 bits",
            ),
        )
    ),
)
