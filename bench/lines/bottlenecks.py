"""Registry lines of the bottlenecks, which are trained with an encoder and a decoder whatever the modality."""

from __future__ import annotations

from bench.registry import Entry


def _entry(name: str, target: str, summary: str, source: str, tokens: str = "discrete") -> Entry:
    target = f"bench.quantizers.trained.{target}"
    return Entry(
        f"trained-{name}", target, summary, positional="bits", tokens=tokens, source=source, license="Apache-2.0"
    )


ENTRIES: tuple[Entry, ...] = (
    _entry("vq", "vector:TrainedVQ", "Nearest of K codewords", "van den Oord et al. 2017, arXiv 1711.00937"),
    _entry(
        "continuous",
        "continuous:Continuous",
        "The latents alone: what the network itself loses",
        "",
        "continuous",
    ),
)
