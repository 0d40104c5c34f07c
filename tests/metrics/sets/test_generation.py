"""Metrics of generated images: by hand, by brute force, against their own other ways, and their reasons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
from feature_parts import Given
from generation_cases import GivenReferences, PixelReferences, brute_density_coverage
from scipy.spatial.distance import cdist
from scipy.stats import wasserstein_distance
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_isc import isc_features_to_metric
from torch_fidelity.metric_prc import calculate_precision_recall_full

from bench.contracts.stats import Estimate, assign_blocks, block_jackknife
from bench.contracts.tokens import Tokens
from bench.errors import Unavailable
from bench.measuring import extractors
from bench.metrics.base import Batch, Metric, ReferenceSource
from bench.metrics.sets import neighbors
from bench.metrics.sets.engine import PROCESSOR
from bench.metrics.sets.frechet import GFID
from bench.metrics.sets.frechet_distances import FewSamples, Gaussian, ManySamples
from bench.metrics.sets.inception_score import GenerationInceptionScore
from bench.metrics.sets.kernel_distance import GenerationKID
from bench.metrics.sets.manifolds import DensityCoverage, PrecisionRecall
from bench.modalities.image.metrics.patch_distances import Patches, distances, summed_distances
from bench.modalities.image.metrics.pyramid_patches import _blurred, laplacian_pyramid, level_sizes, patches
from bench.modalities.image.metrics.sliced_wasserstein import SlicedWasserstein

Rng = np.random.Generator


@pytest.fixture
def rng() -> Rng:
    return np.random.default_rng(0)


def rows(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))


def measure(
    kind: type[Metric], found: np.ndarray, against: ReferenceSource | np.ndarray | None, **settings: Any
) -> dict[str, Estimate]:
    """One metric of features, as if they were those of every layer."""
    x = rows(found)
    metric = kind(settings)
    for index in torch.arange(len(x)).split(7):
        batch = Batch(index, index, None, x[index], Tokens(payload=(b"",) * len(index)), OneSided(x[index], x[index]))
        batch.references = GivenReferences(rows(against)) if isinstance(against, np.ndarray) else against
        metric.update(batch)
    return metric.compute()


class OneSided(Given):
    def get(self, extractor: str):
        found = super().get(extractor)[1]
        return {}, {**found, "spatial": found["pool"]}


def sets(rng: Rng, n: int, m: int, d: int) -> tuple[np.ndarray, np.ndarray]:
    mix = rng.standard_normal((d, d)) / np.arange(1, d + 1)[:, None]
    x, y = rng.standard_normal((n, d)) @ mix + 0.3, rng.standard_normal((m, d)) @ mix
    return x.astype(np.float32), y.astype(np.float32)


@pytest.mark.parametrize(("n", "m"), [(12, 9), (12, 90), (90, 9), (90, 70)])
def test_gfid_equals_torch_fidelity_and_leaves_blocks_out(rng: Rng, n: int, m: int) -> None:
    x, y = sets(rng, n, m, 30)

    def trusted(samples: np.ndarray) -> float:
        statistics = [fid_features_to_statistics(torch.from_numpy(side.astype(np.float64))) for side in (samples, y)]
        return float(fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"])

    found = measure(GFID, x, y)["gfid"]
    assert found.value == pytest.approx(trusted(x), rel=1e-5)  # its square root of a singular product is inexact
    block = assign_blocks(np.arange(n))
    expected = block_jackknife(trusted(x), np.bincount(block), lambda j: trusted(x[block != j]))
    assert found.stderr == pytest.approx(expected.stderr, rel=1e-3)
    assert "the references being fixed" in found.method
    reference, bounds = Gaussian.of(rows(y), PROCESSOR), np.array([0, 5, n])
    both = [way(rows(x), reference, bounds, PROCESSOR) for way in (FewSamples, ManySamples)]
    assert both[0].value() == pytest.approx(both[1].value(), rel=1e-6)
    assert both[0].without(0) == pytest.approx(both[1].without(0), rel=1e-5)


def test_given_statistics_serve_fid_and_nothing_else(rng: Rng) -> None:
    x, y = sets(rng, 40, 60, 8)
    moments = torch.from_numpy(y.astype(np.float64).mean(0)), torch.from_numpy(np.cov(y.astype(np.float64).T))

    class Statistics(GivenReferences):
        def rows(self, extractor: str, layer: str) -> torch.Tensor:
            raise Unavailable("no images in here")

    given = Statistics(torch.zeros(0), moments)
    assert "do not state how many images" in measure(GFID, x, given)["gfid"].note
    assert measure(GFID, x, given)["gfid"].value == pytest.approx(measure(GFID, x, y)["gfid"].value, rel=1e-9)
    for kind in (GenerationKID, PrecisionRecall, DensityCoverage):
        for name, estimate in measure(kind, x, given).items():
            assert (estimate.value, estimate.unavailable) == (None, "no images in here"), name


def test_manifolds_by_hand() -> None:
    """On a line, k = 1: references 0, 1, 10, 12 have balls of 1, 1, 2, 2."""
    samples, references = np.array([[0.5], [1.5], [8.0], [30.0], [31.0]]), np.array([[0.0], [1.0], [10.0], [12.0]])
    near = measure(PrecisionRecall, samples, references, k=1)
    assert near["precision"].value == 3 / 5  # .5 and 1.5; 8, which the closed ball of 10 touches
    assert near["recall"].value == 4 / 4  # the ball of 8 reaches 6.5 either way, that of .5 reaches 1
    held = measure(DensityCoverage, samples, references, k=1)
    assert held["density"].value == (2 + 1 + 0) / 5  # open balls: 8 is not in that of 10
    assert held["coverage"].value == 2 / 4


def shares_of(x: np.ndarray, y: np.ndarray) -> tuple[float, float]:
    return calculate_precision_recall_full(torch.from_numpy(x).double(), torch.from_numpy(y).double())


@pytest.mark.parametrize("tile", [(1024, 4096), (7, 5)], ids=["one tile", "many tiles"])
@pytest.mark.parametrize(("n", "m", "d"), [(60, 45, 4), (45, 60, 40)])
def test_manifolds_equal_brute_force(
    rng: Rng, monkeypatch: pytest.MonkeyPatch, n: int, m: int, d: int, tile: tuple[int, int]
) -> None:
    monkeypatch.setattr(neighbors, "TILE", tile)
    x, y = sets(rng, n, m, d)
    y[:3] = x[:3]  # copies: balls and distances that are equal
    found = measure(PrecisionRecall, x, y) | measure(DensityCoverage, x, y)
    expected = dict(zip(("precision", "recall"), shares_of(x, y), strict=True)) | brute_density_coverage(x, y, 5)
    assert {name: each.value for name, each in found.items()} == pytest.approx(expected, rel=1e-6)
    # What is left without a block is what a computation without it gives.
    block = assign_blocks(np.arange(n))
    for name, left in (
        ("recall", lambda j: shares_of(x[block != j], y)[1]),
        ("coverage", lambda j: brute_density_coverage(x[block != j], y, 5)["coverage"]),
    ):
        again = block_jackknife(found[name].value, np.bincount(block), left)
        assert found[name].stderr == pytest.approx(again.stderr, rel=1e-4), name


def test_copies_touch_their_balls(rng: Rng) -> None:
    """A sample that equals a reference's k-th neighbour lies on the ball: in it for precision, not for density."""
    y = rng.standard_normal((40, 200)) + 5
    radius = np.sort(cdist(y, y), 1)[:, 3]
    assert measure(PrecisionRecall, y[:20], y)["precision"].value == 1
    inner = (cdist(y, y[:20]) < radius[:, None] * (1 - 1e-6)).sum() / (3 * 20)
    assert measure(DensityCoverage, y[:20], y, k=3)["density"].value == pytest.approx(inner)


