"""Registry lines of the modalities, each of which has a folder in ``bench/modalities``."""

from __future__ import annotations

from bench.registry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry("image", "bench.modalities.image.face:IMAGE", "Images of one size, in [0, 1]"),
    Entry("audio", "bench.modalities.audio.face:AUDIO", "Audio clips of one sample rate, in [-1, 1]"),
    Entry("graph", "bench.modalities.graph.face:GRAPH", "Nodes of a knowledge graph"),
)
