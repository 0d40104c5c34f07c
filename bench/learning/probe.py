"""The probe: a small backbone trained from scratch on a tokenizer's tokens, and its likelihood of held-out ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, Field

from bench import registry
from bench.backbones.base import Backbone, Size
from bench.backbones.build import build, paradigm_of
from bench.backbones.corpus import Corpus
from bench.contracts.stats import Estimate, clustered_mean, interval_around
from bench.contracts.task import Report
from bench.errors import BenchError
from bench.learning.training import Budget, Checkpoint, train
from bench.machine.canonical import digest
from bench.machine.extras import require_packages
from bench.machine.weights import cache_dir


class ProbeSettings(BaseModel):
    """The settings of the probe: one model and one budget for all tokenizers of a table."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    paradigm: str = Field(
        default="auto",
        description="raster, randomised, masked, depthwise, delay, nextscale, mixture, diffusion; auto: raster for one "
        "codebook, depthwise for several of one grid, nextscale for scales, mixture for continuous tokens",
    )
    width: int = Field(default=64, description="channels of the transformer")
    depth: int = Field(default=2, description="layers of the transformer")
    heads: int = Field(default=2, description="attention heads of the transformer")
    dropout: float = Field(default=0.0, ge=0, lt=1, description="dropout of the attention weights, in training")
    context: int = Field(default=512, ge=1, description="positions of a sequence that it sees; a grid is seen whole")
    conditions: Literal["none", "class"] = Field(
        default="none",
        description="what it is given with each signal: nothing, or its class, in training, likelihood and generation",
    )
    views: int = Field(
        default=1, ge=1, description="how often each training signal is tokenized: unchanged, then moved"
    )
    fit_samples: int = Field(
        default=2000, ge=1, description="the most training signals, evenly spaced in the fit split"
    )
    repeats: int = Field(
        default=1, ge=1, description="number of trainings, each with its own seed, whose mean is reported"
    )
    budget: Budget = Budget()


def check_probe(settings: ProbeSettings) -> None:
    """Raise BenchError if the paradigm or the size is not available, whatever the tokens will be."""
    Size(settings.width, settings.depth, settings.heads, settings.dropout)
    if settings.paradigm != "auto":
        require_packages(registry.load(registry.get("backbones", settings.paradigm).target), settings.paradigm)


def _loss(backbone: Backbone, training: Corpus, count: int, generator: torch.Generator) -> torch.Tensor:
    return backbone.loss_of(training.random(count, generator))


@dataclass(frozen=True)
class Verdict:
    """The likelihood of the evaluated samples under the probe.

    Attributes:
        nats: negative log-likelihood of each sample over all its tokens, float64 ``[repeats, samples]``.
        note: what the probe was, and what it was trained on.
    """

    nats: np.ndarray
    note: str


class Probe:
    """Trains probes on the tokens of one tokenizer, and computes their likelihood of others.

        probe = Probe(settings, seed, device, key, report)
        backbones = probe.train(training)
        verdict = probe.verdict(backbones, training, evaluated)
        probe.finish()                     # once they are no longer needed

    Args:
        settings: model and budget.
        seed: seed of the first training; the next one has the next seed.
        device: device that probes are trained on.
        key: identifies everything that decides the trained weights; a checkpoint with another key is not resumed.
        report: called with the progress.
    """

    def __init__(self, settings: ProbeSettings, seed: int, device: torch.device, key: str, report: Report) -> None:
        self.settings, self.seed, self.device, self.key, self.report = settings, seed, device, key, report
        self._checkpoints: list[Checkpoint] = []

    def train(self, training: Corpus) -> list[Backbone]:
        """One trained backbone per repeat, in evaluation mode; trainings of an interrupted attempt are resumed.

        Raises:
            BenchError: no paradigm fits the tokens.
        """
        backbones = []
        count = training.batch_of(self.settings.budget.positions)
        for repeat in range(self.settings.repeats):
            name = digest([self.key, repeat])
            self._checkpoints.append(Checkpoint(cache_dir() / "training" / f"{name[:32]}.pt", name))
            backbone = self._new(training, self.seed + repeat)
            train(
                backbone,
                partial(_loss, backbone, training, count),
                self.settings.budget,
                self.seed + repeat,
                self._checkpoints[-1],
                self.report,
            )
            backbones.append(backbone)
        return backbones

    def verdict(self, backbones: Sequence[Backbone], training: Corpus, evaluated: Corpus) -> Verdict:
        """The likelihood, under each backbone, of tokens that it was not trained on.

        Raises:
            BenchError: the evaluated grids are not those that the probe learned.
        """
        learned, asked = training.structure, evaluated.structure
        if learned.grids != asked.grids and len(learned.grids[0]) > 1:
            raise BenchError(f"the probe learns grids {learned.grids}, but the evaluated tokens are {asked.grids}")
        nats = [self._ask(backbone, evaluated) for backbone in backbones]
        return Verdict(np.stack(nats), self._note(backbones[0], training))

    def finish(self) -> None:
        """Remove the checkpoints, which are kept until everything is done so that a kill costs no training."""
        for checkpoint in self._checkpoints:
            checkpoint.remove()

    def _new(self, training: Corpus, seed: int) -> Backbone:
        settings, structure = self.settings, training.structure
        paradigm = paradigm_of(structure) if settings.paradigm == "auto" else settings.paradigm
        size = Size(settings.width, settings.depth, settings.heads, settings.dropout)
        with torch.random.fork_rng([]):
            torch.manual_seed(seed)
            backbone = build(paradigm, structure, size, training.classes).to(self.device)
        backbone.prepare(training)
        return backbone

    def _ask(self, backbone: Backbone, evaluated: Corpus) -> np.ndarray:
        nats = np.zeros(len(evaluated))
        for windows in evaluated.windows(self.settings.budget.positions):
            np.add.at(nats, windows.numbers, -backbone.log_likelihood(windows.tokens, windows.conditions).numpy())
            self.report("measuring", windows.numbers[-1] + 1, len(evaluated))
        return nats

    def _note(self, backbone: Backbone, training: Corpus) -> str:
        weights = sum(parameter.numel() for parameter in backbone.parameters())
        budget = self.settings.budget
        note = (
            f"{type(backbone).__name__.lower()} probe of {weights} weights, {budget.steps} steps of "
            f"{training.batch_of(budget.positions)} x {training.positions} positions from "
            f"{training.tokens} tokens"
        )
        if training.classes:
            note = f"{note}; given the class, one of {training.classes}"
        return f"{note}; {backbone.bound}" if backbone.bound else note


