"""FlowMo, whose decoder is a rectified flow."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.flowmo:FlowMo",
    "Sargent et al. 2025, arXiv 2503.11056; github.com/kylesargent/FlowMo",
    "image",
)


def _line(name: str, file: str, bits: int, code_bits: int) -> Entry:
    return FAMILY.checkpoint(
        name,
        "ksarge/FlowMo",
        f"FlowMo, 256 tokens of {bits // code_bits} codes of {code_bits} bits for 256x256 pixels, decoded by sampling",
        "not stated; the code is Apache-2.0",
        file=file,
        # flowmo/configs/base.yaml, with the sizes that its widths make.
        config={
            "image_size": 256,
            "patch_size": 4,
            "code_length": 256,
            "context_dim": bits,
            "codebook_size_for_entropy": code_bits,
            "heads": 12,
            "encoder": {"width": 768, "depth": 8, "axes": [8, 28, 28]},
            "decoder": {"width": 1152, "depth": 16, "axes": [12, 42, 42]},
            "sample_steps": 25,
        },
        weights="ema",
    )


ENTRIES: tuple[Entry, ...] = (
    _line("flowmo-lo", "flowmo_lo.pth", 18, 9),
    _line("flowmo-hi", "flowmo_hi.pth", 56, 14),
)
