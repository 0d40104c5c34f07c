"""The tokenizer of Higgs Audio, of transformers' HiggsAudioV2TokenizerModel."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.audio.tokenizers.transformers_audio:HiggsAudioV2",
    "github.com/boson-ai/higgs-audio",
    "audio",
    extra="audio",
    positional="bandwidth",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "higgs-audio-v2",
        "bosonai/higgs-audio-v2-tokenizer",
        "Higgs Audio v2's tokenizer 24 kHz, 25 Hz x 1024 entries; @KBPS of 0.5, 1, 1.5, 2",
        "Boson Higgs Audio 2 Community License",
    ),
)
