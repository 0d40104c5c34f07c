"""Registry lines of the paradigms of backbones, in which probes are trained from scratch."""

from __future__ import annotations

from bench.registry import Entry


def _paradigm(
    name: str, target: str, summary: str, source: str, tokens: str = "discrete", extra: str | None = None
) -> Entry:
    target = f"bench.backbones.{target}"
    return Entry(name, target, summary, tokens=tokens, source=source, license="Apache-2.0", extra=extra)


ENTRIES: tuple[Entry, ...] = (
    _paradigm(
        "raster",
        "raster:Raster",
        "Raster-order autoregression over one codebook",
        "Esser et al. 2021, arXiv:2012.09841; Sun et al. 2024 (LlamaGen), arXiv:2406.06525",
    ),
    _paradigm(
        "depthwise",
        "depthwise:Depthwise",
        "Depth-wise prediction over residual codebooks (RQ-Transformer)",
        "Lee et al. 2022, arXiv:2203.01941",
    ),
    _paradigm(
        "delay",
        "delay:Delay",
        "The delay pattern over the codebooks of audio (MusicGen)",
        "Copet et al. 2023, arXiv:2306.05284",
    ),
    _paradigm(
        "masked",
        "masked:Masked",
        "Masked parallel decoding over one codebook (MaskGIT)",
        "Chang et al. 2022, arXiv:2202.04200",
    ),
    _paradigm(
        "nextscale",
        "nextscale:NextScale",
        "Next-scale prediction over multi-scale codes (VAR)",
        "Tian et al. 2024, arXiv:2404.02905",
    ),
    _paradigm(
        "randomised",
        "randomised:Randomised",
        "Raster-order autoregression over one codebook, trained on randomized orders (RAR)",
        "Yu et al. 2024, arXiv:2411.00776",
    ),
    _paradigm(
        "mixture",
        "mixture:Mixture",
        "Raster-order autoregression over continuous tokens, mixtures of Gaussians (GIVT)",
        "Tschannen et al. 2023, arXiv:2312.02116",
        "continuous",
    ),
    _paradigm(
        "diffusion",
        "diffusion:Diffusion",
        "Masked autoregression over continuous tokens, each by diffusion (MAR)",
        "Li et al. 2024, arXiv:2406.11838",
        "continuous",
        extra="hf",
    ),
)
