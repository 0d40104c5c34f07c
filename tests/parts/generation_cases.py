"""Cases of set metrics: values of trusted implementations, on pairs and on sets of unequal size."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from scipy.ndimage import convolve
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance
from tester import BOOKS, Case, Data, ProjectedPixels, Samples, photographs
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_kid import kid_features_to_metric
from torch_fidelity.metric_prc import calculate_precision_recall_full

from bench.contracts.tokens import Tokens
from bench.metrics.base import Batch, ReferenceSource
from bench.modalities.image.levels import to_uint8

EXTRACTOR = "inception_spatial"
PAIRED = "inception"
LITE = "efficientnet_lite0"
SLICED = {"patches": 16, "directions": 8}


@dataclass(frozen=True)
class GivenReferences(ReferenceSource):
    """References with the same features in every layer, and statistics if there are any."""

    given: torch.Tensor
    moments: tuple[torch.Tensor, torch.Tensor] | None = None

    def rows(self, extractor: str, layer: str) -> torch.Tensor:
        return self.given

    def statistics(self, extractor: str, layer: str) -> tuple[torch.Tensor, torch.Tensor] | None:
        return self.moments


class PixelReferences(ReferenceSource):
    """Compute features of images without a network."""

    def __init__(self, images: torch.Tensor) -> None:
        self.pixels = to_uint8(images)

    def rows(self, extractor: str, layer: str) -> torch.Tensor:
        return ProjectedPixels(self.pixels / 255, self.pixels / 255).get(extractor)[0][layer]

    def statistics(self, extractor: str, layer: str) -> None:
        return None

    def images(self) -> tuple[int, Iterator[tuple[torch.Tensor, torch.Tensor]]]:
        index = torch.arange(len(self.pixels))
        return len(index), iter([(part, self.pixels[part]) for part in index.split(4)])


class Generated(Samples):
    """Twelve poor copies of crops as samples, and ten other crops as references."""

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

    def sides(self, layer: str, extractor: str = EXTRACTOR) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the features of samples and references."""
        samples = ProjectedPixels(self.samples, self.samples).get(extractor)[0][layer]
        return samples, self.references.rows(extractor, layer)


Sets = Data | Generated


def frechet(name: str, layer: str, data: Sets, extractor: str = EXTRACTOR) -> Mapping[str, float]:
    statistics = [fid_features_to_statistics(side) for side in data.sides(layer, extractor)]
    return {name: fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]}


def kernel(data: Sets, name: str = "kid", extractor: str = EXTRACTOR) -> Mapping[str, float]:
    x, y = data.sides("pool", extractor)
    found = kid_features_to_metric(x, y, kid_subsets=7, kid_subset_size=8, rng_seed=2020, verbose=False)
    return {name: found["kernel_inception_distance_mean"]}


def inception_score(extractor: str, names: Sequence[str], data: Sets) -> Mapping[str, float]:
    """Return the values of shuffled samples, and under the second name those in file order."""
    logits = data.sides("logits", extractor)[0]
    return {
        name: isc_features_to_metric(logits, splits=3, shuffle=shuffle, rng_seed=2020)["inception_score_mean"]
        for name, shuffle in zip(names, (True, False), strict=False)
    }


def precision_recall(data: Sets) -> Mapping[str, float]:
    x, y = (side.double() for side in data.sides("pool", EXTRACTOR))
    precision, recall = calculate_precision_recall_full(x, y, neighborhood=3)
    return {"precision": precision, "recall": recall}


def density_coverage(data: Sets, suffix: str = "", extractor: str = EXTRACTOR) -> Mapping[str, float]:
    samples, references = (side.double().numpy() for side in data.sides("pool", extractor))
    return {name + suffix: value for name, value in brute_density_coverage(samples, references, k=5).items()}


def brute_density_coverage(x: np.ndarray, y: np.ndarray, k: int) -> dict[str, float]:
    """Compute the definitions directly (Naeem et al. 2020, eq. 3 and 4), with all distances at once."""
    radius = np.sort(cdist(y, y), 1)[:, k]  # column 0 is the distance to itself
    within = cdist(y, x) < radius[:, None]
    return {"density": within.sum() / (k * len(x)), "coverage": within.any(1).mean()}


