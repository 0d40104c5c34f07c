"""Metrics as the tasks use them: an error, or a value that is not a number, affects one metric alone."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from bench.contracts.results import contradiction
from bench.contracts.stats import Estimate
from bench.errors import BenchError, Unavailable
from bench.metrics.base import TIMED_BATCHES, TIMING, Batch, Metric
from bench.metrics.failures import failure, one_line
from bench.values import Value

if TYPE_CHECKING:
    from bench.machine.ranks import Ranks

NO_VALUE = "no metric can be measured"
SMALLER_BATCHES = "try a smaller --batch-size"


class Guarded:
    """One metric during one pass over the samples; after its first error it is not called again.

    Args:
        name: name of the metric in the registry.
        kind: class of the metric.
        make: builds the metric, ready for the first batch.

    Attributes:
        nothing: the reason why it has no values; None while it may have some.
    """

    def __init__(self, name: str, kind: type[Metric], make: Callable[[], Metric]) -> None:
        self.name, self.kind = name, kind
        self.nothing: Estimate | None = None
        self._metric: Metric | None = None
        with self._alone("__init__"):
            self._metric = make()

    @property
    def timed_batches(self) -> int:
        """The number of batches that it wants timed."""
        default = TIMED_BATCHES if self.kind.needs >= TIMING else 0
        return default if self._metric is None else getattr(self._metric.settings, "timed_batches", default)

    def update(self, batch: Batch) -> None:
        """Update the metric with a batch."""
        self.attempt("update", lambda metric: metric.update(batch))

    def attempt(self, stage: str, call: Callable[[Metric], None]) -> None:
        """Call a function with the metric, unless it has failed before.

        Args:
            stage: name of the call, stated in the reason if it raises.
        """
        if self._metric is not None:
            with self._alone(stage):
                call(self._metric)

    def state(self) -> dict[str, Any]:
        """What :meth:`restore` needs to go on where this metric is."""
        states: dict[str, Any] = {}
        self.attempt("state", lambda metric: states.update(metric.state()))
        return {"nothing": self.nothing and self.nothing.model_dump(mode="json"), **states}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on where another process was."""
        if state["nothing"]:
            self._lose(Estimate(**state["nothing"]))
        else:
            self.attempt("restore", lambda metric: metric.restore(state))

    def reduce(self, ranks: Ranks) -> None:
        """Bring what the ranks hold together on the first one; a metric that failed on any of them has failed.

        Raises:
            BenchError: it failed meanwhile, where the other ranks would wait for it.
        """
        self.attempt("finish", lambda metric: metric.finish())
        lost = next(filter(None, ranks.exchange(self.nothing)), None)
        if lost:
            self._lose(lost)
        elif self._metric is not None:
            try:
                self._metric.reduce(ranks)
            except (Exception, SystemExit) as error:
                why = self._failure("reduce", error)
                raise BenchError(why.unavailable or "", why.remedy) from error

    def outcome(self, n: int | None = None, taken: Iterable[str] = ()) -> tuple[dict[str, Estimate], dict[str, Any]]:
        """The estimates by name, and the columns of per-sample values; a failed metric has no columns.

        Args:
            n: number of samples seen; None leaves the columns out.
            taken: names of columns of other metrics.
        """
        estimates: dict[str, Estimate] = {}
        columns: dict[str, Any] = {}
        if self._metric is not None:
            with self._alone("compute"):
                estimates = self._checked(self._metric.compute())
        if self._metric is not None and n is not None:
            with self._alone("samples"):
                columns = self._columns(self._metric.samples(), n, set(taken))
        if self.nothing is not None:
            return {name: self._given(self._without_value(name)) for name in self._outputs()}, {}
        lost = {name for name, estimate in estimates.items() if estimate.broken}
        estimates = {name: self._given(estimate) for name, estimate in estimates.items()}
        return estimates, {name: values for name, values in columns.items() if name not in lost}

    @contextmanager
    def _alone(self, stage: str) -> Iterator[None]:
        """Whatever is raised inside fails this metric alone, and frees what it held."""
        try:
            yield
        except Unavailable as reason:
            self._lose(Estimate(value=None, unavailable=reason.cause, remedy=reason.remedy))
        except (Exception, SystemExit) as error:
            self._lose(self._failure(stage, error))

    def _lose(self, nothing: Estimate) -> None:
        self._metric = None
        self.nothing = nothing

    def _failure(self, stage: str, error: BaseException) -> Estimate:
        if isinstance(error, BenchError):
            cause, remedy = one_line(error.cause), one_line(error.remedy)
        else:
            cause, remedy = failure(error, self.kind.__module__, stage), ""
            if isinstance(error, torch.OutOfMemoryError | MemoryError):
                cause, remedy = f"{cause}; the metric ran out of memory, not the system", SMALLER_BATCHES
        return Estimate(value=None, unavailable=f"{self.name}: {cause}", remedy=remedy, broken=True)

    def _given(self, estimate: Estimate) -> Estimate:
        return estimate.model_copy(update={"metric": self.name})

    def _outputs(self) -> tuple[str, ...]:
        """Names of its outputs; the metric's own name if its class declares none."""
        return self._always or (self.name,)

    @property
    def _always(self) -> tuple[str, ...]:
        return tuple(name for name, value in self.kind.outputs.items() if value.always)

    def _checked(self, given: Any) -> dict[str, Estimate]:
        """Every declared and every given value; those that cannot be stored are unavailable, with the reason."""
        if not isinstance(given, Mapping):
            raise TypeError(f"compute gave {type(given).__name__}, not estimates by name")
        estimates = {str(name): self._estimate(str(name), value) for name, value in given.items()}
        lacking = [name for name in self._always if name not in estimates]
        return estimates | {
            name: self._broken(name, f"compute gave no {name}, which outputs declares") for name in lacking
        }

    def _estimate(self, name: str, value: Any) -> Estimate:
        if self._declared(name) is None:
            return self._broken(name, f"compute gave {name}, which outputs does not declare")
        if not isinstance(value, Estimate):
            return self._broken(name, f"compute gave {type(value).__name__} as {name}, not an Estimate")
        if not _finite(value.value, value.stderr, *(value.interval or ())):
            between = "" if value.interval is None else " [{}, {}]".format(*value.interval)
            return self._broken(name, f"{name} came out as {value.value} ± {value.stderr}{between}")
        if not _finite(*(value.replicates or ()), *(value.blocks or ())):
            return self._broken(name, f"{name} came out as {value.value}, with replicates that are not finite")
        if problem := contradiction(value):  # nobody could read a result with it
            return self._broken(name, f"{name} cannot be: {problem}")
        json.dumps(value.model_dump(mode="json"), ensure_ascii=False).encode()  # as the result will have to be
        return value

    def _columns(self, given: Any, n: int, taken: set[str]) -> dict[str, list[Any]]:
        """Values of each sample by name; ValueError unless there is one per sample that can be stored."""
        import pyarrow as arrow

        columns: dict[str, list[Any]] = {}
        for name, values in dict(given).items():
            if name in taken:
                raise ValueError(f"samples gave {name}, a name that is taken")
            if np.ndim(values) != 1 or len(values) != n:
                raise ValueError(f"samples gave values of shape {list(np.shape(values))} as {name}, of {n} samples")
            columns[name] = list(values)
            arrow.array(columns[name])
        return columns

    def _broken(self, name: str, reason: str) -> Estimate:
        lost = Estimate(value=None, unavailable=f"{self.name}: {one_line(reason)}", broken=True)
        return self._described(name, lost)

    def _without_value(self, name: str) -> Estimate:
        assert self.nothing is not None
        return self._described(name, self.nothing)

    def _described(self, name: str, estimate: Estimate) -> Estimate:
        value = self._declared(name)
        return estimate.described_by(value) if value else estimate

    def _declared(self, name: str) -> Value | None:
        try:
            value = self.kind.declared(name)
        except Exception:  # KeyError of the base's; a plug-in's may raise anything
            return None
        return value if isinstance(value, Value) else None


