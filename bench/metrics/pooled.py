"""Metrics that take long per sample on the processor: they run in a pool of processes beside the model."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from concurrent.futures import Future
from typing import TYPE_CHECKING, Any, ClassVar, ParamSpec

import numpy as np

from bench.metrics.base import Metric

if TYPE_CHECKING:
    from bench.machine.pool import Pool

_P = ParamSpec("_P")


class PooledMetric(Metric):
    """A metric whose clips are scored in other processes; the results are taken in later, in order.

    ``update`` calls ``work`` once per clip; subclasses define ``take``. The class attribute ``preload`` names modules
    that take long to import.
    """

    preload: ClassVar[tuple[str, ...]] = ()
    pool: Pool | None = None
    """The pool that scores clips; None scores them in this process."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._running: list[Any] = []

    def work(self, function: Callable[_P, Any], *args: _P.args, **kwargs: _P.kwargs) -> None:
        """Call a module-level function in a process of the pool."""
        run = self.pool.submit if self.pool else _on_the_spot
        self._running.append(run(function, *args, **kwargs))

    @abstractmethod
    def take(self, result: Any) -> None:
        """Take in the result of one clip, or the exception if the function raised or its process died."""

    def finish(self) -> None:
        """Wait for the clips that are still being worked on."""
        running, self._running = self._running, []
        for clip in running:
            self.take(_result(clip))

    def state(self) -> dict[str, Any]:
        self.finish()
        return super().state()

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


def _on_the_spot(function: Callable[_P, Any], *args: _P.args, **kwargs: _P.kwargs) -> Any:
    try:
        return function(*args, **kwargs)
    except (Exception, SystemExit) as error:
        return error


def _result(running: Any) -> Any:
    if not isinstance(running, Future):
        return running
    try:
        return running.result()
    except (Exception, SystemExit) as error:  # the process died under this clip
        return error