def per_unit(nats: np.ndarray, amounts: np.ndarray, groups: np.ndarray) -> Estimate:
    """Σ nats / Σ amounts with its error from the samples, and from the trainings where there are several.

    The error from the samples is that of a ratio of totals, cluster-robust: by the delta method the standard
    error of the mean of ``(x_i - R·y_i) / mean(y)`` (Cochran 1977, eq. 6.13), which for equal amounts is that of the
    mean. The error from the trainings is the standard error of their mean, s/√repeats. The two variances add; the
    degrees of freedom are Satterthwaite's.

    Args:
        nats: nats of each training and sample, ``[repeats, samples]``.
        amounts: amount of each sample to divide by, such as tokens or pixels, ``[samples]``.
        groups: independent group of each sample, ``[samples]``.
    """
    totals = nats.sum(1) / amounts.sum()
    ratio = float(totals.mean())
    residual = clustered_mean((nats.mean(0) - ratio * amounts) / amounts.mean(), groups)
    estimate = Estimate(value=ratio, n=len(amounts), method=residual.method)
    if residual.stderr is None:
        return estimate
    parts = [(residual.stderr**2, len(np.unique(groups)) - 1)]
    method = residual.method.replace("mean", "ratio of totals", 1)
    if len(totals) > 1:
        parts.append((float(totals.var(ddof=1)) / len(totals), len(totals) - 1))
        method += f"; {len(totals)} trainings, variances added"
    variance = sum(part for part, _ in parts)
    spread = sum(part**2 / degrees for part, degrees in parts)
    degrees = max(1, math.floor(variance**2 / spread)) if spread else parts[0][1]
    stderr = math.sqrt(variance)
    return estimate.model_copy(
        update={"stderr": stderr, "interval": interval_around(ratio, stderr, degrees), "method": method}
    )


def over_trainings(estimates: Sequence[Estimate]) -> Estimate:
    """The mean of the estimates of several trainings, with the error of their spread: s/√repeats, Student's t.

    Each value has its own samples, so their spread includes the chance of the samples. The estimate of a single
    training is returned as it is, with a note on what its interval does not include. Where a training has no value,
    its estimate, which says why, is returned.
    """
    values = [estimate.value for estimate in estimates if estimate.value is not None]
    first = estimates[0]
    if len(values) < len(estimates):
        return next(estimate for estimate in estimates if estimate.value is None)
    if len(values) == 1:
        note = "one training: the interval does not include the spread between trainings"
        return first.model_copy(update={"note": "; ".join(filter(None, (first.note, note)))})
    mean = clustered_mean(values, np.arange(len(values)))
    return first.model_copy(
        update={
            "value": mean.value,
            "stderr": mean.stderr,
            "interval": mean.interval,
            "n": sum(estimate.n for estimate in estimates),
            "method": f"mean of {len(values)} trainings, t",
            "replicates": None,  # those of the first training belong to another value
            "blocks": None,
        }
    )


def mean_of_trainings(values: np.ndarray, groups: np.ndarray) -> Estimate:
    """The mean of one value per sample and training, with its error as in :func:`per_unit`.

    A sample for which some training has no finite value counts as a failure.

    Args:
        values: values of each training and sample, ``[repeats, samples]``.
        groups: independent group of each sample, ``[samples]``.
    """
    whole = np.isfinite(values).all(0)
    failures = int((~whole).sum())
    if not whole.any():
        reason = "undefined on every sample" if failures else "no samples"
        return Estimate(value=None, failures=failures, unavailable=reason)
    mean = per_unit(values[:, whole], np.ones(int(whole.sum())), groups[whole])
    method = mean.method.replace("ratio of totals", "mean", 1)
    return mean.model_copy(update={"failures": failures, "method": method})


def exponential(estimate: Estimate) -> Estimate:
    """The exponential of an estimate and of the ends of its interval; the standard error is by the delta method."""
    assert estimate.value is not None
    value = math.exp(estimate.value)
    if estimate.stderr is None or estimate.interval is None:
        return estimate.model_copy(update={"value": value})
    low, high = map(math.exp, estimate.interval)
    changed = {"value": value, "stderr": value * estimate.stderr, "interval": (low, high)}
    return estimate.model_copy(update={**changed, "method": f"exponential of: {estimate.method}"})
