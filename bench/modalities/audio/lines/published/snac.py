"""SNAC, whose codebooks have unequal rates, of the package snac."""

from __future__ import annotations

from bench.lines.checkpoints import Family
from bench.registry import Entry

FAMILY = Family(
    "bench.modalities.audio.tokenizers.snac_tokens:Snac",
    "Siuzdak et al. 2024, arXiv 2410.14411; github.com/hubertsiuzdak/snac",
    "audio",
    extra="audio",
)

ENTRIES: tuple[Entry, ...] = (
    FAMILY.files("snac", "SNAC of the package snac, codebooks of unequal rates"),
    *(
        FAMILY.checkpoint(f"snac-{name}", f"hubertsiuzdak/snac_{name}", f"SNAC {rates}, 4096 entries", "MIT")
        for name, rates in (
            ("24khz", "24 kHz, 3 books of 11.7, 23.4 and 46.9 Hz"),
            ("32khz", "32 kHz, 4 books of 10.4 to 83.3 Hz"),
            ("44khz", "44.1 kHz, 4 books of 14.4 to 114.8 Hz"),
        )
    ),
)
