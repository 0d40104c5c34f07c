"""The ledger: each number that a paper reports for a system of the bench, beside what was measured, with a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench import registry
from bench.contracts.results import Result
from bench.contracts.stats import Estimate
from bench.leaderboard.digits import Interval, column_decimals, number, uncertain
from bench.leaderboard.names import shown_in
from bench.leaderboard.reported import difference
from bench.leaderboard.reported import number as reported_number
from bench.reported.model import Catalog, MetricFact, ReportedProtocol, ReportedSystem, samples
from bench.reported.verdicts import Reported, Verdict


@dataclass(frozen=True, eq=False)
class Row:
    """One system as one source reports it; each is equal to itself alone.

    Attributes:
        subject: the name of the catalogue's file that has it.
        catalog: the content of that file.
        entry: the reported numbers.
    """

    subject: str
    catalog: Catalog
    entry: ReportedSystem

    @property
    def protocol(self) -> ReportedProtocol:
        """The protocol that it is reported under."""
        return self.catalog.protocols[self.entry.protocol]

    def is_met_by(self, result: Result) -> bool:
        """Whether a result was measured under its protocol, as far as a preset follows that."""
        return self.protocol.exact or bool(self.protocol.match and self.protocol.match.fits(result.protocol))

    @property
    def link(self) -> str:
        """The address of its source; empty if none is known."""
        return self.catalog.link(self.entry)


@dataclass(frozen=True)
class Measured:
    """A measured value in the unit of the catalogue.

    Attributes:
        value: the value.
        interval: the ends of its 95% interval; None without one.
        result: what it is from.
    """

    value: float
    interval: Interval | None
    result: Result

    def __str__(self) -> str:
        shown = uncertain(self.value, self.interval)
        (decimals,) = column_decimals([(self.value, shown)])
        return str(number(self.value, shown, decimals))


@dataclass(frozen=True)
class Line:
    """One reported number.

    Attributes:
        row: the system and its source.
        metric: its name in the catalogue.
        measured: the measured number; None if there is none.
        verdict: what can be said about the two.
        remark: what a reader must know about the measurement; empty if nothing.
    """

    row: Row
    metric: str
    measured: Measured | None
    verdict: Verdict
    remark: str = ""

    @property
    def fact(self) -> MetricFact:
        """How the metric is presented."""
        return self.row.catalog.metrics[self.metric]

    @property
    def reported(self) -> str:
        """The reported number with the digits of its source."""
        return reported_number(self.row.entry.values[self.metric], self.metric in self.row.entry.approximate)

    @property
    def difference(self) -> str:
        """Measured minus reported, with one digit more than reported; empty without a measured number."""
        if self.measured is None:
            return ""
        value = self.row.entry.values[self.metric]
        return difference(self.measured.value, value)

    def record(self) -> dict[str, Any]:
        """Return the line for machines."""
        row, measured = self.row, self.measured
        return {
            "subject": row.subject,
            "system": row.entry.system,
            "registry": row.entry.registry,
            "protocol": row.entry.protocol,
            "preset": row.protocol.match.preset_of(self.metric) if row.protocol.match else None,
            "source": row.entry.source,
            "link": row.link,
            "metric": self.metric,
            "unit": self.fact.unit,
            "reported": float(row.entry.values[self.metric]),
            "as_reported": self.reported,
            "measured": measured.value if measured else None,
            "interval": measured.interval if measured else None,
            "difference": measured.value - float(row.entry.values[self.metric]) if measured else None,
            "verdict": self.verdict.kind,
            "reason": self.verdict.reason,
            "remark": self.remark,
            "measured_as": measured.result.system.name if measured else None,
            "measured_under": measured.result.protocol.line() if measured else None,
        }


def rows(catalogs: Mapping[str, Catalog]) -> Iterator[Row]:
    """Yield every reported system, in the order of the files."""
    for subject, catalog in catalogs.items():
        for entry in catalog.systems:
            yield Row(subject, catalog, entry)


def lines(row: Row, results: Sequence[Result], why: str = "") -> list[Line]:
    """Return the numbers of a row, each beside the measurement that says most about it.

    Args:
        results: the results of its system, of whatever protocol.
        why: why there is no measurement, if something is known.
    """
    return [_line(row, metric, results, why) for metric in row.entry.values]


def hindrance(row: Row) -> str:
    """Why no result can be of a row, or none under its protocol, as a phrase; empty if nothing prevents it."""
    if not row.entry.registry:
        return "no tokenizer or backbone of the bench loads it"
    return "" if row.protocol.match else "no preset follows its source"


def _line(row: Row, metric: str, results: Sequence[Result], why: str) -> Line:
    fact, value = row.catalog.metrics[metric], row.catalog.value_of(row.entry.protocol, metric)
    if not value:
        return Line(
            row, metric, None, Verdict("not measured", f"the bench has no {fact.title} as the source defines it")
        )
    having = [result for result in results if value in result.metrics and result.metrics[value].value is not None]
    if not having:
        return Line(row, metric, None, Verdict("not measured", _why_not(fact.title, value, results) or why))
    return _compared(row, metric, value, min(having, key=lambda result: _standing(row.protocol, metric, result)))


def _compared(row: Row, metric: str, name: str, result: Result) -> Line:
    """The line of a metric beside the value of that name in a result that has it."""
    entry, protocol, estimate = row.entry, row.protocol, result.metrics[name]
    _, scale = shown_in(name, estimate.unit)
    value, ends = (estimate.value or 0.0) * scale, estimate.interval
    measured = Measured(value, (ends[0] * scale, ends[1] * scale) if ends else None, result)
    otherwise = protocol.match.otherwise if protocol.match else ""
    verdict = Reported(entry.values[metric], metric in entry.approximate).verdict(
        value,
        measured.interval,
        departures=[*_departures(protocol, metric, result), *_other_model(result)],
        silences=row.catalog.silences(entry.protocol, metric),
        followed=protocol.match is not None or protocol.exact,
        otherwise=otherwise,
    )
    added = otherwise if verdict.kind != "agrees" and verdict.reason != otherwise else ""
    return Line(row, metric, measured, verdict, "; ".join(filter(None, (_remark(result, estimate), added))))


def _departures(protocol: ReportedProtocol, metric: str, result: Result) -> list[str]:
    """How a measurement differs from what is reported, as phrases; an exact number depends on no data."""
    if protocol.exact:
        return []
    measured = result.protocol
    limited = [f"--limit {measured.dataset.limit}"] if measured.dataset.limit else []
    skipped = len(result.dataset.skipped) if result.dataset else 0
    lost = [f"{samples(skipped)} could not be read"] if skipped else []
    if protocol.match:
        own = protocol.match.departures(measured, metric)
    else:
        known = protocol.n in (None, measured.dataset.n)
        own = [] if known else [f"{samples(measured.dataset.n)} instead of {protocol.n}"]
    return [*limited, *own, *lost]


def _other_model(result: Result) -> list[str]:
    """How a user's checkpoint has other codebooks than the published one, as far as the registry line has those."""
    line = registry.entries("tokenizers").get(result.system.entry)
    if line is None or not result.system.arguments.get("path") or "config" not in line.args:
        return []
    describe = getattr(registry.load(line.target), "codebooks_of", None)
    published = [(book.size, book.covers) for book in describe(line.args["config"])] if describe else []
    own = [(book.size, book.covers) for book in result.codebooks]
    if not published or own == published:
        return []
    shown = [", ".join(f"{size} entries for {covers}" for size, covers in books) for books in (own, published)]
    return [f"the checkpoint is another model ({shown[0]}, not {shown[1]})"]


