"""Descript Audio Codec, of transformers' DacModel."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.audio.tokenizers.transformers_audio:Dac",
    "Kumar et al. 2023, arXiv 2306.06546; github.com/descriptinc/descript-audio-codec",
    "audio",
    extra="audio",
    positional="books",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("dac", "transformers DacModel"),
    *(
        FAMILY.checkpoint(
            f"dac-{name}",
            f"descript/dac_{name}",
            f"Descript Audio Codec, {rates}, 1024 entries; @BOOKS",
            "MIT",
        )
        for name, rates in (
            ("16khz", "16 kHz, 50 Hz x 12 books"),
            ("24khz", "24 kHz, 75 Hz x 32 books"),
            ("44khz", "44.1 kHz, 86.1 Hz x 9 books"),
        )
    ),
)
