"""Everything in the tables, for programs: JSON and tidy CSV, unscaled and unrounded."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from bench.contracts.results import Result
from bench.contracts.stats import Estimate
from bench.leaderboard.collapse import judged_claims
from bench.leaderboard.ranking import rank
from bench.leaderboard.reasons import clean
from bench.leaderboard.relative import Relative
from bench.leaderboard.table import Row, Table
from bench.machine.canonical import readable_json

FORMAT_VERSION = 2
FIELDS = (
    *("fingerprint", "preset", "task", "task_version", "dataset", "split", "dataset_n"),
    *("suite", "system", "label", "tokens", "codebooks", "revision", "key", "device", "batch_size", "started"),
    *("status", "error", "measured_n", "skipped_n"),
    *("metric", "value", "stderr", "low", "high", "unit", "higher_is_better", "best", "n", "failures"),
    *("method", "note", "unavailable", "remedy", "metric_fingerprint"),
)
DIFFERENCE = ("relative_to", "difference", "difference_low", "difference_high", "difference_paired")
"""Fields that a table relative to a row has in addition to ``FIELDS``."""
ELSEWHERE = {"interval", "unavailable", "broken", "device_bound", "replicates", "blocks", "metric"}
"""Fields of an estimate that other fields replace, or that are not exported."""
FORMULA = ("=", "+", "-", "@", "＝", "＋", "－", "＠")


def to_json(tables: Sequence[Table], references: Sequence[Relative | None] | None = None) -> str:
    """Return the tables as JSON with protocol, columns and rows; a row holds its whole result except tracebacks.

    ``{"version", "tables": [{"fingerprint", "line", "protocol", "columns": [{"metric", "value", "fingerprint",
    "measured": {"name", "version", "settings", "weights"} or null, ...}], "rows": [{"label", "best": [metric, ...],
    "result": {...}, "others": [{...}, ...]}], "ranking": {"metrics": [...], "rows": [...], "left_out": {...}}}]}``;
    ``metric`` is unique in its table; columns of one ``value`` that were measured differently have different
    fingerprints. ``protocol`` has each metric as most rows measured it. ``result`` is as in the run directory without
    the conditions, which stand once above, and the tracebacks, which show paths of the machine; ``others`` are of the
    same subject, measured with other metrics. ``ranking`` is over several metrics and complete rows. A table that is
    relative to a row has ``"relative_to"``, its label, and each other row ``"differences": {metric: {"difference",
    "difference_low", "difference_high", "difference_paired"}}`` to it, over the samples that the rows share. A table of
    trainings of codebooks has ``"claims"``: what a survey claims of their collapse, each with the label of a row, or
    null, the share of codes that each training used, and the verdict.

    Args:
        references: what each table is relative to; nothing by default.
    """
    pairs = zip(tables, references or [None] * len(tables), strict=True)
    tree = {"version": FORMAT_VERSION, "tables": [_table(table, reference) for table, reference in pairs]}
    return readable_json(tree)


def to_csv(tables: Sequence[Table], references: Sequence[Relative | None] | None = None) -> str:
    """Return tidy CSV: one line per metric and result, all tables below one header.

    Numbers are those of the results, neither scaled nor rounded; an empty field is unknown. A
    failed result has one line that says so and names no metric. Texts that a spreadsheet would take
    for a formula (they begin with = + - or @) get an apostrophe in front; the JSON has them as they are.

    Args:
        references: what each table is relative to, which adds the fields ``DIFFERENCE``; nothing by default.
    """
    stream = io.StringIO()
    fields = (*FIELDS, *DIFFERENCE) if any(references or ()) else FIELDS
    writer = csv.DictWriter(stream, fields, lineterminator="\n")
    writer.writeheader()
    for table, reference in zip(tables, references or [None] * len(tables), strict=True):
        for row in table.rows:
            differences = _differences(reference, row)
            for source, metric in _metrics(table, row):
                shared = _shared(table, row, source)
                if reference:
                    shared["relative_to"] = reference.row.label
                metric |= differences.get(metric.get("metric", ""), {})
                writer.writerow({name: _field(value) for name, value in {**shared, **metric}.items()})
    return stream.getvalue()


def _differences(reference: Relative | None, row: Row) -> dict[str, dict[str, Any]]:
    """The differences of a row to the reference by metric, unscaled."""
    differences = {}
    for column in reference.table.columns if reference else ():
        gap = reference.gaps(column).get(row.result.key) if reference and reference.has(column) else None
        if gap is not None:
            low, high = (None, None) if gap.half is None else (gap.value - gap.half, gap.value + gap.half)
            differences[column.metric] = dict(zip(DIFFERENCE[1:], (gap.value, low, high, gap.paired), strict=True))
    return differences


def _table(table: Table, reference: Relative | None) -> dict[str, Any]:
    judged = judged_claims(table)
    return {
        **({"relative_to": reference.row.label} if reference else {}),
        "fingerprint": table.protocol.fingerprint,
        "line": table.line,
        "protocol": table.protocol.model_dump(mode="json"),
        "columns": [
            {
                "metric": column.metric,
                "value": column.kind.value,
                "fingerprint": column.kind.fingerprint,
                "measured": {"name": column.kind.metric, **column.kind.measured.model_dump(mode="json")}
                if column.kind.measured
                else None,
                "title": column.heading.title,
                "section": column.heading.section,
                "higher_is_better": column.higher_is_better,
                "device_bound": column.device_bound,
            }
            for column in table.columns
        ],
        "rows": [
            {
                "label": row.label,
                "best": sorted(name for name, cell in row.cells.items() if cell.best),
                **({"differences": _differences(reference, row)} if reference else {}),
                "result": _whole(row.result),
                **({"others": [_whole(result) for result in row.others]} if row.others else {}),
            }
            for row in table.rows
        ],
        "ranking": _ranking(table),
        **({"claims": [line.record() for line in (*judged.families, *judged.remedies)]} if judged else {}),
    }


def _whole(result: Result) -> dict[str, Any]:
    """A result without its conditions, which the table has, and tracebacks."""
    tree = result.model_dump(mode="json", exclude={"protocol": True, "errors": {"__all__": {"traceback"}}})
    metrics = {name: metric.model_dump(mode="json") for name, metric in result.protocol.metrics.items()}
    return {**tree, "protocol_metrics": metrics}


def _ranking(table: Table) -> dict[str, Any]:
    """The order over several metrics; ``tied`` says that other rows cannot be distinguished from it."""
    ranking = rank(table)
    return {
        "metrics": [column.metric for column in ranking.columns],
        "rows": [
            {
                "label": ranked.row.label,
                "place": vars(ranked.place),
                "mean_rank": ranked.mean_rank,
                "borda": ranked.borda,
                "ranks": {metric: vars(place) for metric, place in ranked.ranks.items()},
            }
            for ranked in ranking.rows
        ],
        "left_out": dict(ranking.left_out),
    }


def _shared(table: Table, row: Row, result: Result) -> dict[str, Any]:
    """The fields that all lines of one result share."""
    protocol = table.protocol
    data, cost = result.dataset, result.cost
    return {
        "fingerprint": protocol.fingerprint,
        "preset": result.protocol.preset,
        "task": protocol.task,
        "task_version": protocol.task_version,
        "dataset": protocol.dataset.name,
        "split": protocol.dataset.split,
        "dataset_n": protocol.dataset.n,
        "suite": result.suite,
        "system": result.system.name,
        "label": row.label,
        "tokens": result.system.tokens,
        "codebooks": " ".join(str(book.size) for book in result.codebooks),
        "revision": result.system.revision,
        "key": result.key,
        "device": cost.device if cost else None,
        "batch_size": cost.batch_size if cost and not result.sweep else None,
        "started": result.started,
        "status": result.status,
        "error": "; ".join(f"{error.type}: {error.told}" for error in result.errors),
        "measured_n": data.n if data else None,
        "skipped_n": len(data.skipped) if data else None,
    }


def _metrics(table: Table, row: Row) -> Iterator[tuple[Result, dict[str, Any]]]:
    """The fields of each column that a row has, with the result that they belong to."""
    if row.failed or not row.cells:
        yield row.result, {}
    for column in table.columns:
        cell = row.cells.get(column.metric)
        # Tokenizers differ in their levels, and one that has no fourth level lacks nothing.
        if cell and (cell.estimate or not column.heading.detail):
            estimate = cell.estimate or Estimate(value=None, unavailable=cell.reason)
            low, high = estimate.interval or (None, None)
            yield (
                cell.result or row.result,
                {
                    "metric": column.metric,
                    "metric_fingerprint": column.kind.fingerprint,
                    **estimate.model_dump(exclude=ELSEWHERE),
                    "low": low,
                    "high": high,
                    "best": cell.best,
                    "unavailable": cell.reason,
                    "remedy": cell.remedy,
                },
            )


def _field(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        text = clean(value)
        return f"'{text}" if text.startswith(FORMULA) else text
    return repr(value)
