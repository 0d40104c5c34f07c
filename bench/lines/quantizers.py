"""Registry lines of the quantizers, which code vectors whatever the modality."""

from __future__ import annotations

from bench.registry import Entry


def _entry(name: str, target: str, summary: str, source: str) -> Entry:
    return Entry(name, f"bench.quantizers.{target}", summary, tokens="discrete", source=source, license="Apache-2.0")


ENTRIES: tuple[Entry, ...] = (
    _entry("vq", "vector:VectorQuantizer", "Nearest of K codewords", "van den Oord et al. 2017; Gray 1984"),
    _entry(
        "rvq",
        "residual:ResidualQuantizer",
        "Level by level, each codes what the ones before left",
        "Juang & Gray 1982; Zeghidour et al. 2021",
    ),
    _entry(
        "rvq-beam",
        "beam:BeamResidualQuantizer",
        "rvq, of which each level keeps the sixteen best sums",
        "Liu et al. 2015",
    ),
    _entry("ervq", "refined:RefinedResidualQuantizer", "rvq-beam, all codebooks refined together", "Ai et al. 2017"),
    _entry("qinco", "qinco:ImplicitQuantizer", "rvq, whose codebooks networks adapt", "Huijben et al. 2024"),
    _entry("qinco2", "qinco_beam:BeamImplicitQuantizer", "qinco along sixteen paths", "Vallaeys et al. 2025"),
    _entry(
        "irvq",
        "progressive:ProgressiveResidualQuantizer",
        "rvq-beam, its codebooks learned in a growing number of dimensions",
        "Liu et al. 2015",
    ),
    _entry(
        "sq", "stacked:StackedQuantizer", "rvq, its codebooks refined for the greedy search", "Martinez et al. 2014"
    ),
    _entry(
        "prvq",
        "projected:ProjectedResidualQuantizer",
        "rvq, each level codes half of the principal components of what is left",
        "Wei et al. 2014",
    ),
    _entry(
        "grvq",
        "progressive:GeneralizedResidualQuantizer",
        "irvq, each codebook learned again given all the others",
        "Liu et al. 2017",
    ),
    _entry(
        "trq",
        "transformed:TransformedResidualQuantizer",
        "rvq, a rotation for each codeword before the next level",
        "Yuan & Liu 2015",
    ),
    _entry(
        "pq",
        "product:ProductQuantizer",
        "Parts of the vector, each with a codebook of its own",
        "Jégou et al. 2011; Ge et al. 2013",
    ),
    _entry(
        "rvpq",
        "residual_product:ResidualProductQuantizer",
        "Parts of the vector, each with two codebooks, the second of what the first left",
        "Niu et al. 2023",
    ),
    _entry(
        "opq",
        "rotated:OptimizedProductQuantizer",
        "pq after a learned rotation",
        "Ge et al. 2013",
    ),
    _entry(
        "aq",
        "additive:AdditiveQuantizer",
        "Sum of one codeword of each level, found by local search",
        "Babenko & Lempitsky 2014; Martinez et al. 2018",
    ),
    _entry(
        "apq",
        "additive_product:AdditiveProductQuantizer",
        "Parts of the rotated vector, each a sum of two codewords",
        "Babenko & Lempitsky 2014; Wang et al. 2014",
    ),
    _entry(
        "ockm",
        "cartesian:OptimizedCartesianKMeans",
        "apq, of which the rotation is learned together with the codebooks",
        "Wang et al. 2014",
    ),
    _entry(
        "cq",
        "composite:CompositeQuantizer",
        "Sum of one codeword of each level, whose inner products are nearly constant",
        "Zhang et al. 2014",
    ),
    _entry(
        "vaq",
        "variance:VarianceAwareQuantizer",
        "Each coefficient by itself, of as many bits as its variance earns",
        "Paparrizos et al. 2022",
    ),
    _entry("fsq", "fsq:FiniteScalarQuantizer", "Each coefficient rounded to a few levels", "Mentzer et al. 2023"),
    _entry("lfq", "lfq:LookupFreeQuantizer", "The sign of each coefficient", "Yu et al. 2023"),
    _entry("bsq", "bsq:BinarySphericalQuantizer", "Signs of the vector scaled to the unit sphere", "Zhao et al. 2024"),
    _entry(
        "msvq",
        "multiscale:MultiScaleQuantizer",
        "Maps, residual quantized scale by scale with one codebook",
        "Tian et al. 2024",
    ),
)
