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
    _entry(
        "reset",
        "reset:Reset",
        "Rarely used codewords are put beside often used ones",
        "Williams et al. 2020 (HQA), arXiv 2002.08111",
    ),
    _entry(
        "random-restart",
        "random_restart:RandomRestart",
        "Rarely used codewords begin again at random latents of the batch",
        "Dhariwal et al. 2020 (Jukebox), arXiv 2005.00341",
    ),
    _entry(
        "online-clustering",
        "online_clustering:OnlineClustering",
        "The less a codeword is used, the further it goes to an anchor among the latents",
        "Zheng & Vedaldi 2023 (CVQ-VAE), arXiv 2307.15139",
    ),
    _entry(
        "affine",
        "affine:Affine",
        "All codewords are scaled and shifted together, used or not",
        "Huh et al. 2023, arXiv 2305.08842",
    ),
    _entry(
        "simvq",
        "frozen:SimVQ",
        "A frozen random codebook times a learned matrix",
        "Zhu et al. 2024 (SimVQ), arXiv 2411.02038",
    ),
    _entry(
        "vqgan-lc",
        "frozen:VQGANLC",
        "A frozen codebook of cluster means behind a learned projector",
        "Zhu et al. 2024 (VQGAN-LC), arXiv 2406.11837",
    ),
    _entry(
        "low-dim",
        "low_dim:LowDim",
        "Codewords of few dimensions, l2-normalized as the latents are",
        "Yu et al. 2021 (ViT-VQGAN), arXiv 2110.04627",
    ),
    _entry(
        "soft",
        "soft:Soft",
        "The decoder is trained on the posterior mean of the codewords",
        "Wu & Flierl 2020, arXiv 1905.11062",
    ),
    _entry(
        "annealed-soft",
        "soft:AnnealedSoft",
        "The decoder is trained on a mixture of codewords that hardens",
        "Agustsson et al. 2017, arXiv 1704.00648",
    ),
    _entry(
        "scq",
        "convex:SoftConvex",
        "The decoder is trained on the best convex combination of codewords",
        "Gautam et al. 2023, arXiv 2310.03004",
    ),
    _entry(
        "ibq",
        "index_backpropagation:IndexBackpropagation",
        "Straight-through on the one-hot choice, which gives all codewords a gradient",
        "Shi et al. 2024, arXiv 2412.02692",
    ),
    _entry(
        "sq-vae",
        "self_annealed:SelfAnnealed",
        "Codewords are drawn with a noise of learned variance",
        "Takida et al. 2022, arXiv 2205.07547",
    ),
    _entry(
        "entropy",
        "entropy:EntropyPenalty",
        "A penalty: assignments certain for each vector, evenly spread over the batch",
        "Yu et al. 2023, arXiv 2310.05737",
    ),
    _entry(
        "uniform-prior",
        "prior:PriorRegularization",
        "KL divergence of the batch's codes to the uniform, and half of the codes drawn",
        "Zhang et al. 2023, arXiv 2303.06424",
    ),
    _entry(
        "vq-wae",
        "transport:Transport",
        "Wasserstein distance of latents and weighted codewords",
        "Vuong et al. 2023, arXiv 2302.05917",
    ),
)
