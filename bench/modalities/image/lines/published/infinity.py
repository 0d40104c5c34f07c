"""The bitwise multi-scale autoencoders of Infinity."""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.infinity:Infinity",
    "Han et al. 2024, arXiv 2412.04431; github.com/FoundationVision/Infinity",
    "image",
)

NETWORK = {
    "base_ch": 128,
    "num_res_blocks": 2,
    "encoder_ch_mult": [1, 2, 4, 4, 4],
    "decoder_ch_mult": [1, 2, 4, 4, 4],
}
"""Arguments of Infinity's ``vae_model`` for all of its files of f16."""

SCALES = {256: [1, 2, 4, 6, 8, 12, 16], 512: [1, 2, 4, 6, 8, 12, 16, 20, 24, 32]}
"""Rows and columns of the scales of a square image, by its side in pixels (``dynamic_resolution.py``)."""


def config(bits: int, side: int) -> dict[str, Any]:
    """The configuration of a model of so many bits for images of that side."""
    return {"codebook_dim": bits, "scales": SCALES[side], **NETWORK}


def _line(name: str, file: str, bits: int, side: int) -> Entry:
    codes = sum(scale**2 for scale in SCALES[side])
    return FAMILY.checkpoint(
        name if side == 256 else f"{name}-{side}",
        "FoundationVision/infinity",
        f"Infinity's multi-scale BSQ f16 for {side}x{side} pixels, {codes} codes of {bits} bits",
        "MIT",
        file=file,
        config=config(bits, side),
        weights="raw",
    )


ENTRIES: tuple[Entry, ...] = (
    *(
        _line(f"infinity-bsq-d{bits}", f"infinity_vae_d{bits}.pth", bits, side)
        for bits in (16, 24, 32, 64)
        for side in SCALES
    ),
    *(_line("infinity-bsq-d32-reg", "infinity_vae_d32reg.pth", 32, side) for side in SCALES),
)
