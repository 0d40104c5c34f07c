"""Registry lines of the remedies against codebook collapse."""

from __future__ import annotations

from bench.registry import Entry


def _entry(name: str, target: str, summary: str, source: str) -> Entry:
    return Entry(name, f"bench.quantizers.remedies.{target}", summary, source=source, license="Apache-2.0")


ENTRIES: tuple[Entry, ...] = (
    _entry("none", "base:Remedy", "Nothing is done against collapse", "van den Oord et al. 2017, arXiv 1711.00937"),
    _entry(
        "kmeans-start",
        "kmeans_start:KMeansStart",
        "Codewords begin as the means of the first latents' clusters",
        "Łańcucki et al. 2020, arXiv 2005.08520",
    ),
)
