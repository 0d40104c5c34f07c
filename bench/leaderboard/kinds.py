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

MOST_TOLD = 2
"""Differences that a heading names."""
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
        having = [one for one in results if self.value in one.metrics and self.is_of(one)]
        return next((one for one in having if one.metrics[self.value].value is not None), next(iter(having), None))

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
    found = []
    for value, of_value in counts.items():
        fingerprints = sorted(of_value, key=lambda one: (-of_value[one], one))
        told = _told([metrics[value, one] for one in fingerprints])
        for rank, fingerprint in enumerate(fingerprints):
            name = f"{value}@{fingerprint[:HASH] or 'task'}" if rank else value
            metric, measured = metrics[value, fingerprint]
            found.append(Kind(name, value, fingerprint, metric, measured, _qualified(heading(value), told[rank])))
    return found


def _told(measured: Sequence[tuple[str, MetricProtocol | None]]) -> list[str]:
    """What tells each way of measuring a value from the others; nothing where there is but one."""
    if len(measured) < 2:
        return [""]
    if len({metric for metric, _ in measured}) > 1:
        return [f"of {metric or 'the task'}" for metric, _ in measured]
    whole = [one or MetricProtocol(version=0) for _, one in measured]
    fields = sorted({field for one in whole for field in metric_differences(whole[0], one)})
    texts = []
    for one in whole:
        own = metric_differences(MetricProtocol(version=0), one)
        named = [_field(field, own[field][1] if field in own else None) for field in fields[:MOST_TOLD]]
        texts.append(", ".join(named + [f"and {len(fields) - MOST_TOLD} more"] * (len(fields) > MOST_TOLD)))
    return texts


def _field(field: str, value: Any) -> str:
    shown = "none" if value is None else str(value)[:HASH] if field.startswith("weights.") else str(value)
    return clean(f"{field.removeprefix('weights.').replace('_', ' ')} {shown}")


def _qualified(shown: Heading, told: str) -> Heading:
    """A heading with what tells its column from others of the same value, in the brackets that tables break at."""
    if not told:
        return shown
    title = f"{shown.title[:-1]}, {told})" if shown.title.endswith(")") else f"{shown.title} ({told})"
    return replace(shown, title=title)
