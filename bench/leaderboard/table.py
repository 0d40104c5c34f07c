"""The model of a leaderboard: results under the same conditions as rows and columns in reading order.

It reads results, and the values of their samples where they lie beside them, and computes nothing but their
presentation: digits, the best of a column, the order. Best and order rest on paired differences
(``bench/paired/contest.py``). The same results give the same tables, in whatever order they come and wherever they are
read.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.contracts.protocol import MetricProtocol, Protocol
from bench.contracts.results import Result
from bench.contracts.stats import Estimate
from bench.errors import BenchError, with_remedy
from bench.leaderboard.digits import Estimated, Number, column_decimals, number, uncertain
from bench.leaderboard.kinds import Kind, kinds
from bench.leaderboard.names import Heading, place, shown_in
from bench.leaderboard.usable import agreeing, facts, finite
from bench.machine.canonical import digest
from bench.paired.columns import contest
from bench.paired.contest import Contest
from bench.paired.samples import Columns, Lookup, no_samples

KINDS = {
    "discrete": "Discrete tokenizers",
    "continuous": "Continuous tokenizers",
    "hybrid": "Hybrid tokenizers",
    "bytes": "Codecs",
    "unknown": "Reconstructions made elsewhere",
    "samples": "Generated samples",
    "backbone": "Backbones",
}
OTHER_KIND = "Unknown token kind"
MOST_NAMED = 3
"""Metrics that distinguish a row from another of the same name, if there are no more than this."""


@dataclass(frozen=True)
class Column:
    """One value, as one metric measured it.

    Attributes:
        metric: unique in the table (``bench/leaderboard/kinds.py``).
        kind: which value it is, and how it was measured.
        heading: how it is shown.
        unit: unit of the shown numbers.
        scale: shown number = scale · estimate.
        higher_is_better: None where neither direction is better.
        device_bound: whether values from different devices must not be compared.
        ranked: whether a best is marked: a direction, at least two values whose difference has a known error, one
            setup if bound to a device; never for the details of a metric.
    """

    metric: str
    kind: Kind
    heading: Heading
    unit: str = ""
    scale: float = 1.0
    higher_is_better: bool | None = None
    device_bound: bool = False
    ranked: bool = False

    @property
    def arrow(self) -> str:
        """The direction of the better values, empty where neither is."""
        return {True: "↑", False: "↓", None: ""}[self.higher_is_better]


@dataclass(frozen=True)
class Cell:
    """One value of one row: a number, or the reason why there is none.

    Attributes:
        result: which of the row's results has it; None where none has.
        reason: why there is no number; ``remedy`` says what helps.
        best: whether no other row of the column is shown to be better.
        apart: why it is not compared with the other rows of its column, or not in the same way.
    """

    estimate: Estimate | None
    number: Number | None = None
    best: bool = False
    reason: str = ""
    apart: str = ""
    remedy: str = ""
    result: Result | None = None

    @property
    def lacking(self) -> str:
        """The reason why there is no number, and its remedy, as one text."""
        return with_remedy(self.reason, self.remedy)


@dataclass(frozen=True)
class Row:
    """One system, with all that was measured of it.

    Attributes:
        result: the latest of its results; ``others`` are of the same subject, with other metrics.
        label: the system's name, with what distinguishes it from others of that name.
        kind: title of its group of rows.
        setup: key into the table's ``setups``; empty if nothing was measured.
        cells: one per column, by metric; empty for a failed result, whose numbers are not shown.
    """

    label: str
    result: Result
    kind: str
    setup: str = ""
    cells: Mapping[str, Cell] = field(default_factory=dict)
    others: tuple[Result, ...] = ()

    @property
    def failed(self) -> bool:
        """Whether the row's result failed."""
        return self.result.status == "failed"


@dataclass(frozen=True)
class Table:
    """The results under the same conditions.

    Attributes:
        protocol: conditions of all rows, and the metrics that any measured, each as most did; its preset names all
            presets that have this fingerprint.
        columns: the columns in reading order, including those without any value.
        rows: the rows by token kind, within it by ``order`` with the best first, failed ones last.
        order: the column that the rows are ordered by: the first quality column with the most values.
        setups: device and batch size that cost was measured with, by letter.
        contests: comparisons of the rows that have a value, by metric, for metrics that can be compared.
    """

    protocol: Protocol
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    order: Column | None
    setups: Mapping[str, str]
    contests: Mapping[str, Contest] = field(default_factory=dict, compare=False)

    @property
    def line(self) -> str:
        """The protocol line: what a reader must know before comparing."""
        return self.protocol.line()

    def measured(self, column: Column) -> list[Row]:
        """Return the rows that have a value in a column."""
        return [row for row in self.rows if column.metric in row.cells and row.cells[column.metric].number]


