"""SQCodec, one scalar-quantized codebook at seven rates."""

from __future__ import annotations

from typing import Any

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.audio.tokenizers.sqcodec:SQCodec",
    "Zhai et al. 2025, arXiv 2504.04949; github.com/zhai-lw/SQCodec",
    "audio",
    extra="audio",
)

FILES = "{encoder,quantizer,decoder,en_encoder,en_decoder}.pt"
"""The files of each model, a module each."""

FINE, COARSE = [9, 9, 9, 7, 7, 7], [7, 7, 7, 7, 7, 7]
"""Levels of the channels."""
LONG = {"encoder_dims": [24, 48, 96, 192], "encoder_depths": [1, 1, 1, 2]}
LONG |= {"decoder_dims": [384, 192, 96, 48, 24], "decoder_depths": [3, 2, 2, 1, 1]}
SHORT = {"encoder_dims": [24, 96, 192], "encoder_depths": [1, 1, 2]}
SHORT |= {"decoder_dims": [384, 192, 96, 48], "decoder_depths": [3, 2, 1, 1]}


def config(
    rate: int,
    sizes: dict[str, Any],
    compress: list[int],
    decode: list[int],
    levels: list[int],
    depth: int,
    window: int,
    joined: int = 1,
) -> dict[str, Any]:
    """What decides the network in a TOML file of the package."""
    return {
        "sample_rate": rate,
        "network_config": {
            "feature_dim": 256,
            "compress_rates": compress,
            "decode_rates": decode,
            **sizes,
            "vq_config": {"name": "taae_fsq", "codebook_dim": levels, "codebook_num": 1},
            "en_coder_depth": depth,
            "en_coder_window_size": window,
            "en_coder_compress_rate": joined,
        },
    }


CONFIGS = {
    "0k75bps": config(16000, LONG, [6, 5, 4], [5, 4, 3, 2], COARSE, 5, 200, 3),
    "1k5bps": config(16000, LONG, [6, 5, 3], [5, 3, 3, 2], COARSE, 5, 300, 2),
    "3kbps": config(16000, LONG, [6, 5, 3], [5, 3, 3, 2], COARSE, 3, 400),
    "6kbps": config(16000, SHORT, [9, 5], [5, 3, 3], COARSE, 3, 300),
    "12kbps": config(16000, SHORT, [6, 4], [4, 3, 2], FINE, 3, 400),
    # The package's file states 16 kHz for it, at which it had 8 kbit/s.
    "12kbps_24khz": config(24000, SHORT, [6, 6], [4, 3, 3], FINE, 3, 400),
    "24kbps_24khz": config(24000, SHORT, [6, 3], [3, 3, 2], FINE, 3, 600),
}

ENTRIES: tuple[Entry, ...] = tuple(
    FAMILY.checkpoint(
        f"sqcodec-{name.replace('_', '-')}",
        f"zhai-lw/SQCodec/weights/{name}.v0",
        f"SQCodec {config['sample_rate'] // 1000} kHz, {rates} entries, one book",
        "not stated; the code is MIT",
        file=FILES,
        config=config,
    )
    for (name, config), rates in zip(
        CONFIGS.items(),
        (
            "44.4 Hz x 117649",
            "88.9 Hz x 117649",
            "178 Hz x 117649",
            "356 Hz x 117649",
            "667 Hz x 250047",
            "667 Hz x 250047",
            "1333 Hz x 250047",
        ),
        strict=True,
    )
)