def test_large_sets_are_drawn_from_and_it_is_said(rng: Rng) -> None:
    x, y = sets(rng, 60, 50, 4)
    found = measure(PrecisionRecall, x, y, samples=30, references=20)["precision"]
    assert (found.n, found.note) == (30, "30 of 60 samples and 20 of 50 references")
    assert measure(PrecisionRecall, x, y, samples=None)["precision"].note == ""


def test_float16_distances_are_coarse_and_overflow_to_exact_ones(rng: Rng) -> None:
    x, y = sets(rng, 30, 30, 16)
    exact, coarse = (neighbors.Distances(rows(x), rows(y), how, PROCESSOR) for how in ("exact", "float16"))
    found = coarse.tile(rows(x), rows(y))
    assert torch.equal(found, found.half().float())
    assert torch.allclose(found, exact.tile(rows(x), rows(y)), atol=0.1)
    far = coarse.tile(rows(1000 * x), rows(1000 * y))
    assert torch.isfinite(far).all()


def test_float32_products_change_little(rng: Rng, monkeypatch: pytest.MonkeyPatch) -> None:
    x, y = (rows(side) for side in sets(rng, 50, 40, 64))
    exact = neighbors.Distances(x, y, "exact", PROCESSOR).tile(x, y)
    monkeypatch.setattr(neighbors, "FLOAT64_PRODUCTS", 0)
    assert torch.allclose(neighbors.Distances(x, y, "exact", PROCESSOR).tile(x, y), exact, rtol=1e-4)


