"""BSQ-ViT, whose three files its README links to, with the first digits of their md5.

Each holds raw weights and their moving average, and the README has numbers of both. ``approx`` is the model that was
trained with the approximation of the entropy in equation 8, as the one of 36 bits was.
"""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.bsqvit:BSQViT",
    "Zhao et al. 2024, arXiv 2406.07548; github.com/zhaoyue-zephyrus/bsq-vit",
    "image",
)

_VIT = {"image_size": 256, "patch_size": 8, "width": 768, "layers": 12, "heads": 12, "mlp_ratio": 4}


def _config(bits: int) -> dict[str, Any]:
    """``model.params`` of configs/tokenizer, as far as the network depends on them."""
    return {"embed_dim": bits, "l2_norm": True, "post_q_l2_norm": True, "logit_laplace": False, "vitconfig": _VIT}


def _line(name: str, summary: str, config: dict[str, Any], weights: str) -> Entry:
    which = "moving average of the weights" if weights == "ema" else "raw weights"
    license = "not stated; the code is MIT"
    return FAMILY.files(name, f"BSQ-ViT f8 for ImageNet, {summary}; {which}", license, config=config, weights=weights)


ENTRIES: tuple[Entry, ...] = (
    *(
        _line(f"{name}{suffix}", f"one code of {bits} bits at each position (md5 {md5}...)", _config(bits), weights)
        for name, bits, md5 in (
            ("bsq-vit-18bit", 18, "7abf5a"),
            ("bsq-vit-18bit-approx", 18, "8f5422"),
            ("bsq-vit-36bit", 36, "b5ce5f"),
        )
        for suffix, weights in (("", "raw"), ("-ema", "ema"))
    ),
    _line(
        "bsq-vit-36bit-grouped",
        "36 bits at each position as four codes of 9, which a backbone can have embeddings for (md5 b5ce5f...)",
        _config(36) | {"code_bits": [9, 9, 9, 9]},
        "raw",
    ),
)
