"""Mimi, Moshi's codec, of transformers' MimiModel."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.audio.tokenizers.transformers_audio:Mimi",
    "Défossez et al. 2024, arXiv 2410.00037; github.com/kyutai-labs/moshi",
    "audio",
    extra="audio",
    positional="books",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "mimi",
        "kyutai/mimi",
        "Mimi 24 kHz, 12.5 Hz x 2048 entries, 8 books as in Moshi; @BOOKS up to 32",
        "CC-BY-4.0",
        books=8,
    ),
)
