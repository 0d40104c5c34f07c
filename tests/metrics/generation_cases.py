"""How the metrics of generated images are tested: values of trusted implementations, on sets of unequal size."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from scipy.spatial.distance import cdist
from tester import BOOKS, Case, ProjectedPixels, Samples, photographs
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import calculate_precision_recall_full

from bench.metrics.base import Batch, ReferenceSource
from bench.tokens import Tokens

EXTRACTOR = "inception_spatial"


@dataclass(frozen=True)
class GivenReferences(ReferenceSource):
    """Features that are the same in every layer, and statistics if there are any."""

    given: torch.Tensor
    moments: tuple[torch.Tensor, torch.Tensor] | None = None

    def rows(self, extractor: str, layer: str) -> torch.Tensor:
        return self.given

    def statistics(self, extractor: str, layer: str) -> tuple[torch.Tensor, torch.Tensor] | None:
        return self.moments


class PixelReferences(ReferenceSource):
    """Features of images that need no network."""

    def __init__(self, images: torch.Tensor) -> None:
        self.images = images

    def rows(self, extractor: str, layer: str) -> torch.Tensor:
        return ProjectedPixels(self.images, self.images).get(extractor)[0][layer]

    def statistics(self, extractor: str, layer: str) -> None:
        return None


class Generated(Samples):
    """12 poor copies of crops as samples, 10 other crops as references."""

    books = BOOKS

    def __init__(self, side: int = 64) -> None:
        data = photographs(side)
        self.samples, self.group = data.reconstruction, data.group
        self.references = PixelReferences(data.reference.flip(3)[:10])

    def __len__(self) -> int:
        return len(self.samples)

    def batch(self, index: Sequence[int]) -> Batch:
        at = torch.tensor(index)
        images = self.samples[at]
        return Batch(
            at,
            self.group[at],
            None,
            images,
            Tokens(payload=(b"",) * len(at)),
            ProjectedPixels(images, images),
            self.references,
        )

    def sides(self, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of samples and references."""
        return ProjectedPixels(self.samples, self.samples).get(EXTRACTOR)[0][layer], self.references.rows(
            EXTRACTOR, layer
        )


def frechet(name: str, layer: str, data: Generated) -> Mapping[str, float]:
    statistics = [fid_features_to_statistics(side) for side in data.sides(layer)]
    return {name: fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]}


def kernel(data: Generated) -> Mapping[str, float]:
    x, y = data.sides("pool")
    found = kid_features_to_metric(x, y, kid_subsets=7, kid_subset_size=8, rng_seed=2020, verbose=False)
    return {"kid": found["kernel_inception_distance_mean"]}


def inception_score(data: Generated) -> Mapping[str, float]:
    logits = data.sides("logits")[0]
    return {
        name: isc_features_to_metric(logits, splits=3, shuffle=shuffle, rng_seed=2020)["inception_score_mean"]
        for name, shuffle in (("inception_score", True), ("inception_score_file_order", False))
    }


def precision_recall(data: Generated) -> Mapping[str, float]:
    x, y = (side.double() for side in data.sides("pool"))
    precision, recall = calculate_precision_recall_full(x, y, neighborhood=3)
    return {"precision": precision, "recall": recall}


def density_coverage(data: Generated) -> Mapping[str, float]:
    return brute_density_coverage(*(side.double().numpy() for side in data.sides("pool")), k=5)


def brute_density_coverage(x: np.ndarray, y: np.ndarray, k: int) -> dict[str, float]:
    """As the definitions say it (Naeem et al. 2020, eq. 3 and 4), with all distances at once."""
    radius = np.sort(cdist(y, y), 1)[:, k]  # column 0 is the distance to itself
    within = cdist(y, x) < radius[:, None]
    return {"density": within.sum() / (k * len(x)), "coverage": within.any(1).mean()}


GENERATION_CASES = {
    "gfid": Case(partial(frechet, "gfid", "pool"), tolerance=1e-6, batching=1e-9, source=Generated),
    "sfid": Case(partial(frechet, "sfid", "spatial"), tolerance=1e-6, batching=1e-9, source=Generated),
    "generation_inception_score": Case(
        inception_score, tolerance=1e-6, batching=1e-9, settings={"splits": 3}, source=Generated
    ),
    "generation_kid": Case(
        kernel, tolerance=1e-5, batching=1e-9, settings={"subsets": 7, "subset_size": 8}, source=Generated
    ),
    # torch-fidelity counts in float32
    "precision_recall": Case(precision_recall, tolerance=1e-6, source=Generated),
    "density_coverage": Case(density_coverage, source=Generated),
}
