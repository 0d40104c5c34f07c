"""Fréchet distances between sets of features: FID, sFID and their like, with a jackknife."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import ClassVar, Literal

import numpy as np

from bench.contracts.stats import Estimate, block_jackknife
from bench.errors import Unavailable
from bench.machine.spectra import factor_of
from bench.machine.threads import each_on_one_thread
from bench.metrics.base import Wants
from bench.metrics.sets.base import SetMetric
from bench.metrics.sets.engine import Engine
from bench.metrics.sets.features import EfficientNetSettings, InceptionSettings
from bench.metrics.sets.frechet_distances import FrechetDistance, Gaussian, fixed_frechet, paired_frechet
from bench.metrics.sets.leaving_out import about_samples, too_few_to_leave_out

ENOUGH = 10
"""Samples per dimension below which the bias of a Fréchet distance is noted."""
UNCOUNTED = "the reference's precomputed statistics do not state how many images they come from"


def bias_note(n: int, dim: int, references: int | None = None) -> str:
    """A note that a Fréchet distance of few samples, or to few references, is too large on average.

    Args:
        references: number of references, where they are not paired with the samples and it is known.
    """
    if min(n, n if references is None else references) >= ENOUGH * dim:
        return ""
    counted = f"{n} samples" if references is None else f"{n} samples, {counted_references(references)}"
    return f"{counted} in {dim} dimensions: biased upwards, which the interval does not show; compare at equal N only"


def counted_references(n: int) -> str:
    """The number of references in words."""
    return f"{n} reference{'' if n == 1 else 's'}"


class Frechet(SetMetric):
    """Fréchet distance of samples to the inputs they were made from, or to a fixed set or its statistics."""

    wants: ClassVar[Wants] = "statistics"

    def estimates(self) -> dict[str, Estimate]:
        (name,) = self.outputs
        if self.n < 2:
            raise Unavailable(f"a covariance needs at least 2 samples; there are {self.n}")
        order, bounds = self.by_block()
        engine = self.engine
        distance, note = (self._to_fixed if self.references else self._to_inputs)(order, bounds, engine)
        if reason := too_few_to_leave_out(bounds, 2):
            return {name: self.describe(name, Estimate(value=distance.value(), n=self.n, method=reason), note)}
        count = len(bounds) - 1
        jobs: list[Callable[[], float]] = [distance.value]
        jobs += [partial(distance.without, block) for block in range(count if count > 1 else 0)]
        # An accelerator does one after the other; on a processor threads would wait for each other within a job.
        value, *rest = [job() for job in jobs] if engine.accelerated else each_on_one_thread(lambda job: job(), jobs)
        estimate = block_jackknife(value, np.diff(bounds), rest.__getitem__)
        return {name: self.describe(name, estimate if self.paired else about_samples(estimate), note)}

    def _to_inputs(self, order: np.ndarray, bounds: np.ndarray, engine: Engine) -> tuple[FrechetDistance, str]:
        """The distance to the inputs, and its note."""
        samples = self.rows("reconstruction", order, engine)
        distance = paired_frechet(self.rows("reference", order, engine), samples, bounds[:-1], engine)
        return distance, bias_note(self.n, samples.shape[1])

    def _to_fixed(self, order: np.ndarray, bounds: np.ndarray, engine: Engine) -> tuple[FrechetDistance, str]:
        """The distance to the fixed references, and its note."""
        gaussian = self._gaussian(engine)
        samples = self.rows("reconstruction", order, engine)
        notes = (bias_note(self.n, samples.shape[1], gaussian.n), "" if gaussian.n else UNCOUNTED)
        return fixed_frechet(samples, gaussian, bounds, engine), "; ".join(filter(None, notes))

    def _gaussian(self, engine: Engine) -> Gaussian:
        assert self.references is not None
        given = self.references.statistics(self.extractor, self.layer)
        if given:
            mean, covariance = (moment.to(engine.device) for moment in given)
            return Gaussian(mean, factor_of(covariance))
        return Gaussian.of(engine.staged(self.references.rows(self.extractor, self.layer)), engine)


class FIDSettings(InceptionSettings):
    """Settings of FID: its features and covariance."""

    layer: Literal["2048"] = "2048"
    covariance: Literal["unbiased, float64"] = "unbiased, float64"


class RFID(Frechet, line="rfid"):
    """Reconstruction FID: the Fréchet distance in the 2048 pool features of the 2015 Inception."""

    extractor = "inception"
    Settings = FIDSettings


class GFID(Frechet, line="gfid"):
    """Generation FID: the distance of :class:`RFID` to fixed references, in the same pass of the network as sFID."""

    extractor = "inception_spatial"
    Settings = FIDSettings


class SFIDSettings(InceptionSettings):
    """Settings of sFID: its features and covariance."""

    layer: Literal["mixed_6/conv, 7 first channels, 17x17"] = "mixed_6/conv, 7 first channels, 17x17"
    covariance: Literal["unbiased, float64"] = "unbiased, float64"


class SFID(Frechet, line="sfid"):
    """Spatial FID (Nash et al. 2021, arXiv:2103.03841, §4.1), in guided-diffusion's 7 x 17 x 17 features."""

    extractor = "inception_spatial"
    layer = "spatial"
    Settings = SFIDSettings


class EfficientNetFrechetSettings(EfficientNetSettings):
    """Settings of the Fréchet distance in the features of EfficientNet-Lite0."""

    covariance: Literal["unbiased, float64"] = "unbiased, float64"


class EfficientNetFrechet(Frechet, line="fd_efficientnet_lite0"):
    """The Fréchet distance in EfficientNet-Lite0's pooled features; not comparable with any FID."""

    extractor = "efficientnet_lite0"
    Settings = EfficientNetFrechetSettings


class GenerationEfficientNetFrechet(EfficientNetFrechet, line="generation_fd_efficientnet_lite0"):
    """The Fréchet distance of generated images in EfficientNet-Lite0's pooled features."""
