"""The model of a leaderboard: results of one protocol as rows and columns in reading order.

It reads results, and the values of their samples where they lie beside them, and computes nothing but their
presentation: digits, the best of a column, the order. Best and order rest on paired differences
(``bench/paired/contest.py``). The same results give the same tables, in whatever order they come and wherever they are
read.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bench.contracts.protocol import Protocol
from bench.contracts.results import Result
from bench.contracts.stats import Estimate
from bench.errors import BenchError
from bench.leaderboard.digits import Estimated, Number, column_decimals, number, uncertain
from bench.leaderboard.names import Heading, heading, place, shown_in
from bench.leaderboard.usable import agreeing, facts, finite
from bench.machine.canonical import digest
from bench.paired.columns import contest
from bench.paired.contest import Contest
from bench.paired.samples import Columns, Lookup, nothing

KINDS = {
    "discrete": "Discrete tokenizers",
    "continuous": "Continuous tokenizers",
    "bytes": "Codecs",
    "samples": "Generated samples",
    "backbone": "Backbones",
}
OTHER_KIND = "Unknown token kind"


@dataclass(frozen=True)
class Column:
    """One metric.

    Attributes:
        metric: its name in the results.
        heading: how it is shown.
        unit: unit of the shown numbers.
        scale: shown number = scale · estimate.
        higher_is_better: None where neither direction is better.
        device_bound: whether values from different devices must not be compared.
        ranked: whether a best is told: a direction, at least two values whose difference has a known error, one setup
            if bound to a device; never of the details of a metric.
    """

    metric: str
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
    """One metric of one result: a number, or the reason why there is none.

    Attributes:
        best: whether no other row of the column is told to be better.
        apart: why it is not compared with the other rows of its column, or not as they are with each other.
    """

    estimate: Estimate | None
    number: Number | None = None
    best: bool = False
    reason: str = ""
    apart: str = ""


@dataclass(frozen=True)
class Row:
    """One result.

    Attributes:
        label: the system's name, with what tells it from others of that name.
        kind: title of its group of rows.
        setup: key into the table's ``setups``; empty if nothing was measured.
        cells: by metric, one for each column; empty for a failed result, whose numbers are not shown.
    """

    label: str
    result: Result
    kind: str
    setup: str = ""
    cells: Mapping[str, Cell] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        return self.result.status == "failed"


@dataclass(frozen=True)
class Table:
    """The results of one protocol fingerprint.

    Attributes:
        protocol: of all rows; its preset names all presets that have this fingerprint.
        columns: in reading order, those without any value included.
        rows: by token kind, inside it by ``order`` with the best first, failed ones last.
        order: the column the rows are ordered by: the first of quality with most values.
        setups: device and batch size that cost was measured with, by letter.
        contests: of the rows that have a value, by metric; of those metrics that can be compared.
    """

    protocol: Protocol
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    order: Column | None
    setups: Mapping[str, str]
    contests: Mapping[str, Contest] = field(default_factory=dict, compare=False)

    @property
    def line(self) -> str:
        """What a reader must know before comparing."""
        return self.protocol.line()

    def measured(self, column: Column) -> list[Row]:
        """The rows that have a value in a column."""
        return [row for row in self.rows if column.metric in row.cells and row.cells[column.metric].number]


def build(results: Iterable[Result], samples: Lookup = nothing) -> list[Table]:
    """Tables of results, one a protocol fingerprint, ordered by their protocol lines.

    A result that is given twice (the same key) is one row: the one that succeeded, else the latest.

    Where results of one fingerprint disagree about the unit or direction of a metric, most decide, and the values of
    the others are left out with that reason.

    Args:
        samples: finds the values of a result's samples, on which rows are compared; by default there are none, and
            rows are compared by their replicates or errors.

    Raises:
        BenchError: a result's fingerprint is not that of its protocol.
    """
    once: dict[str, dict[str, Result]] = defaultdict(dict)
    for result in map(finite, results):
        if result.fingerprint != result.protocol.fingerprint:
            raise BenchError(
                f"result of {result.system.name}: its fingerprint is {result.fingerprint}, but its protocol has "
                f"{result.protocol.fingerprint}: edited, or written by another version of the bench; measure it again"
            )
        known = once[result.fingerprint]
        same = [result, known[result.key]] if result.key in known else [result]
        known[result.key] = max(same, key=_precedence) if len(same) > 1 else result
    tables = [_table(agreeing(list(known.values())), samples) for known in once.values()]
    return sorted(tables, key=lambda table: table.line)


def _precedence(result: Result) -> tuple[bool, str, str]:
    return result.status == "ok", result.finished, digest(result.model_dump(mode="json", exclude={"protocol"}))


def _table(results: Sequence[Result], samples: Lookup) -> Table:
    presets = ", ".join(sorted({result.protocol.preset for result in results}))
    protocol = results[0].protocol.model_copy(update={"preset": presets})
    measured = [result for result in results if result.status == "ok"]
    setups = {setup: _letter(i) for i, setup in enumerate(sorted({_setup(result) for result in measured}))}
    names = sorted({name for result in measured for name in result.metrics}, key=place)
    by_key = {result.key: result for result in measured}
    beside = {key: samples(result) for key, result in by_key.items()}
    contests: dict[str, Contest] = {}
    columns = [_column(name, by_key, beside, protocol, contests) for name in names]
    order = _order(columns, measured)
    labels = _labels(results)
    places = _places(order, by_key, contests)
    results = sorted(results, key=lambda result: (*_reading_order(result, places), labels[result.key], result.key))
    cells = {column.metric: _cells(column, results, contests.get(column.metric)) for column in columns}
    rows = tuple(
        Row(
            label=labels[result.key],
            result=result,
            kind=KINDS.get(result.system.tokens, OTHER_KIND),
            setup=setups.get(_setup(result), "") if result.status == "ok" else "",
            cells={name: found[result.key] for name, found in cells.items() if result.key in found},
        )
        for result in results
    )
    return Table(protocol, tuple(columns), rows, order, {letter: setup for setup, letter in setups.items()}, contests)


def _setup(result: Result) -> str:
    cost = result.cost
    return f"{cost.device}, batch size {cost.batch_size}" if cost else "unknown device"


def _letter(index: int) -> str:
    return chr(ord("A") + index) if index < 26 else f"S{index + 1}"


def _values(metric: str, results: Iterable[Result]) -> list[tuple[Result, float]]:
    found = [(result, result.metrics[metric].value) for result in results if metric in result.metrics]
    return [(result, value) for result, value in found if value is not None]


def _column(
    metric: str,
    results: Mapping[str, Result],
    samples: Mapping[str, Columns],
    protocol: Protocol,
    contests: dict[str, Contest],
) -> Column:
    """A column; its contest is added to the others if its rows can be compared."""
    having = [result for result, _ in _values(metric, results.values())]
    # An unavailable estimate may know neither, so they only count where it is the only kind there is.
    unit, better = next((facts(result, metric) for result in having), ("", None))
    shown, scale = shown_in(metric, unit)
    bound = any(result.metrics[metric].device_bound for result in having)
    one_setup = not bound or len({_setup(result) for result in having}) < 2
    shape = heading(metric)
    found = contest(metric, results, samples) if one_setup and not shape.detail else None
    if found is not None:
        contests[metric] = found
    return Column(
        metric=metric,
        heading=shape,
        unit=shown,
        scale=scale,
        higher_is_better=better,
        device_bound=bound,
        ranked=found is not None and found.decides,
    )


def _order(columns: Sequence[Column], results: Sequence[Result]) -> Column | None:
    candidates = [c for c in columns if c.heading.section == "quality" and c.higher_is_better is not None]
    return max(candidates, key=lambda column: len(_values(column.metric, results)), default=None)


def _places(
    order: Column | None, results: Mapping[str, Result], contests: Mapping[str, Contest]
) -> Mapping[str, float]:
    """Where the rows that have a value of a column stand, by key, lowest first."""
    if order is None:
        return {}
    if order.metric in contests:
        return contests[order.metric].order
    sign = -1 if order.higher_is_better else 1
    return {result.key: sign * value for result, value in _values(order.metric, results.values())}


def _reading_order(result: Result, places: Mapping[str, float]) -> tuple[int, bool, float]:
    """By kind, in it those with a value first, in their order, failed ones last."""
    kind = list(KINDS).index(result.system.tokens) if result.system.tokens in KINDS else len(KINDS)
    if result.key not in places:
        return kind, True, float(result.status == "failed")
    return kind, False, places[result.key]


def _cells(column: Column, results: Sequence[Result], found: Contest | None) -> dict[str, Cell]:
    """The cells of a column by the key of their result."""
    measured = [result for result in results if result.status == "ok"]
    numbers: dict[str, Estimated] = {}
    for result, value in _values(column.metric, measured):
        interval = uncertain(value, result.metrics[column.metric].interval)
        shown_interval = interval and (interval[0] * column.scale, interval[1] * column.scale)
        numbers[result.key] = value * column.scale, shown_interval
    decimals = dict(zip(numbers, column_decimals(list(numbers.values())), strict=True))
    best: Iterable[str] = found.best if found and column.ranked else ()
    apart = {**found.left_out, **found.notes} if found else {}
    cells = {}
    for result in measured:
        estimate = result.metrics.get(column.metric)
        if result.key in numbers:
            shown = number(*numbers[result.key], decimals[result.key])
            told = apart.get(result.key, "")
            cells[result.key] = Cell(estimate, shown, best=result.key in best, apart=told)
        elif estimate is None:
            cells[result.key] = Cell(None, reason="not measured")
        else:
            cells[result.key] = Cell(estimate, reason=estimate.unavailable or "no value, and no reason was given")
    return cells


def _labels(results: Sequence[Result]) -> dict[str, str]:
    """A name for each result, by key: the system's, and what differs where several have the same."""
    distinctions: tuple[Callable[[Result], str], ...] = (
        lambda result: result.system.revision[:12],
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
        telling = next(
            tell for tell in distinctions if len(same) == 1 or len({tell(result) for result in same}) == len(same)
        )
        for result in same:
            labels[result.key] = f"{name} ({telling(result) or 'none'})" if len(same) > 1 else name
    return labels
