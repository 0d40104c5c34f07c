"""MAETok: SoftVQ-VAE's network without its quantizer, trained on masked images."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.modalities.image.lines.published.soft_vq import REPOSITORY, described
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.soft_vq:MAETok",
    f"Chen et al. 2025, arXiv 2502.03444; {REPOSITORY}",
    "image",
    "continuous",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("maetok", "MAETok with its publisher's config.json beside it"),
    *(
        FAMILY.checkpoint(
            f"maetok-b-128{'-512' if side == 512 else ''}",
            f"MAETok/maetok-b-128{'-512' if side == 512 else ''}",
            f"MAETok of {described('B', 128, side)}",
            "Apache-2.0",
        )
        for side in (256, 512)
    ),
)
