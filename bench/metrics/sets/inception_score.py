"""Inception Score of a set, with a block jackknife.

exp of the mean Kullback-Leibler divergence of p(y|x) from p(y), averaged over splits (Salimans et al. 2016,
arXiv:1606.03498, §4), on the logits without bias, shuffled and split as torch-fidelity does it.

Mean KL over a set is Σ p log p / n - Σ q log q with q the mean of p, so that three sums for each split and
jackknife block are all there is to keep.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, model_validator

from bench.contracts.stats import Estimate, block_jackknife
from bench.errors import Unavailable
from bench.metrics.base import Wants
from bench.metrics.sets.base import SetMetric
from bench.metrics.sets.engine import Engine
from bench.metrics.sets.features import InceptionSettings

CHUNK = 1024
CLASSES = 1008
NAME, FILE_ORDER = "inception_score", "inception_score_file_order"


class InceptionScoreSettings(InceptionSettings):
    """Settings of the Inception Score."""

    layer: Literal["logits_unbiased"] = "logits_unbiased"
    splits: int = Field(default=10, ge=1, description="parts whose scores are averaged")
    shuffle: bool = Field(default=True, description="shuffle before splitting; without it the order counts")
    seed: int = Field(default=2020, ge=0, description="seed of numpy's RandomState, which shuffles")

    def ways(self, n: int) -> dict[str, np.ndarray]:
        """The split of each of n samples in the dataset's order, ``[n]``, by name of the value."""
        parts = equal_parts(n, self.splits)
        return {NAME: shuffled(parts, self.seed) if self.shuffle else parts}


class GenerationInceptionScoreSettings(InceptionSettings):
    """Inception Score, over ``splits`` parts as torch-fidelity has them, or over parts of ``split_size`` as ADM."""

    layer: str = Field(default="logits_unbiased", pattern="^logits_unbiased$")
    splits: int | None = Field(default=10, ge=1, description="equal parts whose scores are averaged")
    split_size: int | None = Field(default=None, ge=1, description="samples of each part, the last may have fewer")
    shuffle_seed: int = Field(default=2020, ge=0, description="of numpy's RandomState, which shuffles")

    @model_validator(mode="before")
    @classmethod
    def _one_way_to_split(cls, given: Any) -> Any:
        """Given a split size alone, drop the default number of splits."""
        if isinstance(given, dict) and given.get("split_size") is not None:
            given = {"splits": None, **given}
        return given

    @model_validator(mode="after")
    def _exactly_one(self) -> GenerationInceptionScoreSettings:
        if (self.splits is None) == (self.split_size is None):
            raise ValueError("give either splits or split_size")
        return self

    def ways(self, n: int) -> dict[str, np.ndarray]:
        """The split of each of n samples in their order, ``[n]``, by name of the value."""
        if self.split_size:
            parts = np.arange(n) // self.split_size
        else:
            assert self.splits
            parts = equal_parts(n, self.splits)
        return {NAME: shuffled(parts, self.shuffle_seed), FILE_ORDER: parts}


