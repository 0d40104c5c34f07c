"""Metrics of one clip at a time that take the processor a while: they run in a pool beside the model."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec

import numpy as np
import torch

from bench.contracts.stats import Estimate
from bench.metrics.base import Batch, Metric, PerSampleMetric, Settings
from bench.metrics.failures import failure

if TYPE_CHECKING:
    from bench.machine.pool import Pool

Scores = dict[str, float]
_P = ParamSpec("_P")


class Undefined(Exception):
    """A metric has no value for a clip; the message is one of the metric's ``reasons``."""


class PooledMetric(Metric):
    """A metric that has its clips worked on in other processes; what comes back is taken in later, in order.

    ``update`` calls ``work`` once a clip; subclasses define ``take``. The class fact ``preload`` names modules that
    the work takes long to import.
    """

    preload: ClassVar[tuple[str, ...]] = ()
    pool: Pool | None = None
    """Where clips are worked on; None does it on the spot."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._running: list[Any] = []

    def work(self, function: Callable[_P, Any], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Call a function of a module's top in a process of the pool."""
        run = self.pool.submit if self.pool else _on_the_spot
        self._running.append(run(function, *args, **kwargs))

    @abstractmethod
    def take(self, result: Any) -> None:
        """Take in what the function returned for one clip; the exception if it raised, or its process died."""

    def finish(self) -> None:
        """Wait for the clips that are still being worked on."""
        running, self._running = self._running, []
        for one in running:
            self.take(_result(one))

    def sync_context(self, *args: Any, **kwargs: Any) -> Any:
        # torchmetrics enters it before it computes: what other ranks get must be whole.
        self.finish()
        return super().sync_context(*args, **kwargs)

    def reset(self) -> None:
        self.finish()
        super().reset()

    def samples(self) -> dict[str, np.ndarray]:
        self.finish()
        return super().samples()


class ClipMetric(PooledMetric, PerSampleMetric):
    """A value a clip, computed on the processor from the two signals alone.

    Subclasses define ``score_clip``, which must be a static method of a class at a module's top, since it runs
    in another process. A clip without a value counts as a failure of that clip, with its reason in the
    estimate's note; never as a number.

    The class fact ``reasons`` lists every reason for which ``score_clip`` raises ``Undefined``.
    """

    modality = "audio"
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
            rate: samples a second of both.

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
        found, reason = ({}, failure(result, "")) if isinstance(result, BaseException) else result
        for name in self.outputs:
            self.keep(f"value_{name}", torch.tensor([found.get(name, np.nan)], dtype=torch.float64))
        known = [*self.reasons, ""]
        broke = reason not in known
        self._error = self._error or (reason if broke else "")
        self.keep("why", torch.tensor([-1 if broke else known.index(reason)]))

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


def _on_the_spot(function: Callable[_P, Any], *args: _P.args, **kwargs: _P.kwargs) -> Any:
    try:
        return function(*args, **kwargs)
    except (Exception, SystemExit) as error:
        return error


def _result(one: Any) -> Any:
    if not isinstance(one, Future):
        return one
    try:
        return one.result()
    except (Exception, SystemExit) as error:  # the process died under this clip
        return error


def score(
    metric: type[ClipMetric], settings: Settings, reference: np.ndarray, reconstruction: np.ndarray, rate: int
) -> tuple[Scores, str]:
    """Values of one clip and why there are none; one clip never costs the others."""
    try:
        return metric.score_clip(settings, reference, reconstruction, rate), ""
    except Undefined as undefined:
        return {}, str(undefined)
    except (Exception, SystemExit) as error:
        return {}, failure(error, metric.__module__)
