"""LlamaGen's VQ autoencoders, of transformers' JanusVQVAE, which has their network."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.image.tokenizers.transformers_vq:JanusVQ",
    "Sun et al. 2024, arXiv 2406.06525; github.com/FoundationVision/LlamaGen",
    "image",
)

_ANY = {"codebook_size": 16384, "codebook_embed_dim": 8, "codebook_l2_norm": True, "z_channels": 256}
DS16 = _ANY | {"encoder_ch_mult": [1, 1, 2, 2, 4], "decoder_ch_mult": [1, 1, 2, 2, 4]}
DS8 = _ANY | {"encoder_ch_mult": [1, 2, 2, 4], "decoder_ch_mult": [1, 2, 2, 4]}
"""ModelArgs of LlamaGen's vq_model.py. Its evaluation takes the moving average where a file holds one."""

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "llamagen-vq-ds16",
        "FoundationVision/vq-ds16-c2i",
        "LlamaGen's VQ f16 for ImageNet, 16384 entries",
        "MIT",
        config=DS16,
        weights="ema-if-any",
    ),
    FAMILY.checkpoint(
        "llamagen-vq-ds8",
        "FoundationVision/LlamaGen",
        "LlamaGen's VQ f8 for ImageNet, 16384 entries",
        "MIT",
        file="vq_ds8_c2i.pt",
        config=DS8,
        weights="ema-if-any",
    ),
    FAMILY.checkpoint(
        "llamagen-vq",
        "FoundationVision/LlamaGen",
        "LlamaGen's VQ f16 for ImageNet as its authors publish it, 16384 entries",
        "MIT",
        file="vq_ds16_c2i.pt",
        config=DS16,
        weights="ema-if-any",
    ),
    FAMILY.checkpoint(
        "llamagen-vq-ds16-t2i",
        "peizesun/llamagen_t2i",
        "LlamaGen's VQ f16 for text to image, 16384 entries",
        "not stated; the code is MIT",
        file="vq_ds16_t2i.pt",
        config=DS16,
        weights="ema-if-any",
    ),
)
