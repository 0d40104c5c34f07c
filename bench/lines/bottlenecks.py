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
        "rvq",
        "residual:TrainedRVQ",
        "Level by level, each codes what the ones before left",
        "Zeghidour et al. 2021, arXiv 2107.03312",
    ),
    _entry("pq", "product:TrainedPQ", "Parts of the latent, each with a codebook of its own", "Jégou et al. 2011"),
    _entry(
        "grouped-rvq",
        "grouped_residual:TrainedGroupedRVQ",
        "Parts of the latent, each residually quantized",
        "Yang et al. 2023, arXiv 2305.02765",
    ),
    _entry(
        "aq",
        "additive:TrainedAQ",
        "Sum of one codeword of each codebook, each chosen given the others",
        "Babenko & Lempitsky 2014; Martinez et al. 2016",
    ),
    _entry(
        "multiscale",
        "multiscale:TrainedMultiscale",
        "Grids from coarse to fine, residually quantized with one codebook",
        "Tian et al. 2024, arXiv 2404.02905",
    ),
    _entry(
        "fsq",
        "fsq:TrainedFSQ",
        "A few projected coordinates, each rounded",
        "Mentzer et al. 2023, arXiv 2309.15505",
    ),
    _entry(
        "lfq",
        "lfq:TrainedLFQ",
        "The signs of a projection, with an entropy penalty",
        "Yu et al. 2023, arXiv 2310.05737",
    ),
    _entry(
        "bsq",
        "bsq:TrainedBSQ",
        "The signs of a projection to the unit sphere, with an entropy penalty",
        "Zhao et al. 2024, arXiv 2406.07548",
    ),
    _entry(
        "continuous",
        "continuous:Continuous",
        "The latents alone: what the network itself loses",
        "",
        "continuous",
    ),
)
