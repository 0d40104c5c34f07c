"""Metrics of one clip at a time that take long on the processor: they run in a pool beside the model."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec

import numpy as np
import torch

from bench.contracts.stats import Estimate
from bench.metrics.base import Batch, PerSampleMetric, Settings
from bench.metrics.failures import failure
from bench.metrics.pooled import PooledMetric

if TYPE_CHECKING:
    pass

Scores = dict[str, float]
_P = ParamSpec("_P")


class Undefined(Exception):
    """A metric has no value for a clip; the message is one of the metric's ``reasons``."""


class ClipMetric(PooledMetric, PerSampleMetric):
    """One value per clip, computed on the processor from the two signals alone.

    Subclasses define ``score_clip``, which must be a static method of a module-level class, since it runs
    in another process. A clip without a value counts as a failure of that clip, with its reason in the
    estimate's note; never as a number.

    The class attribute ``reasons`` lists every reason for which ``score_clip`` raises ``Undefined``.
    """

    modality = "audio"
    carried = ("_error",)
    reasons: ClassVar[tuple[str, ...]] = ()

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.add_state("why", default=[], dist_reduce_fx="cat")
        self._error = ""

    @staticmethod
    @abstractmethod
    def score_clip(settings: Any, reference: np.ndarray, reconstruction: np.ndarray, rate: int) -> Scores:
        """Values of one clip by output name.

        Args:
            settings: the metric's settings.
            reference, reconstruction: float32 ``[channels, samples]`` of equal shape, without padding.
            rate: samples per second of both.

        Raises:
            Undefined: the metric has no value for this clip.
        """

    def update(self, batch: Batch) -> None:
        self.remember(batch)
        for reference, reconstruction in zip(batch.reference.clips(), batch.reconstruction.clips(), strict=True):
            self.work(
                score,
                type(self),
                self.settings,
                reference.cpu().numpy().copy(),
                reconstruction.cpu().numpy().copy(),
                batch.reference.rate,
            )

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        raise NotImplementedError("clips are scored one by one")

    def take(self, result: tuple[Scores, str] | BaseException) -> None:
        scores, reason = ({}, failure(result, "")) if isinstance(result, BaseException) else result
        for name in self.outputs:
            self.keep(f"value_{name}", torch.tensor([scores.get(name, np.nan)], dtype=torch.float64))
        expected = [*self.reasons, ""]
        broke = reason not in expected
        self._error = self._error or (reason if broke else "")
        self.keep("why", torch.tensor([-1 if broke else expected.index(reason)]))

    def compute(self) -> dict[str, Estimate]:
        why = self._failures()
        return {name: self._explained(name, estimate, why) for name, estimate in super().compute().items()}

    def _explained(self, name: str, estimate: Estimate, why: str) -> Estimate:
        if estimate.value is None and why:
            estimate = estimate.model_copy(update={"unavailable": why, "broken": bool(self._error)})
        return self.describe(name, estimate, why if estimate.failures else "")

    def _failures(self) -> str:
        codes = Counter(self.stacked("why").astype(int).tolist())
        named: Sequence[str] = self.reasons
        counts = {named[code]: count for code, count in sorted(codes.items()) if 0 <= code < len(named)}
        if codes[-1]:
            counts[f"the metric broke: {self._error}" if self._error else "the metric broke"] = codes[-1]
        return "; ".join(f"no value for {count} clip{'s' * (count > 1)}: {reason}" for reason, count in counts.items())


def score(
    metric: type[ClipMetric], settings: Settings, reference: np.ndarray, reconstruction: np.ndarray, rate: int
) -> tuple[Scores, str]:
    """The values of one clip, or the reason why it has none; an error in one clip does not affect others."""
    try:
        return metric.score_clip(settings, reference, reconstruction, rate), ""
    except Undefined as undefined:
        return {}, str(undefined)
    except (Exception, SystemExit) as error:
        return {}, failure(error, metric.__module__)