class MetricSet:
    """The metrics of one pass over the samples, each of which fails alone.

    metrics = MetricSet(...)
    for batch in ...:
        show(metrics, batch)
    estimates, columns = metrics.outcome(n)
    """

    def __init__(self, members: Iterable[Guarded]) -> None:
        self.members = tuple(members)

    def __iter__(self) -> Iterator[Guarded]:
        return iter(self.members)

    @property
    def alive(self) -> bool:
        """Whether any metric may still have a value."""
        return any(member.nothing is None for member in self)

    @property
    def timed_batches(self) -> int:
        """The number of batches that must be timed."""
        wanted = (member.timed_batches for member in self if member.nothing is None)
        return max(wanted, default=0)

    @property
    def want_features(self) -> bool:
        """Whether any metric that may have a value needs weights, as metrics of deep features do."""
        return any(member.kind.weights for member in self if member.nothing is None)

    def state(self) -> list[dict[str, Any]]:
        """What :meth:`restore` needs to go on where these metrics are."""
        return [member.state() for member in self]

    def restore(self, state: Sequence[Mapping[str, Any]]) -> None:
        """Go on where another process was."""
        for member, of_member in zip(self, state, strict=True):
            member.restore(of_member)

    def reduce(self, ranks: Ranks) -> None:
        """Bring what the ranks hold together on the first one."""
        if ranks.size > 1:
            for member in self:
                member.reduce(ranks)

    def estimates(self) -> dict[str, Estimate]:
        """All estimates by name, unavailable ones with their reasons."""
        return self.outcome()[0]

    def outcome(self, n: int | None = None) -> tuple[dict[str, Estimate], dict[str, Any]]:
        """All estimates, and the columns of per-sample values by name.

        Args:
            n: number of samples seen; None leaves the columns out.
        """
        estimates: dict[str, Estimate] = {}
        columns: dict[str, Any] = {}
        for member in self:
            given, values = member.outcome(n, ("id", "group", *columns))
            estimates |= given
            columns |= values
        return estimates, columns


def require_values(estimates: Mapping[str, Estimate]) -> None:
    """Raise Unavailable if there are estimates but none has a value, so that nothing was measured."""
    if estimates and all(estimate.value is None for estimate in estimates.values()):
        causes, remedies = (
            "; ".join(dict.fromkeys(text for each in estimates.values() if (text := getattr(each, field))))
            for field in ("unavailable", "remedy")
        )
        raise Unavailable(f"{NO_VALUE}: {causes}", remedies)


def _finite(*numbers: float | None) -> bool:
    return all(number is None or math.isfinite(number) for number in numbers)
