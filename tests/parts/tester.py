"""Checks of every metric, after torchmetrics' tester: value, batching, order, ranks, reset, pickling."""

from __future__ import annotations

import hashlib
import math
import os
import pickle
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage.data
import torch
import torch.distributed as dist
import torch.nn.functional as F
from pydantic import TypeAdapter
from torch.multiprocessing.spawn import spawn
from torchmetrics.functional.image.lpips import _LPIPS

from bench.contracts.stats import Estimate
from bench.contracts.tokens import Codebook, Tokens
from bench.machine.ranks import Ranks
from bench.measuring import extractors
from bench.metrics.base import Batch, FeatureSource, Metric, PerSampleMetric
from bench.modalities.audio.metrics import clips

BOOKS = (Codebook(16, "a quarter of each side"), Codebook(6, "a quarter of each side"))
# Dimension of the features, well under the number of samples.
DIM = 6


class Samples(ABC):
    """All samples that a metric is given: an even number, at least four."""

    books: tuple[Codebook, ...] = BOOKS

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def batch(self, index: Sequence[int]) -> Batch:
        """Return the batch of the samples at these positions."""

    def batches(self, size: int, order: Sequence[int] | None = None) -> Iterator[Batch]:
        """Return the samples in this order, by default all in theirs, with ``size`` samples per batch."""
        chosen = range(len(self)) if order is None else order
        for start in range(0, len(chosen), size):
            yield self.batch(chosen[start : start + size])


@dataclass(frozen=True)
class Data(Samples):
    """Crops of photographs, noisy reconstructions, codes, timings."""

    reference: torch.Tensor
    reconstruction: torch.Tensor
    codes: tuple[torch.Tensor, ...]
    group: torch.Tensor
    encode_seconds: torch.Tensor
    decode_seconds: torch.Tensor
    peak_bytes: torch.Tensor

    def __len__(self) -> int:
        return len(self.group)

    def sides(self, layer: str, extractor: str) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the features of inputs and of their reconstructions."""
        reference, reconstruction = ProjectedPixels(self.reference, self.reconstruction).get(extractor)
        return reconstruction[layer], reference[layer]

    def batch(self, index: Sequence[int]) -> Batch:
        at = torch.tensor(index)
        reference, reconstruction = self.reference[at], self.reconstruction[at]
        return Batch(
            index=at,
            group=self.group[at],
            reference=reference,
            reconstruction=reconstruction,
            tokens=Tokens(codes=tuple(code[at] for code in self.codes)),
            features=ProjectedPixels(reference, reconstruction),
            encode_seconds=float(self.encode_seconds[at].sum()),
            decode_seconds=float(self.decode_seconds[at].sum()),
            peak_bytes=int(self.peak_bytes[at].max()),
        )


def batch_of(
    reference: torch.Tensor, reconstruction: torch.Tensor, tokens: Tokens | None = None, first: int = 0
) -> Batch:
    """Make a batch of samples from position ``first`` on, each in its own group."""
    index = torch.arange(first, first + len(reference))
    return Batch(index, index, reference, reconstruction, tokens or Tokens(latents=torch.zeros(len(reference), 1, 1)))


@cache
def photographs(side: int) -> Data:
    """Return twelve crops of ``side`` pixels from two photographs, in six groups, with poor reconstructions."""
    crops = [
        photograph[y : y + side, x : x + side]
        for photograph in (skimage.data.astronaut(), skimage.data.coffee())
        for y in (50, 200)
        for x in (0, 150, 300)
    ]
    reference = torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).float() / 255
    n, generator = len(crops), torch.Generator().manual_seed(0)
    noise = torch.rand(n, 1, 1, 1, generator=generator) * torch.randn(reference.shape, generator=generator)
    blurred = F.avg_pool2d(reference, 5, stride=1, padding=2, count_include_pad=False)
    reconstruction = ((blurred + noise / 10).clamp(0, 1) * 255).round() / 255
    levels = (F.avg_pool2d(reference.mean(1), side // 4) * 15, F.avg_pool2d(reference[:, 0], side // 4) * 5)
    return Data(
        reference,
        reconstruction,
        tuple(level.round().long() for level in levels),
        torch.arange(n) // 2,
        torch.rand(n, dtype=torch.float64, generator=generator),
        torch.rand(n, dtype=torch.float64, generator=generator),
        torch.randint(1 << 20, 1 << 30, (n,), generator=generator),
    )


class ProjectedPixels(FeatureSource):
    """Compute features without a network: a fixed random projection of the image's 8x8 means."""

    def __init__(self, reference: torch.Tensor, reconstruction: torch.Tensor) -> None:
        self.sides = (reference, reconstruction)

    def get(self, extractor: str) -> tuple[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]]:
        generator = torch.Generator().manual_seed(len(extractor))
        matrices = {layer: torch.randn(192, DIM, generator=generator) for layer in extractors.get(extractor).layers}
        reference, reconstruction = (
            # One at a time, as a matrix product rounds differently for different numbers of rows.
            {
                layer: torch.stack([F.adaptive_avg_pool2d(image, 8).flatten() @ matrix for image in images])
                for layer, matrix in matrices.items()
            }
            for images in self.sides
        )
        return reference, reconstruction