def _remark(result: Result, estimate: Estimate) -> str:
    failures = f"left out, because undefined: {samples(estimate.failures)}" if estimate.failures else ""
    dtype = result.protocol.dtype
    arithmetic = f"in {dtype}" if dtype != "float32" else ""
    return "; ".join(filter(None, (failures, arithmetic)))


def _why_not(title: str, value: str, results: Sequence[Result]) -> str:
    """Why results of the system do not have a value; empty if there are none."""
    for result in results:
        if result.errors:
            return f"it failed: {result.errors[0].type}: {result.errors[0].told}"
        if estimate := result.metrics.get(value):
            return estimate.lacking or "no value, and no reason was given"
    presets = dict.fromkeys(result.protocol.preset for result in results)
    return f"preset {', '.join(presets)} does not measure {title}" if presets else ""


_ORDER = ("agrees", "differs", "protocol not fully stated", "not comparable", "not measured")


def _standing(protocol: ReportedProtocol, metric: str, result: Result) -> tuple[bool, int]:
    """Sort key: first what was measured under the protocol; of several such measurements, that on most samples.

    What they say does not matter: to prefer an agreement to a difference would be to look until one is found.
    """
    return bool(_departures(protocol, metric, result)), -result.protocol.dataset.n


def summary(shown: Iterable[Line]) -> dict[str, int]:
    """Count the lines by verdict, in a fixed order; verdicts of no line are left out."""
    kinds = [line.verdict.kind for line in shown]
    return {kind: kinds.count(kind) for kind in _ORDER if kind in kinds}
