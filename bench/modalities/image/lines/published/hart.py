"""HART's tokenizer: codes on several scales, with and without their residual."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

_SOURCE = "Tang et al. 2024, arXiv 2410.10812; github.com/mit-han-lab/hart"
HYBRID = Family("bench.modalities.image.tokenizers.hart:HART", _SOURCE, "image", "hybrid")
CODES = Family("bench.modalities.image.tokenizers.hart:HARTCodes", _SOURCE, "image")

_HUB, _LICENSE = "mit-han-lab/hart-0.7b-1024px/tokenizer", "not stated; the code is MIT"

ENTRIES: tuple[Entry, ...] = (
    HYBRID.checkpoint("hart", _HUB, "HART's hybrid tokenizer f16: multi-scale codes and their residual", _LICENSE),
    CODES.checkpoint("hart-vq", _HUB, "The multi-scale codes of HART's tokenizer f16 alone", _LICENSE),
)