def test_a_file_sorted_by_class_scores_low_in_its_order_alone(rng: Rng) -> None:
    classes = np.repeat(np.arange(10), 20)
    logits = 8 * np.eye(10)[classes] + rng.standard_normal((200, 10))
    settings = {"splits": None, "split_size": 40}
    found = measure(GenerationInceptionScore, logits, None, **settings)
    assert found["inception_score_file_order"].value < 3 < 6 < found["inception_score"].value
    assert "sorted by class" in found["inception_score_file_order"].note
    shuffled = measure(GenerationInceptionScore, rng.permutation(logits), None, **settings)
    assert shuffled["inception_score"].value == pytest.approx(found["inception_score"].value, rel=0.05)
    assert shuffled["inception_score_file_order"].note == ""
    whole = measure(GenerationInceptionScore, logits, None, splits=1)
    assert "inception_score_file_order" not in whole


@pytest.mark.parametrize("n", [20, 23])
def test_splits_of_a_size_leave_a_smaller_last_one(rng: Rng, n: int) -> None:
    """As guided-diffusion's evaluator: parts of 5 in file order, the mean over parts."""
    logits = rng.standard_normal((n, 10)).astype(np.float32)
    parts = [isc_features_to_metric(rows(logits[i : i + 5]), splits=1, shuffle=False) for i in range(0, n, 5)]
    expected = np.mean([part["inception_score_mean"] for part in parts])
    found = measure(GenerationInceptionScore, logits, None, split_size=5)
    assert found["inception_score_file_order"].value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("kind", "n", "m", "reason"),
    [
        (GFID, 1, 5, "at least 2 samples; there are 1"),
        (GFID, 5, 1, "at least 2 references; there are 1"),
        (GenerationKID, 5, 1, "2 references; there are 5 and 1"),
        (PrecisionRecall, 5, 3, "needs 4 samples and 4 references; there are 5 and 3"),
        (DensityCoverage, 5, 9, "needs 6 samples"),
        (GenerationInceptionScore, 5, 9, "do not fill 10 splits"),
    ],
)
def test_too_few_say_so(rng: Rng, kind: type[Metric], n: int, m: int, reason: str) -> None:
    for estimate in measure(kind, rng.standard_normal((n, 3)), rng.standard_normal((m, 3))).values():
        assert estimate.value is None
        assert reason in estimate.lacking


def photographs_in(side: str) -> np.ndarray:
    """Six crops of 48 pixels: of one photograph, or of another."""
    image = {"one": skimage.data.astronaut, "other": skimage.data.coffee}[side]()
    return np.stack([image[at : at + 48, 2 * at : 2 * at + 48] for at in range(0, 180, 30)])


def sliced(samples: np.ndarray, references: ReferenceSource, total: int | None = None, **settings: Any):
    metric = SlicedWasserstein({"patches": 20, "directions": 16, **settings})
    images = torch.from_numpy(samples).permute(0, 3, 1, 2)
    for index in torch.arange(len(images)).split(2):
        tokens = Tokens(payload=(b"",) * len(index))
        metric.update(Batch(index, index, None, images[index], tokens, references=references, total=total))
    return metric.compute()


def as_references(images: np.ndarray) -> PixelReferences:
    return PixelReferences(torch.from_numpy(images).permute(0, 3, 1, 2))


def test_patches_of_equal_sets_are_equal() -> None:
    one, other = photographs_in("one"), photographs_in("other")
    assert {name: each.value for name, each in sliced(one, as_references(one)).items()} == {
        "swd": 0,
        "swd_level_0": 0,
        "swd_level_1": 0,
    }
    found = sliced(one, as_references(other))
    assert found["swd"].value > 50
    assert found["swd_level_1"].note == "24x24"


def test_sliced_wasserstein_by_hand() -> None:
    """A patch of a pixel and no other level: values 0 and 4, and 0, 0 and 3, in each channel, normalised."""
    x, y = (Patches(torch.tensor(v)[:, None].repeat(1, 3), 1) for v in ([0.0, 4.0], [0.0, 0.0, 3.0]))
    axis = torch.eye(3)[:, :, None]
    low, high = -(0.5**0.5), 2**0.5  # of y: mean 1, standard deviation √2
    expected = (1 / 3) * abs(-1 - low) + (1 / 6) * abs(-1 - low) + (1 / 6) * abs(1 - low) + (1 / 3) * abs(1 - high)
    assert distances(x, y, [], axis)[0] == pytest.approx(expected, rel=1e-6)