@cache
def random_lpips(net: str) -> Any:
    """Return torchmetrics' LPIPS network with a random backbone and the pretrained heads."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return _LPIPS(net=net, pnet_rand=True).eval()  # type: ignore[arg-type]


@dataclass(frozen=True)
class Case:
    """The test case of one metric of the registry.

    Attributes:
        expected: values by name from a trusted implementation, for all samples at once.
        tolerance: relative difference allowed from it.
        side: side of the images in pixels.
        batching: relative difference allowed between batchings; None if they are what the error is of.
        settings: the metric's section of the protocol.
        source: the samples; crops of photographs if none is given.
    """

    expected: Callable[[Any], Mapping[str, float]]
    tolerance: float = 1e-12
    side: int = 64
    batching: float | None = 0.0
    settings: Mapping[str, Any] = field(default_factory=dict)
    source: Callable[[], Samples] | None = None

    @property
    def data(self) -> Samples:
        return self.source() if self.source else photographs(self.side)


@dataclass
class Subject:
    """A metric class under test."""

    kind: type[Metric]
    case: Case
    weights: Mapping[str, Path] = field(default_factory=dict)

    @property
    def data(self) -> Samples:
        return self.case.data

    def fresh(self) -> Metric:
        """Build the metric as a task does."""
        files = {name: self.weights[name] for name in self.kind.weights if name in self.weights}
        return self.kind(self.case.settings, self.data.books, files)

    def after(self, batches: Iterable[Batch]) -> Metric:
        """Return the metric after these batches."""
        metric = self.fresh()
        for batch in batches:
            metric.update(batch)
        return metric

    @cached_property
    def whole(self) -> Metric:
        """Return the metric after all samples in one batch."""
        return self.after(self.data.batches(len(self.data)))


def check_value(subject: Subject) -> None:
    """Its values equal the trusted implementation's, and are described as the class declares."""
    metric, case = subject.whole, subject.case
    estimates: dict[str, Estimate] = metric.compute()
    expected = case.expected(case.data)
    assert expected.keys() | metric.outputs.keys() <= estimates.keys()
    for name, value in expected.items():
        assert estimates[name].value == pytest.approx(value, rel=case.tolerance, abs=case.tolerance), name
    for name, estimate in estimates.items():
        assert estimate.value is not None, f"{name}: {estimate.unavailable}"
        line = metric.declared(name)
        assert (estimate.unit, estimate.higher_is_better) == (line.unit, line.higher_is_better)
        assert line.bounds[0] <= estimate.value <= line.bounds[1]
        assert estimate.n + estimate.failures == len(case.data)
        assert estimate.method, "an estimate says how its error was obtained, or why it has none"
        if estimate.interval:
            assert estimate.interval[0] <= estimate.value <= estimate.interval[1]
            assert estimate.stderr is not None
    for name, values in metric.samples().items():
        assert values.shape == (len(case.data),)
        if isinstance(metric, PerSampleMetric):  # others give ratios of sums, counts, texts
            assert estimates[name].value == pytest.approx(values[np.isfinite(values)].mean(), rel=1e-12)


def check_batching(subject: Subject) -> None:
    """Its values do not depend on the batch size, the order of batches or the order within them."""
    data = subject.data
    shuffled = torch.randperm(len(data), generator=torch.Generator().manual_seed(1)).tolist()
    for batches in (data.batches(1), reversed(list(data.batches(3))), data.batches(5, shuffled)):
        metric = subject.after(batches)
        assert_same(metric.compute(), subject.whole.compute(), subject.case.batching)
        for name, values in subject.whole.samples().items():
            np.testing.assert_array_equal(metric.samples()[name], values)


