"""Inception Score of generated images, shuffled, and in the order of the file where that differs."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field, model_validator

from bench.contracts.stats import Estimate, block_jackknife
from bench.metrics.base import Fact
from bench.metrics.sets.inception_score import CLASSES, sums
from bench.metrics.sets.rows import FeatureMetric, InceptionSettings, Side

NAME, FILE_ORDER = "inception_score", "inception_score_file_order"


class GenerationInceptionScoreSettings(InceptionSettings):
    """Inception Score, over ``splits`` parts as torch-fidelity has them, or over parts of ``split_size`` as ADM."""

    layer: str = Field(default="logits_unbiased", pattern="^logits_unbiased$")
    splits: int | None = Field(default=10, ge=1, description="equal parts whose scores are averaged")
    split_size: int | None = Field(default=None, ge=1, description="samples of each part, the last may have fewer")
    shuffle_seed: int = Field(default=2020, ge=0, description="of numpy's RandomState, which shuffles")

    @model_validator(mode="before")
    @classmethod
    def _one_way_to_split(cls, given: Any) -> Any:
        """A split size alone means: not so many splits."""
        if isinstance(given, dict) and given.get("split_size") is not None:
            given = {"splits": None, **given}
        return given

    @model_validator(mode="after")
    def _exactly_one(self) -> GenerationInceptionScoreSettings:
        if (self.splits is None) == (self.split_size is None):
            raise ValueError("give either splits or split_size")
        return self

    def parts(self, n: int) -> np.ndarray:
        """Part of each place in a row of n samples, ``[n]``."""
        place = np.arange(n)
        if self.split_size:
            return place // self.split_size
        assert self.splits
        bounds = [part * n // self.splits for part in range(1, self.splits)]
        return np.searchsorted(bounds, place, side="right")


class GenerationInceptionScore(FeatureMetric):
    """Inception Score: mean over parts, with a block jackknife that keeps every sample in its part.

    A file sorted by class scores far too low where its parts follow its order, as guided-diffusion's evaluator
    has it, so the samples are shuffled first. The score in file order is given beside it where it differs.
    """

    extractor = "inception_spatial"
    layer = "logits"
    sides: ClassVar[tuple[Side, ...]] = ("reconstruction",)
    outputs: ClassVar[dict[str, Fact]] = {NAME: Fact(higher_is_better=True, bounds=(1.0, float(CLASSES)))}
    weights: ClassVar[tuple[str, ...]] = ("inception-2015-12-05",)
    Settings = GenerationInceptionScoreSettings
    settings: GenerationInceptionScoreSettings

    @classmethod
    def fact(cls, name: str) -> Fact:
        return cls.outputs[NAME]

    def compute(self) -> dict[str, Estimate]:
        n, splits = self.n, self.settings.splits or 1
        if n < splits:
            remedy = f"measure at least {splits}, or set fewer splits in the protocol"
            return {NAME: self.unavailable(NAME, f"{n} samples do not fill {splits} splits", n, remedy)}
        order = self.order()
        logits, block = self.rows("reconstruction", order), self.blocks(order).of
        parts = self.settings.parts(n)
        shuffled = np.empty(n, np.int64)
        shuffled[np.random.RandomState(self.settings.shuffle_seed).permutation(n)] = parts
        score, in_file_order = (self._score(logits, part, block) for part in (shuffled, parts))
        found = {NAME: self.describe(NAME, score, self._note(n))}
        assert score.value is not None and in_file_order.value is not None
        if not math.isclose(score.value, in_file_order.value, rel_tol=1e-9):
            low, high = score.interval or (score.value, score.value)
            sorted_ = (
                "" if low <= in_file_order.value <= high else "the order of the file matters: is it sorted by class?"
            )
            found[FILE_ORDER] = self.describe(FILE_ORDER, in_file_order, sorted_)
        return found

    def _score(self, logits: torch.Tensor, part: np.ndarray, block: np.ndarray) -> Estimate:
        found, sizes = sums(logits, part, block, int(part.max()) + 1), np.bincount(block)
        value, count = found.score(np.ones(len(sizes))), len(sizes)
        return block_jackknife(value, sizes, lambda j: found.score(1.0 - np.eye(count)[j]))

    def _note(self, n: int) -> str:
        largest = int(np.bincount(self.settings.parts(n)).max())
        return f"splits of {largest} images bound the score at {largest}" if largest < CLASSES else ""
