"""The image tokenizer of Show-o."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.showo:ShowO",
    "Xie et al. 2024, arXiv 2408.12528; github.com/showlab/Show-o",
    "image",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "showo-magvit2",
        "showlab/magvitv2",
        "Show-o's MAGVIT-v2, LFQ f16 of 13 bits",
        "not stated; the code is Apache-2.0",
        config={"_class_name": "MAGVITv2"},
    ),
)
