"""Kinds of columns in a table: a value by its name in results, and how its metric measured it.

Results under the same conditions may have measured a metric with other settings, in another version or with other
weights. Each of these is a column of its own, whose heading says how they differ.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from bench.contracts.protocol import MetricProtocol, metric_differences
from bench.contracts.results import Result
from bench.leaderboard.names import Heading, heading
from bench.leaderboard.reasons import clean

MOST_NAMED = 2
"""Differences that a heading names at most."""
HASH = 8
"""Digits of a hash that are shown."""


@dataclass(frozen=True)
class Kind:
    """One column of a table: a value, and how it was measured.

    Attributes:
        name: unique in the table: the value's name, and a fingerprint where another column of the value is more common.
        value: its name in results.
        fingerprint: of the metric that computed it; empty where the task did.
        metric: that metric's name in the protocol; empty where the task computed it.
        measured: how that metric measured it; None where the task computed it.
        heading: how it is shown; says what differs where one value has several columns.
    """

    name: str
    value: str
    fingerprint: str
    metric: str
    measured: MetricProtocol | None
    heading: Heading

    def of(self, results: Iterable[Result]) -> Result | None:
        """Return the first result with a value of this kind, else the first with a reason for none, else None."""
        having = [result for result in results if self.value in result.metrics and self.is_of(result)]
        valued = (result for result in having if result.metrics[self.value].value is not None)
        return next(valued, next(iter(having), None))

    def is_of(self, result: Result) -> bool:
        """Whether a result that has the value measured it as this kind says."""
        return result.fingerprint_of(self.value) == self.fingerprint


def kinds(results: Iterable[Result]) -> list[Kind]:
    """Return all kinds of values in results under the same conditions; of each value the most common kind first."""
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    metrics: dict[tuple[str, str], tuple[str, MetricProtocol | None]] = {}
    for result in results:
        for value, estimate in result.metrics.items():
            fingerprint = result.fingerprint_of(value)
            counts[value][fingerprint] += 1
            metrics[value, fingerprint] = estimate.metric, result.protocol.metrics.get(estimate.metric)
    columns = []
    for value, of_value in counts.items():
        fingerprints = sorted(of_value, key=lambda fingerprint: (-of_value[fingerprint], fingerprint))
        qualifiers = _qualifiers([metrics[value, fingerprint] for fingerprint in fingerprints])
        for rank, fingerprint in enumerate(fingerprints):
            name = f"{value}@{fingerprint[:HASH] or 'task'}" if rank else value
            metric, measured = metrics[value, fingerprint]
            shown = _qualified(heading(value), qualifiers[rank])
            columns.append(Kind(name, value, fingerprint, metric, measured, shown))
    return columns


def _qualifiers(measured: Sequence[tuple[str, MetricProtocol | None]]) -> list[str]:
    """What distinguishes each way of measuring a value from the others; empty where there is only one."""
    if len(measured) < 2:
        return [""]
    if len({metric for metric, _ in measured}) > 1:
        return [f"of {metric or 'the task'}" for metric, _ in measured]
    protocols = [protocol or MetricProtocol(version=0) for _, protocol in measured]
    fields = sorted({field for protocol in protocols for field in metric_differences(protocols[0], protocol)})
    texts = []
    for protocol in protocols:
        stated = metric_differences(MetricProtocol(version=0), protocol)
        named = [_field(field, stated[field][1] if field in stated else None) for field in fields[:MOST_NAMED]]
        texts.append(", ".join(named + [f"and {len(fields) - MOST_NAMED} more"] * (len(fields) > MOST_NAMED)))
    return texts


def _field(field: str, value: Any) -> str:
    shown = "none" if value is None else str(value)[:HASH] if field.startswith("weights.") else str(value)
    return clean(f"{field.removeprefix('weights.').replace('_', ' ')} {shown}")


def _qualified(shown: Heading, qualifier: str) -> Heading:
    """A heading that distinguishes its column from others of the same value, in the brackets that tables break at."""
    if not qualifier:
        return shown
    title = f"{shown.title[:-1]}, {qualifier})" if shown.title.endswith(")") else f"{shown.title} ({qualifier})"
    return replace(shown, title=title)