def sliced_wasserstein(data: Generated) -> Mapping[str, float]:
    sides = (to_uint8(data.samples), data.references.pixels)
    samples, references = (side.permute(0, 2, 3, 1).numpy() for side in sides)
    return direct_sliced_wasserstein(samples, references, **SLICED)


def direct_sliced_wasserstein(
    samples: np.ndarray, references: np.ndarray, patches: int, directions: int, seed: int = 2020
) -> dict[str, float]:
    """Compute for images uint8 ``[n, side, side, 3]`` with SciPy: the filter as a matrix, one direction at a time."""
    values = []
    side, levels = samples.shape[1], int(np.log2(samples.shape[1])) - 3
    pyramids = [[laplacian(image.transpose(2, 0, 1), levels) for image in images] for images in (samples, references)]
    for level in range(levels):
        found = []
        for pyramid in pyramids:
            cut = []
            for number, image in enumerate(pyramid):
                generator = np.random.RandomState([seed, number])
                corners = [generator.randint((side >> at) - 6, size=(2, patches)) for at in range(level + 1)][level]
                cut += [image[level][:, y : y + 7, x : x + 7] for y, x in corners.T]
            every = np.array(cut)
            every = (every - every.mean((0, 2, 3), keepdims=True)) / every.std((0, 2, 3), keepdims=True)
            found.append(every.reshape(len(every), 147))
        drawn = np.random.RandomState([seed, level]).standard_normal((directions, 147))
        ways = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
        values.append(1000 * np.mean([wasserstein_distance(*(each @ way for each in found)) for way in ways]))
    return {"swd": float(np.mean(values))} | {f"swd_level_{level}": value for level, value in enumerate(values)}


def laplacian(image: np.ndarray, levels: int) -> list[np.ndarray]:
    """Return the levels of the pyramid of an image ``[3, side, side]``, float64."""
    taps = np.array([1, 4, 6, 4, 1]) / 16
    kernel, found = np.outer(taps, taps)[None], [image.astype(np.float64)]
    for _ in range(1, levels):
        found.append(convolve(found[-1], kernel, mode="mirror")[:, ::2, ::2])
        spread = np.zeros_like(found[-2])
        spread[:, ::2, ::2] = found[-1]
        found[-2] = found[-2] - convolve(spread, 4 * kernel, mode="mirror")
    return found


SUBSETS = {"subsets": 7, "subset_size": 8}
_frechet = partial(Case, tolerance=1e-6, batching=1e-9)
_kernel = partial(Case, tolerance=1e-5, batching=1e-9, settings=SUBSETS)
_score = partial(Case, tolerance=1e-6, batching=1e-9, settings={"splits": 3})
SET_CASES = {
    "rfid": _frechet(partial(frechet, "rfid", "pool", extractor=PAIRED)),
    "gfid": _frechet(partial(frechet, "gfid", "pool")),
    "sfid": _frechet(partial(frechet, "sfid", "spatial")),
    "inception_score": _score(partial(inception_score, PAIRED, ("inception_score",))),
    "generation_inception_score": _score(
        partial(inception_score, EXTRACTOR, ("inception_score", "inception_score_file_order"))
    ),
    "kid": _kernel(partial(kernel, extractor=PAIRED)),
    "generation_kid": _kernel(kernel),
    # torch-fidelity counts in float32
    "precision_recall": Case(precision_recall, tolerance=1e-6),
    "density_coverage": Case(density_coverage),
    "fd_efficientnet_lite0": _frechet(partial(frechet, "fd_efficientnet_lite0", "pool", extractor=LITE)),
    "generation_fd_efficientnet_lite0": _frechet(partial(frechet, "gfd_efficientnet_lite0", "pool", extractor=LITE)),
    "generation_kd_efficientnet_lite0": _kernel(partial(kernel, name="kd_efficientnet_lite0", extractor=LITE)),
    "density_coverage_efficientnet_lite0": Case(
        partial(density_coverage, suffix="_efficientnet_lite0", extractor=LITE)
    ),
}
"""Set metrics, each on pairs and against a fixed set."""

GENERATION_CASES = {
    # projections in float32, as published
    "sliced_wasserstein": Case(sliced_wasserstein, tolerance=1e-5, settings=SLICED, source=Generated),
}
