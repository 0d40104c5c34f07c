"""Registry lines of the gradient estimators of bottlenecks."""

from __future__ import annotations

from bench.registry import Entry


def _entry(name: str, target: str, summary: str, source: str) -> Entry:
    return Entry(name, f"bench.quantizers.estimators.{target}", summary, source=source, license="Apache-2.0")


ENTRIES: tuple[Entry, ...] = (
    _entry(
        "straight-through",
        "straight_through:StraightThrough",
        "The nearest codeword forward, the identity backward",
        "Bengio et al. 2013, arXiv 1308.3432",
    ),
)
