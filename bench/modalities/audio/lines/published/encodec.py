"""EnCodec, of transformers' EncodecModel."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.audio.tokenizers.transformers_audio:Encodec",
    "Défossez et al. 2022, arXiv 2210.13438; github.com/facebookresearch/encodec",
    "audio",
    extra="audio",
    positional="bandwidth",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("encodec", "transformers EncodecModel, 24 kHz"),
    FAMILY.checkpoint(
        "encodec-24khz",
        "facebook/encodec_24khz",
        "EnCodec 24 kHz, 75 Hz x 1024 entries; @KBPS of 1.5, 3, 6, 12, 24",
        "MIT",
        bandwidth=6,
    ),
)
