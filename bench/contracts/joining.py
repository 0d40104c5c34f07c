"""Results of one subject, which differ only in what was measured, joined to one result."""

from __future__ import annotations

from collections.abc import Sequence

from bench.contracts.results import Result


def joined(results: Sequence[Result]) -> Result:
    """The first of some results, with what only the others measured.

    Where a metric was measured with other settings, or twice, the earlier result counts; a value counts before the
    reason why there is none.

    Args:
        results: results of one subject, at least one.
    """
    first, *further = results
    metrics, values = dict(first.protocol.metrics), dict(first.metrics)
    for result in further:
        measured = result.protocol.metrics
        foreign = {name for name, metric in measured.items() if metrics.get(name, metric) != metric}
        for name, estimate in result.metrics.items():
            earlier = values.get(name)
            lacks = earlier is None or (earlier.value is None and earlier.metric == estimate.metric)
            if estimate.metric not in foreign and lacks:
                values[name] = estimate
        metrics |= {name: metric for name, metric in measured.items() if name not in metrics}
    protocol = first.protocol.model_copy(update={"metrics": metrics})
    return first.model_copy(update={"protocol": protocol, "metrics": values})
