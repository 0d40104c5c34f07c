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
    _entry(
        "rotation",
        "rotation:Rotation",
        "The nearest codeword forward, the rotation and the scale that lead there backward",
        "Fifty et al. 2024, arXiv 2410.06424",
    ),
    _entry(
        "gumbel",
        "gumbel:Gumbel",
        "A drawn codeword forward, its relaxation at a falling temperature backward",
        "Jang et al. 2017, arXiv 1611.01144",
    ),
    _entry(
        "stochastic",
        "stochastic:Stochastic",
        "A codeword drawn less and less widely forward, the mean of the draws backward",
        "Takida et al. 2022, arXiv 2205.07547",
    ),
    _entry(
        "reinforce",
        "reinforce:Reinforce",
        "A drawn codeword forward, its score times the advantage backward",
        "Williams 1992, doi:10.1007/BF00992696",
    ),
)
