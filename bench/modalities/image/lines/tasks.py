"""Registry lines of the tasks that only images have."""

from __future__ import annotations

from bench.registry import Entry

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "image-generation",
        "bench.modalities.image.generation.task:ImageGeneration",
        "How far generated images are from real ones as a set (--samples, --reference)",
        modality="image",
    ),
)