def build(results: Iterable[Result], samples: Lookup = no_samples) -> list[Table]:
    """Build the tables of results, one per fingerprint of conditions, ordered by their protocol lines.

    Results with the same key are one row: the one that succeeded, else the latest. Results of one subject that differ
    in what was measured are one row too; a value that several have is taken from the latest.

    Where results under the same conditions disagree about the unit or direction of a value, the majority decides, and
    the values of the others are left out with that reason.

    Args:
        results: in any order.
        samples: finds the per-sample values of a result, on which rows are compared; by default there are none, and
            rows are compared by their replicates or errors.

    Raises:
        BenchError: a result's fingerprint is not that of its protocol.
    """
    once: dict[str, dict[str, Result]] = defaultdict(dict)
    for result in map(finite, results):
        if result.fingerprint != result.protocol.fingerprint:
            raise BenchError(
                f"result of {result.system.name}: its fingerprint is {result.fingerprint}, but its protocol has "
                f"{result.protocol.fingerprint}; it was edited or written by another version; measure it again"
            )
        by_key = once[result.fingerprint]
        same = [result, by_key[result.key]] if result.key in by_key else [result]
        by_key[result.key] = max(same, key=_precedence) if len(same) > 1 else result
    tables = [_table(agreeing(list(by_key.values())), samples) for by_key in once.values()]
    return sorted(tables, key=lambda table: table.line)


def _precedence(result: Result) -> tuple[bool, str, str]:
    return result.status == "ok", result.finished, digest(result.model_dump(mode="json", exclude={"protocol"}))


def _together(results: Sequence[Result]) -> dict[str, list[Result]]:
    """The results of each row by the key of the latest, which comes first; a failed one stands alone."""
    rows: dict[str, list[Result]] = defaultdict(list)
    for result in sorted(results, key=_precedence, reverse=True):
        rows[result.subject if result.subject and result.status == "ok" else result.key].append(result)
    return {same[0].key: same for same in rows.values()}


def _table(results: Sequence[Result], samples: Lookup) -> Table:
    rows = _together(results)
    measured = {key: same for key, same in rows.items() if same[0].status == "ok"}
    every = [result for same in measured.values() for result in same]
    setups = {setup: _letter(i) for i, setup in enumerate(sorted({_setup(result) for result in every}))}
    ordered = sorted(kinds(every), key=lambda kind: (place(kind.value), kind.name != kind.value, kind.name))
    beside = {result.key: samples(result) for result in every}
    contests: dict[str, Contest] = {}
    columns = [_column(kind, measured, beside, contests) for kind in ordered]
    order = _order(columns, measured)
    labels = _labels([same[0] for same in rows.values()])
    places = _places(order, measured, contests)
    firsts = sorted(
        (same[0] for same in rows.values()),
        key=lambda result: (*_reading_order(result, places), labels[result.key], result.key),
    )
    cells = {column.metric: _cells(column, measured, contests.get(column.metric)) for column in columns}
    return Table(
        protocol=_common(results),
        columns=tuple(columns),
        rows=tuple(
            Row(
                label=labels[result.key],
                result=result,
                kind=KINDS.get(result.system.tokens, OTHER_KIND),
                setup=setups.get(_setup(result), "") if result.status == "ok" else "",
                cells={name: by_key[result.key] for name, by_key in cells.items() if result.key in by_key},
                others=tuple(rows[result.key][1:]),
            )
            for result in firsts
        ),
        order=order,
        setups={letter: setup for setup, letter in setups.items()},
        contests=contests,
    )


def _common(results: Sequence[Result]) -> Protocol:
    """The protocol of a table: the conditions, and each metric as most of the results measured it."""
    presets = ", ".join(sorted({result.protocol.preset for result in results}))
    stated: dict[str, Counter[str]] = defaultdict(Counter)
    metrics: dict[str, MetricProtocol] = {}
    for result in results:
        for name in result.protocol.metrics:
            stated[name][result.protocol.fingerprint_of(name)] += 1
    for name, counts in stated.items():
        usual = min(counts, key=lambda fingerprint: (-counts[fingerprint], fingerprint))
        metrics[name] = next(
            result.protocol.metrics[name]
            for result in results
            if name in result.protocol.metrics and result.protocol.fingerprint_of(name) == usual
        )
    return results[0].protocol.model_copy(update={"preset": presets, "metrics": metrics})


def _setup(result: Result) -> str:
    cost = result.cost
    if not cost or result.sweep:  # a sweep has batch sizes of its own
        return cost.device if cost else "unknown device"
    return f"{cost.device}, batch size {cost.batch_size}"


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else f"S{index + 1}"


def _having(kind: Kind, rows: Mapping[str, Sequence[Result]]) -> dict[str, tuple[Result, float]]:
    """The result that has the value of a kind, and the value, by the key of each row that has one."""
    having = {}
    for key, results in rows.items():
        result = kind.of(results)
        value = result.metrics[kind.value].value if result else None
        if result is not None and value is not None:
            having[key] = result, value
    return having


