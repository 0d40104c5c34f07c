"""WeTok, which has Open-MAGVIT2's network and groups of codes; it evaluates the moving average of its weights."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from bench.lines.checkpoints import Family
from bench.modalities.image.lines.published import magvit2
from bench.modalities.image.lines.published.magvit2 import F8, F16
from bench.registry import Entry

FAMILY = Family(
    magvit2.FAMILY.target,
    "Zhuang et al. 2025, arXiv 2508.05599; github.com/zhuangshaobin/WeTok",
    "image",
)

F32 = (1, 1, 2, 2, 4, 8)


def _config(factors: Sequence[int], groups: int, noisy: bool = False) -> dict[str, Any]:
    """``model.init_args`` of configs/WeToK/Inference."""
    config = magvit2.network(256, factors, 8 * groups) | {"n_embed": 256, "num_codebooks": groups}
    return config | {"gan_decoder": True} if noisy else config


ENTRIES: tuple[Entry, ...] = tuple(
    FAMILY.checkpoint(
        f"wetok-{name}",
        "GrayShine/WeTok",
        f"WeTok's grouped LFQ {what} at each position",
        "not stated; the code is Apache-2.0",
        file=f"{folder}/WeTok.ckpt",
        config=config,
        weights="ema",
    )
    for name, folder, config, what in (
        ("imagenet-f8", "ImageNet/downsample8", _config(F8, 4), "f8 for ImageNet, 4 codes of 8 bits"),
        ("imagenet-f16", "ImageNet/downsample16", _config(F16, 4), "f16 for ImageNet, 4 codes of 8 bits"),
        ("24", "GeneralDomain/compratio24", _config(F8, 8), "f8 of compression ratio 24, 8 codes of 8 bits"),
        ("48", "GeneralDomain/compratio48", _config(F8, 4), "f8 of compression ratio 48, 4 codes of 8 bits"),
        ("192", "GeneralDomain/compratio192", _config(F16, 4), "f16 of compression ratio 192, 4 codes of 8 bits"),
        (
            "768",
            "GeneralDomain/compratio768",
            _config(F32, 4, noisy=True),
            "f32 of compression ratio 768, whose decoder takes noise, 4 codes of 8 bits",
        ),
    )
)
