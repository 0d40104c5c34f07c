"""MaskGIT's VQGAN, the tokenizer that TiTok, RAR, MAGE and others build on."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.maskgit:MaskGIT",
    "Chang et al. 2022, arXiv 2202.04200; github.com/google-research/maskgit, github.com/bytedance/1d-tokenizer",
    "image",
)

CONFIG = {
    "hidden_channels": 128,
    "channel_mult": [1, 1, 2, 2, 4],
    "num_res_blocks": 2,
    "z_channels": 256,
    "num_embeddings": 1024,
}
"""What 1d-tokenizer's ``PretrainedTokenizer`` fixes for the file, by the names of open-muse's ``MaskGitVQGAN``."""

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "maskgit-vq",
        "fun-research/TiTok",
        "MaskGIT's VQGAN f16 for ImageNet, 1024 entries",
        "Apache-2.0",
        file="maskgit-vqgan-imagenet-f16-256.bin",
        config=CONFIG,
    ),
)
