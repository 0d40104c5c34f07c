"""SoftVQ-VAE and MAETok: a few continuous latent tokens for an image."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

REPOSITORY = "github.com/Hhhhhhao/continuous_tokenizer"
SOFT_VQ = Family(
    "bench.modalities.image.tokenizers.soft_vq:SoftVQ",
    f"Chen et al. 2024, arXiv 2412.10958; {REPOSITORY}",
    "image",
    "continuous",
)
MAETOK = Family(
    "bench.modalities.image.tokenizers.soft_vq:MAETok",
    f"Chen et al. 2025, arXiv 2502.03444; {REPOSITORY}",
    "image",
    "continuous",
)


def _described(size: str, count: int, side: int) -> str:
    return f"{size} size, {count} latent tokens for {side}x{side} pixels"


ENTRIES: tuple[Entry, ...] = (
    SOFT_VQ.files("softvq", "SoftVQ-VAE with its publisher's config.json beside it"),
    *(
        SOFT_VQ.checkpoint(
            f"softvq-{size}-{count}{'-512' if side == 512 else ''}",
            f"SoftVQVAE/softvq-{size}-{count}{'-512' if side == 512 else ''}",
            f"SoftVQ-VAE of {_described(size.upper(), count, side)}",
            "Apache-2.0",
        )
        for size, count, side in (
            ("l", 64, 256),
            ("bl", 64, 256),
            ("b", 64, 256),
            ("l", 32, 256),
            ("bl", 32, 256),
            ("b", 32, 256),
            ("bl", 64, 512),
            ("l", 32, 512),
        )
    ),
    MAETOK.files("maetok", "MAETok with its publisher's config.json beside it"),
    *(
        MAETOK.checkpoint(
            f"maetok-b-128{'-512' if side == 512 else ''}",
            f"MAETok/maetok-b-128{'-512' if side == 512 else ''}",
            f"MAETok of {_described('B', 128, side)}",
            "Apache-2.0",
        )
        for side in (256, 512)
    ),
)