def equal_parts(n: int, splits: int) -> np.ndarray:
    """The split of each of n samples in order, int ``[n]``, the splits as equal in size as possible."""
    bounds = [part * n // splits for part in range(1, splits)]
    return np.searchsorted(bounds, np.arange(n), side="right")


def shuffled(parts: np.ndarray, seed: int) -> np.ndarray:
    """The splits ``[n]`` of samples that numpy's RandomState shuffles first."""
    of_sample = np.empty(len(parts), np.int64)
    of_sample[np.random.RandomState(seed).permutation(len(parts))] = parts
    return of_sample


@dataclass
class Sums:
    """Sums over the samples of each split and block.

    Attributes:
        count: samples, ``[splits, blocks]``.
        negentropy: Σ p log p, ``[splits, blocks]``.
        probability: Σ p, ``[splits, blocks, classes]``.
    """

    count: np.ndarray
    negentropy: np.ndarray
    probability: np.ndarray

    def score(self, keep: np.ndarray) -> float:
        """Inception Score of the blocks with weight 1, averaged over the splits that have samples left."""
        count = self.count @ keep
        filled = count > 0
        mean = np.einsum("sbc,b->sc", self.probability, keep)[filled] / count[filled, None]
        marginal = (mean * np.log(mean, where=mean > 0, out=np.zeros_like(mean))).sum(1)
        divergence = (self.negentropy @ keep)[filled] / count[filled] - marginal
        return float(np.exp(divergence).mean())


def sums(logits: torch.Tensor, ways: Sequence[np.ndarray], block: np.ndarray, engine: Engine) -> list[Sums]:
    """Sums of the class probabilities of logits ``[N, classes]`` by split and block ``[N]``, for each way to split."""
    blocks, classes = int(block.max()) + 1, logits.shape[1]
    splits = [int(split.max()) + 1 for split in ways]
    cells = [torch.from_numpy(split * blocks + block) for split in ways]
    totals = [torch.zeros(count * blocks, 1 + classes, dtype=torch.float64, device=engine.device) for count in splits]
    for start in range(0, len(logits), CHUNK):
        log_p = engine.wide(logits[start : start + CHUNK]).log_softmax(1)
        p = log_p.exp()
        rows = torch.cat([(p * log_p).sum(1, keepdim=True), p], 1)
        for total, cell in zip(totals, cells, strict=True):
            _add_rows(total, cell[start : start + CHUNK], rows, engine)
    counts = [np.bincount(cell.numpy(), minlength=len(total)) for cell, total in zip(cells, totals, strict=True)]
    return [
        Sums(
            count.astype(np.float64).reshape(-1, blocks),
            total[:, 0].cpu().numpy().reshape(-1, blocks),
            total[:, 1:].cpu().numpy().reshape(-1, blocks, classes),
        )
        for count, total in zip(counts, totals, strict=True)
    ]


def _add_rows(total: torch.Tensor, cells: torch.Tensor, rows: torch.Tensor, engine: Engine) -> None:
    """Add each row to the row of its cell."""
    if not engine.accelerated:
        total.index_add_(0, cells, rows)
        return
    # As a product: index_add_ of a GPU adds in another order each time.
    members = cells.to(engine.device) == torch.arange(len(total), device=engine.device)[:, None]
    total.addmm_(members.double(), rows)


class InceptionScore(SetMetric, line="inception_score"):
    """Inception Score: mean over parts, with a block jackknife that keeps every sample in its part.

    It looks at the samples alone, whatever they are compared with.
    """

    extractor = "inception"
    layer = "logits"
    wants: ClassVar[Wants] = "nothing"
    Settings: ClassVar[type[InceptionSettings]] = InceptionScoreSettings
    settings: InceptionScoreSettings | GenerationInceptionScoreSettings

    def estimates(self) -> dict[str, Estimate]:
        n, splits = self.n, self.settings.splits or 1
        if n < splits:
            remedy = f"measure at least {splits}, or set fewer splits in the protocol"
            raise Unavailable(f"{n} samples do not fill {splits} splits", remedy)
        order = self.order()
        engine, block = self.engine, self.blocks(order).of
        logits, ways = self.rows("reconstruction", order, engine), self.settings.ways(n)
        totals = dict(zip(ways, sums(logits, list(ways.values()), block, engine), strict=True))
        largest = int(np.bincount(ways[NAME]).max())
        note = f"splits of {largest} images bound the score at {largest}" if largest < CLASSES else ""
        score = _score(totals[NAME], block)
        estimates = {NAME: self.describe(NAME, score, note)}
        if FILE_ORDER in totals:
            estimates |= self._in_file_order(score, _score(totals[FILE_ORDER], block))
        return estimates

    def _in_file_order(self, score: Estimate, unshuffled: Estimate) -> dict[str, Estimate]:
        """The score without shuffling, where it differs."""
        assert score.value is not None and unshuffled.value is not None
        if math.isclose(score.value, unshuffled.value, rel_tol=1e-9):
            return {}
        low, high = score.interval or (score.value, score.value)
        doubt = "" if low <= unshuffled.value <= high else "the order of the file matters: is it sorted by class?"
        return {FILE_ORDER: self.describe(FILE_ORDER, unshuffled, doubt)}


class GenerationInceptionScore(InceptionScore, line="generation_inception_score"):
    """As :class:`InceptionScore`, with the score in file order beside it where that differs.

    A file sorted by class scores far too low where its parts follow its order, as guided-diffusion's evaluator
    has it, so the samples are shuffled first.
    """

    extractor = "inception_spatial"
    Settings = GenerationInceptionScoreSettings


def _score(totals: Sums, block: np.ndarray) -> Estimate:
    """The score with its jackknife over blocks ``[N]``."""
    sizes = np.bincount(block)
    value, count = totals.score(np.ones(len(sizes))), len(sizes)
    return block_jackknife(value, sizes, lambda j: totals.score(1.0 - np.eye(count)[j]))
