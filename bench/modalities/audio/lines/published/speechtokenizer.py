"""SpeechTokenizer, of the package speechtokenizer."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.audio.tokenizers.speechtokenizer_tokens:SpeechTokenizer",
    "Zhang et al. 2023, arXiv 2308.16692; github.com/ZhangXInFD/SpeechTokenizer",
    "audio",
    extra="audio",
    positional="books",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.checkpoint(
        "speechtokenizer",
        "fnlp/SpeechTokenizer/speechtokenizer_hubert_avg",
        "SpeechTokenizer 16 kHz on HuBERT's average layer, 50 Hz x 8 books, 1024 entries; @BOOKS",
        "not stated; the code is Apache-2.0",
    ),
)