def test_sliced_wasserstein_leaves_blocks_out() -> None:
    """What is left without a block is what a computation without it gives, normalisation included."""
    one, other = photographs_in("one"), photographs_in("other")
    settings = {"patches": 20, "directions": 16}

    def without(block: int) -> float:
        left = Patches(torch.cat([rows[:block], rows[block + 1 :]]), 7)  # type: ignore[misc]
        return 1000 * float(distances(left, y, [], ways)[0])

    metric = SlicedWasserstein(settings)
    images = [torch.from_numpy(side).permute(0, 3, 1, 2) for side in (one, other)]
    rows, against = (patches(side, torch.arange(6), 2020, 20, 7)[:, 0].flatten(1).clone() for side in images)
    y, ways = Patches(against, 7), metric._directions(0)
    value = 1000 * float(distances(Patches(rows, 7), y, [], ways)[0])
    expected = block_jackknife(value, np.ones(6), without)
    estimate = sliced(one, as_references(other))["swd_level_0"]
    assert (estimate.value, estimate.stderr) == pytest.approx((expected.value, expected.stderr), rel=1e-4)


@pytest.mark.parametrize(("n", "m"), [(5, 5), (12, 8), (8, 12), (7, 9), (9, 3)])
def test_sets_of_any_sizes_are_compared_by_their_quantiles(n: int, m: int) -> None:
    one, other = (np.random.default_rng(size).normal(size=(2, size)).astype(np.float32) for size in (n, m))
    expected = sum(wasserstein_distance(*pair) for pair in zip(one, other, strict=True))
    assert summed_distances(one, np.sort(other)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("flat", "seed"), [(None, 0), (0.1, 1), (1.1, 0), (33.3, 2)])
def test_moments_without_a_block_are_those_of_the_rest(flat: float | None, seed: int) -> None:
    """Also where without one block a single value is left, which has no deviation."""
    rows = 200 + torch.randn(9, 4 * 3 * 49, generator=torch.Generator().manual_seed(seed))
    if flat:
        rows[:8] = flat
    patches, blocks = Patches(rows, 7), [(0, 8), (8, 20), (20, 32), (32, 36)]
    found = patches.moments_without(blocks)
    for (start, stop), each in zip(blocks, found, strict=True):
        np.testing.assert_allclose(each, patches.moments([(0, start), (stop, 36)]), rtol=1e-12, atol=0)


def test_large_sets_of_patches_are_drawn_from_and_it_is_said() -> None:
    one, other = photographs_in("one"), photographs_in("other")
    found = sliced(one, as_references(other[:5]), total=6, images=4)["swd"]
    assert (found.n, found.note) == (4, "4 of 6 samples; 4 of 5 references")


@pytest.mark.parametrize(
    ("samples", "references", "reason"),
    [
        (np.zeros((3, 12, 20, 3), np.uint8), np.zeros((3, 12, 20, 3), np.uint8), "20x12 have no level of 16 pixels"),
        (np.zeros((3, 48, 48, 3), np.uint8), photographs_in("one"), "all images has a single value"),
        (photographs_in("one"), np.zeros((3, 32, 32, 3), np.uint8), "samples are 48x48, references 32x32"),
    ],
)
def test_patches_that_do_not_compare_say_so(samples: np.ndarray, references: np.ndarray, reason: str) -> None:
    (estimate,) = sliced(samples, as_references(references)).values()
    assert estimate.value is None
    assert reason in estimate.lacking


@pytest.mark.parametrize("size", [(64, 64), (33, 50)])
def test_a_pyramid_adds_up_to_its_image(size: tuple[int, int]) -> None:
    image = torch.from_numpy(skimage.data.astronaut()[: size[0], : size[1]].copy()).permute(2, 0, 1)[None].float()
    levels = laplacian_pyramid(image)
    assert [each.shape[2:] for each in levels] == level_sizes(*size)
    whole = levels[-1]
    for finer in reversed(levels[:-1]):
        spread = torch.zeros_like(finer)
        spread[:, :, ::2, ::2] = whole
        whole = finer + 4 * _blurred(spread)
    assert torch.allclose(whole, image, atol=1e-3)


def test_spatial_features_are_the_branch_of_torch_fidelitys_network(
    inception, photographs: Callable[[int, int], torch.Tensor]
) -> None:
    """The first 7 channels of the 1x1 branch of Mixed_6d after batch norm and ReLU, channels last."""
    images = photographs(3, 64)
    trusted = FeatureExtractorInceptionV3(
        "inception-v3-compat", ["2048", "logits_unbiased"], feature_extractor_weights_path=str(inception)
    )
    seen = []
    trusted.Mixed_6d.branch1x1.register_forward_hook(lambda module, given, output: seen.append(output))
    with torch.no_grad():
        pool, logits = trusted(images)
        found = extractors.get("inception_spatial").load(inception, torch.device("cpu"))(images)
    expected = seen[0][:, :7].permute(0, 2, 3, 1).reshape(3, 17 * 17 * 7)
    assert expected.min() == 0 < expected.max()
    for name, wanted in (("spatial", expected), ("pool", pool), ("logits", logits)):
        assert float((found[name] - wanted).norm() / wanted.norm()) < 1e-5, name
