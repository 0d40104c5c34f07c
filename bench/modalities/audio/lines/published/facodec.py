"""FACodec of NaturalSpeech 3: prosody, content, details, and a vector of timbre."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.audio.tokenizers.facodec:FACodec",
    "Ju et al. 2024, arXiv 2403.03100; github.com/open-mmlab/Amphion",
    "audio",
    tokens="hybrid",
    extra="audio",
)

CONFIG = {
    "encoder": {"ngf": 32, "up_ratios": [2, 4, 5, 5], "out_channels": 256},
    "decoder": {
        "in_channels": 256,
        "upsample_initial_channel": 1024,
        "up_ratios": [5, 5, 4, 2],
        "vq_num_q_p": 1,
        "vq_num_q_c": 2,
        "vq_num_q_r": 3,
        "codebook_dim": 8,
        "codebook_size_prosody": 10,
        "codebook_size_content": 10,
        "codebook_size_residual": 10,
    },
}
"""What decides the networks in the publisher's README."""

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "facodec",
        "amphion/naturalspeech3_facodec",
        "FACodec 16 kHz, 80 Hz x 6 books, 1024 entries, and 256 numbers of timbre per clip",
        "Apache-2.0",
        file="ns3_facodec_encoder.bin",
        beside=({"file": "ns3_facodec_decoder.bin"},),
        config=CONFIG,
    ),
)
