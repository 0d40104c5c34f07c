"""SoftVQ-VAE: a few continuous latent tokens for an image."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

REPOSITORY = "github.com/Hhhhhhao/continuous_tokenizer"
FAMILY = Family(
    "bench.modalities.image.tokenizers.soft_vq:SoftVQ",
    f"Chen et al. 2024, arXiv 2412.10958; {REPOSITORY}",
    "image",
    "continuous",
)


def described(size: str, count: int, side: int) -> str:
    """The end of a summary."""
    return f"{size} size, {count} latent tokens for {side}x{side} pixels"


ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("softvq", "SoftVQ-VAE with its publisher's config.json beside it"),
    *(
        FAMILY.checkpoint(
            f"softvq-{size}-{count}{'-512' if side == 512 else ''}",
            f"SoftVQVAE/softvq-{size}-{count}{'-512' if side == 512 else ''}",
            f"SoftVQ-VAE of {described(size.upper(), count, side)}",
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
)