def check_reset_and_pickle(subject: Subject) -> None:
    """Pickled halfway it continues unchanged; after a reset it has forgotten what it saw."""
    half = len(subject.data) // 2
    first, second = subject.data.batches(half)
    metric = subject.after([first])
    copy = pickle.loads(pickle.dumps(metric))
    of_first = metric.compute()
    for each in (metric, copy):
        each.update(second)
    assert_same(copy.compute(), metric.compute(), 0.0)
    copy.reset()
    copy.update(first)
    assert_same(copy.compute(), of_first, 0.0)


CHECKS = (check_value, check_batching, check_reset_and_pickle)


def assert_same(found: Mapping[str, Estimate], expected: Mapping[str, Estimate], tolerance: float | None) -> None:
    """Check that estimates agree in every field, numbers to a relative tolerance; None compares the values only.

    An end of an interval is the value less a multiple of its error, and may be near 0 where neither is: it is
    compared to the tolerance of the larger end, as the difference of two rounded numbers must be.
    """
    assert list(found) == list(expected)
    for name, estimate in found.items():
        if tolerance == 0.0:
            assert estimate == expected[name], name
            continue
        one, other = (_numbers(each) for each in (estimate, expected[name]))
        kept = 1 if tolerance is None else len(one)
        relative = tolerance or 1e-12
        assert one[:kept] == pytest.approx(other[:kept], rel=relative, nan_ok=True), name
        if tolerance is not None:
            ends = expected[name].interval
            within = ends and pytest.approx(ends, rel=0, abs=relative * max(map(abs, ends)))
            assert estimate.interval == within, name


def _numbers(estimate: Estimate) -> list[float]:
    parts = (estimate.value, estimate.stderr, estimate.n, estimate.failures)
    return [math.nan if part is None else part for part in parts]


# Metrics of clips take seconds each: what one gives for a clip is computed once, and kept by all it depends on.

Known = dict[str, tuple[clips.Scores, str]]


def remembering(score: Callable[..., Any], known: Known) -> Callable[..., Any]:
    """``bench.modalities.audio.metrics.clips.score`` with a cache of earlier scores."""

    def remembered(metric: type[Metric], settings: Any, *arguments: Any) -> tuple[clips.Scores, str]:
        key = hashlib.sha256(f"{metric.__qualname__} {settings} {[np.shape(each) for each in arguments]}".encode())
        for each in arguments:
            key.update(np.asarray(each).tobytes())
        if key.hexdigest() not in known:
            known[key.hexdigest()] = score(metric, settings, *arguments)
        return known[key.hexdigest()]

    return remembered


# Two processes, one pair for all metrics: starting Python and torch is what takes the time.

RANKS = 2
_BY_NAME = TypeAdapter(dict[str, dict[str, Estimate]])


def across_ranks(
    subjects: Mapping[str, Subject], folder: Path, known: Known | None = None
) -> list[dict[str, dict[str, Estimate]]]:
    """The estimates of every subject by name, where each rank has seen a part of the samples.

    Those of each rank after torchmetrics has synchronized them, and those of the first after all were reduced to it.
    """
    spawn(_rank, (dict(subjects), folder, known or {}), nprocs=RANKS)
    return [_BY_NAME.validate_json((folder / f"{rank}.json").read_bytes()) for rank in (*range(RANKS), "first")]


def _rank(rank: int, subjects: Mapping[str, Subject], folder: Path, known: Known) -> None:
    torch.set_num_threads(1)
    clips.score = remembering(clips.score, known)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    dist.init_process_group("gloo", init_method=f"file://{folder / 'meeting'}", rank=rank, world_size=RANKS)
    try:
        found, first = {}, {}
        for name, subject in subjects.items():
            # Unequal shares, interleaved: rank 0 has every third sample.
            mine = [i for i in range(len(subject.data)) if (i % 3 == 0) == (rank == 0)]
            found[name] = subject.after(subject.data.batches(3, mine)).compute()
            metric = subject.after(subject.data.batches(3, mine))
            metric.reduce(Ranks(rank, RANKS))
            if rank == 0:
                first[name] = metric.compute()
        if rank == 0:
            (folder / "first.json").write_bytes(_BY_NAME.dump_json(first))
        (folder / f"{rank}.json").write_bytes(_BY_NAME.dump_json(found))
    finally:
        dist.destroy_process_group()
