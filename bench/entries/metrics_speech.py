"""Registry lines of the metrics of what is said."""

from __future__ import annotations

from bench.registry import Entry

SPEECH: tuple[Entry, ...] = (
    Entry(
        "word_errors",
        "bench.metrics.word_errors:WordErrors",
        "Word and character error rate of a recogniser on the reconstruction, on the original, and between the two",
        modality="audio",
        source="equal to jiwer's over the whole set; bench list recognisers",
        extra="audio",
    ),
)
