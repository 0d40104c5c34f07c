"""The multi-scale VQ autoencoder of VAR."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.var:VAR",
    "Tian et al. 2024, arXiv 2404.02905; github.com/FoundationVision/VAR",
    "image",
)

CONFIG = {
    "vocab_size": 4096,
    "z_channels": 32,
    "ch": 160,
    "quant_conv_ks": 3,
    "quant_resi": 0.5,
    "share_quant_resi": 4,
    "v_patch_nums": [1, 2, 3, 4, 5, 6, 8, 10, 13, 16],
}
"""Arguments of VAR's ``VQVAE`` for the file that it publishes."""

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "var-vq",
        "FoundationVision/var",
        "VAR's multi-scale VQ f16, 680 codes of 4096 entries for 256x256 pixels",
        "MIT",
        file="vae_ch160v4096z32.pth",
        config=CONFIG,
    ),
)
