"""BigCodec, one codebook at 80 Hz."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.audio.tokenizers.bigcodec:BigCodec",
    "Xin et al. 2024, arXiv 2409.05377; github.com/Aria-K-Alethia/BigCodec",
    "audio",
    extra="audio",
)

_BOTH = {"use_rnn": True, "rnn_bidirectional": False, "rnn_num_layers": 2, "dilations": [1, 3, 9]}
CONFIG = {
    "codec_encoder": {**_BOTH, "out_channels": 1024, "ngf": 48, "up_ratios": [2, 2, 2, 5, 5]},
    "codec_decoder": {
        **_BOTH,
        "in_channels": 1024,
        "upsample_initial_channel": 1536,
        "up_ratios": [5, 5, 2, 2, 2],
        "vq_num_quantizers": 1,
        "codebook_size": 8192,
        "codebook_dim": 8,
    },
}
"""What decides the network in the publisher's ``config/model/default.yaml``."""

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "bigcodec",
        "Alethia/BigCodec",
        "BigCodec 16 kHz, 80 Hz x 8192 entries, one book",
        "not stated; the code is MIT",
        file="bigcodec.pt",
        config=CONFIG,
    ),
)
