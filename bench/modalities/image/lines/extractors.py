"""Registry lines of the networks whose features the set-level metrics of images compare."""

from __future__ import annotations

from bench.registry import Entry

_INCEPTION = "Szegedy et al. 2015, arXiv:1512.00567; TensorFlow's 2015-12-05 graph by torch-fidelity"

ENTRIES: tuple[Entry, ...] = (
    Entry(
        "inception",
        "bench.modalities.image.extractors.inception:load",
        "InceptionV3 of 2015-12-05: the features of FID, KID and the Inception Score",
        args={"layers": {"pool": 2048, "logits": 1008}, "version": 2},
        modality="image",
        source=_INCEPTION,
        license="Apache-2.0",
        weights=("inception-2015-12-05",),
    ),
    Entry(
        "inception_spatial",
        "bench.modalities.image.extractors.inception:load_spatial",
        "The same network with the spatial features of sFID",
        args={"layers": {"pool": 2048, "logits": 1008, "spatial": 2023}, "version": 2},
        modality="image",
        source=f"{_INCEPTION}; Nash et al. 2021, arXiv:2103.03841",
        license="Apache-2.0",
        weights=("inception-2015-12-05",),
    ),
    Entry(
        "efficientnet_lite0",
        "bench.modalities.image.extractors.efficientnet:load",
        "EfficientNet-Lite0, whose weights install from the package index",
        args={"layers": {"pool": 1280}, "version": 2},
        modality="image",
        source="Tan & Le 2019, arXiv:1905.11946; tensorflow/tpu, efficientnet/lite",
        license="Apache-2.0",
        weights=("efficientnet-lite0",),
    ),
)
