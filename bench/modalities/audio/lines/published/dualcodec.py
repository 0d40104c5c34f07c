"""DualCodec, a semantic codebook and acoustic ones."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.audio.tokenizers.dualcodec:DualCodec",
    "Li et al. 2025, arXiv 2505.13000; github.com/jiaqili3/DualCodec",
    "audio",
    extra="audio",
    positional="books",
)

STATISTICS = "w2vbert2_mean_var_stats_emilia.pt"
"""The file by which features are normalized, beside those of the codecs."""
_BOTH = {"sample_rate": 24000, "semantic_codebook_size": 16384}

ENTRIES: tuple[Entry, ...] = tuple(
    FAMILY.checkpoint(
        f"dualcodec-{name}",
        "amphion/dualcodec",
        f"DualCodec 24 kHz on w2v-BERT 2.0, {rates}; @BOOKS",
        "Apache-2.0; the code is MIT",
        file=f"{{{file},{STATISTICS}}}",
        config=_BOTH | config,
    )
    for name, rates, file, config in (
        (
            "12hz",
            "12.5 Hz x 8 books, the first of 16384 entries, the others of 4096",
            "dualcodec_12hz_16384_4096.safetensors",
            {
                "encoder_rates": [4, 5, 6, 8, 2],
                "decoder_rates": [2, 8, 6, 5, 4],
                "encoder_dim": 32,
                "decoder_dim": 1536,
                "n_codebooks": 7,
                "codebook_size": 4096,
                "semantic_downsample_factor": 4,
            },
        ),
        (
            "25hz",
            "25 Hz x 12 books, the first of 16384 entries, the others of 1024",
            "dualcodec_25hz_16384_1024.safetensors",
            {
                "encoder_rates": [4, 5, 6, 8],
                "decoder_rates": [8, 6, 5, 4],
                "n_codebooks": 11,
                "codebook_size": 1024,
            },
        ),
    )
)
