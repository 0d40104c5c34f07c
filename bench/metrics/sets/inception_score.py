"""Inception Score of the reconstructions, with a block jackknife.

exp of the mean Kullback-Leibler divergence of p(y|x) from p(y), averaged over splits (Salimans et al. 2016,
arXiv:1606.03498, §4), on the logits without bias, shuffled and split as torch-fidelity does it.

Mean KL over a set is Σ p log p / n - Σ q log q with q the mean of p, so that three sums for each split and
jackknife block are all there is to keep.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from bench.contracts.stats import Estimate, block_jackknife
from bench.metrics.base import Fact
from bench.metrics.sets.rows import FeatureMetric, InceptionSettings, Side

CHUNK = 1024
CLASSES = 1008


class InceptionScoreSettings(InceptionSettings):
    """Inception Score."""

    layer: Literal["logits_unbiased"] = "logits_unbiased"
    splits: int = Field(default=10, ge=1, description="parts whose scores are averaged")
    shuffle: bool = Field(default=True, description="shuffle before splitting; without it the order counts")
    seed: int = Field(default=2020, ge=0, description="of numpy's RandomState, which shuffles")


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


def sums(logits: torch.Tensor, split: np.ndarray, block: np.ndarray, splits: int) -> Sums:
    """Sums of the class probabilities of logits ``[N, classes]`` by split and block ``[N]``."""
    blocks, classes = int(block.max()) + 1, logits.shape[1]
    cell = torch.from_numpy(split * blocks + block)
    negentropy = torch.zeros(splits * blocks, dtype=torch.float64)
    probability = torch.zeros(splits * blocks, classes, dtype=torch.float64)
    for rows, cells in zip(logits.split(CHUNK), cell.split(CHUNK), strict=True):
        log_p = rows.double().log_softmax(1)
        p = log_p.exp()
        negentropy.index_add_(0, cells, (p * log_p).sum(1))
        probability.index_add_(0, cells, p)
    count = np.bincount(cell.numpy(), minlength=splits * blocks).astype(np.float64)
    return Sums(
        count.reshape(splits, blocks),
        negentropy.numpy().reshape(splits, blocks),
        probability.numpy().reshape(splits, blocks, classes),
    )


class InceptionScore(FeatureMetric):
    """Inception Score: mean over splits. The jackknife keeps every sample in its split."""

    extractor = "inception"
    layer = "logits"
    sides: ClassVar[tuple[Side, ...]] = ("reconstruction",)
    outputs: ClassVar[dict[str, Fact]] = {"inception_score": Fact(higher_is_better=True, bounds=(1.0, float(CLASSES)))}
    weights: ClassVar[tuple[str, ...]] = ("inception-2015-12-05",)
    Settings = InceptionScoreSettings
    settings: InceptionScoreSettings

    def compute(self) -> dict[str, Estimate]:
        n, splits = self.n, self.settings.splits
        if n < splits:
            remedy = f"measure at least {splits}, or set fewer splits in the protocol"
            reason = f"{n} samples do not fill {splits} splits; {remedy}"
            return {"inception_score": self.unavailable("inception_score", reason, n)}
        order = self.order()
        blocks = self.blocks(order)
        parts = sums(self.rows("reconstruction", order), self._split(n), blocks.of, splits)
        count = len(blocks.sizes)
        value = parts.score(np.ones(count))
        estimate = block_jackknife(value, blocks.sizes, lambda j: parts.score(1.0 - np.eye(count)[j]))
        return {"inception_score": self.describe("inception_score", estimate, self._note(n))}

    def _split(self, n: int) -> np.ndarray:
        """Split of each sample in the dataset's order, ``[n]``."""
        splits = self.settings.splits
        place = np.random.RandomState(self.settings.seed).permutation(n) if self.settings.shuffle else np.arange(n)
        split = np.empty(n, np.int64)
        for part in range(splits):
            split[place[part * n // splits : (part + 1) * n // splits]] = part
        return split

    def _note(self, n: int) -> str:
        largest = -(-n // self.settings.splits)
        return f"splits of {largest} images bound the score at {largest}" if largest < CLASSES else ""