def _column(
    kind: Kind, rows: Mapping[str, Sequence[Result]], samples: Mapping[str, Columns], contests: dict[str, Contest]
) -> Column:
    """A column; its contest is added to ``contests`` if its rows can be compared."""
    having = {key: result for key, (result, _) in _having(kind, rows).items()}
    # An unavailable estimate may know neither, so they only count where it is the only kind there is.
    unit, better = next((facts(result, kind.value) for result in having.values()), ("", None))
    shown, scale = shown_in(kind.value, unit)
    bound = any(result.metrics[kind.value].device_bound for result in having.values())
    one_setup = not bound or len({_setup(result) for result in having.values()}) < 2
    comparison = None
    if one_setup and not kind.heading.detail:
        comparison = contest(kind.value, having, {key: samples[result.key] for key, result in having.items()})
    if comparison is not None:
        contests[kind.name] = comparison
    return Column(
        metric=kind.name,
        kind=kind,
        heading=kind.heading,
        unit=shown,
        scale=scale,
        higher_is_better=better,
        device_bound=bound,
        ranked=comparison is not None and comparison.decides,
    )


def _order(columns: Sequence[Column], rows: Mapping[str, Sequence[Result]]) -> Column | None:
    candidates = [c for c in columns if c.heading.section == "quality" and c.higher_is_better is not None]
    return max(candidates, key=lambda column: len(_having(column.kind, rows)), default=None)


def _places(
    order: Column | None, rows: Mapping[str, Sequence[Result]], contests: Mapping[str, Contest]
) -> Mapping[str, float]:
    """The places of the rows that have a value in a column, by key, lowest first."""
    if order is None:
        return {}
    if order.metric in contests:
        return contests[order.metric].order
    sign = -1 if order.higher_is_better else 1
    return {key: sign * value for key, (_, value) in _having(order.kind, rows).items()}


def _reading_order(result: Result, places: Mapping[str, float]) -> tuple[int, bool, float]:
    """Sort key: by kind, within it those with a value first, in their order, failed ones last."""
    kind = list(KINDS).index(result.system.tokens) if result.system.tokens in KINDS else len(KINDS)
    if result.key not in places:
        return kind, True, float(result.status == "failed")
    return kind, False, places[result.key]


def _cells(column: Column, rows: Mapping[str, Sequence[Result]], comparison: Contest | None) -> dict[str, Cell]:
    """The cells of a column by the key of their row."""
    kind = column.kind
    numbers: dict[str, Estimated] = {}
    for key, (result, value) in _having(kind, rows).items():
        interval = uncertain(value, result.metrics[kind.value].interval)
        shown_interval = interval and (interval[0] * column.scale, interval[1] * column.scale)
        numbers[key] = value * column.scale, shown_interval
    decimals = dict(zip(numbers, column_decimals(list(numbers.values())), strict=True))
    best: Iterable[str] = comparison.best if comparison and column.ranked else ()
    apart = {**comparison.left_out, **comparison.notes} if comparison else {}
    cells = {}
    for key, results in rows.items():
        source = kind.of(results)
        estimate = source.metrics[kind.value] if source else None
        if key in numbers:
            shown = number(*numbers[key], decimals[key])
            cells[key] = Cell(estimate, shown, best=key in best, apart=apart.get(key, ""), result=source)
        elif estimate is None:
            elsewhere = any(kind.value in result.metrics for result in results)
            cells[key] = Cell(
                None, reason="measured differently; see its other column" if elsewhere else "not measured"
            )
        else:
            reason = estimate.unavailable or "no value, and no reason was given"
            cells[key] = Cell(estimate, reason=reason, remedy=estimate.remedy, result=source)
    return cells


def _labels(results: Sequence[Result]) -> dict[str, str]:
    """A name per result, by key: the system's, and what differs where several have the same."""
    distinctions: tuple[Callable[[Result], str], ...] = (
        lambda result: result.system.revision[:12],
        lambda result: ", ".join(sorted(result.protocol.metrics)) if len(result.protocol.metrics) <= MOST_NAMED else "",
        lambda result: result.cost.device if result.cost else "",
        _setup,
        lambda result: result.started[:10],
        lambda result: result.started,
        lambda result: result.key[:12],
        lambda result: result.key,
    )
    namesakes: dict[str, list[Result]] = defaultdict(list)
    for result in results:
        namesakes[result.system.name].append(result)
    labels = {}
    for name, same in namesakes.items():
        distinguish = next(
            text for text in distinctions if len(same) == 1 or len({text(result) for result in same}) == len(same)
        )
        for result in same:
            labels[result.key] = f"{name} ({distinguish(result) or 'none'})" if len(same) > 1 else name
    return labels
