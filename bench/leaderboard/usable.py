"""The part of results that a table can hold: finite numbers, with one unit and direction per metric."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

from bench.contracts.results import Result
from bench.contracts.stats import Estimate

REMEDY = "raise the metric's version and measure again"


def finite(result: Result) -> Result:
    """Return the result without infinities and NaN, which no table or JSON file can hold as numbers."""
    metrics = {}
    for name, estimate in result.metrics.items():
        if estimate.value is not None and not math.isfinite(estimate.value):
            reason = f"the value is {estimate.value}, which is not a finite number"
            estimate = estimate.model_copy(update={"value": None, "unavailable": estimate.unavailable or reason})
        if estimate.value is None or not all(map(math.isfinite, estimate.interval or ())):
            estimate = estimate.model_copy(update={"interval": None})
        if estimate.stderr is not None and (estimate.value is None or not math.isfinite(estimate.stderr)):
            estimate = estimate.model_copy(update={"stderr": None})
        metrics[name] = estimate
    return result.model_copy(update={"metrics": metrics})


def agreeing(results: Sequence[Result]) -> list[Result]:
    """Return results under the same conditions without the values whose unit or direction the majority contradicts.

    Only values that were measured in the same way have to agree.
    """
    counts: dict[tuple[str, str], Counter[tuple[str, bool | None]]] = defaultdict(Counter)
    for result in results:
        for metric, estimate in result.metrics.items():
            if estimate.value is not None:
                counts[metric, result.fingerprint_of(metric)][facts(result, metric)] += 1
    usual = {m: max(sorted(given, key=repr), key=given.__getitem__) for m, given in counts.items() if len(given) > 1}
    return [
        _without(
            result,
            {m: usual[m, result.fingerprint_of(m)] for m in result.metrics if (m, result.fingerprint_of(m)) in usual},
        )
        if usual
        else result
        for result in results
    ]


def _without(result: Result, usual: Mapping[str, tuple[str, bool | None]]) -> Result:
    """The result without values whose unit or direction is not the usual one of their metric."""
    metrics = {}
    for metric, (usual_unit, usual_better) in usual.items():
        unit, better = facts(result, metric)
        if result.metrics[metric].value is not None and (unit, better) != (usual_unit, usual_better):
            reason = (
                f"results of one protocol disagree about the metric: here unit {unit!r}, higher is better: {better}; "
                f"in most {usual_unit!r}, {usual_better}"
            )
            metrics[metric] = Estimate(
                value=None, unavailable=reason, remedy=REMEDY, metric=result.metrics[metric].metric
            )
    return result.model_copy(update={"metrics": {**result.metrics, **metrics}}) if metrics else result


def facts(result: Result, metric: str) -> tuple[str, bool | None]:
    """Return the unit of a metric and whether higher is better, as one result states them."""
    return result.metrics[metric].unit, result.metrics[metric].higher_is_better
