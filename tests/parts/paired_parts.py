"""Rows of one column with per-sample values."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from hand_made import protocol, result

from bench.contracts.results import Result
from bench.contracts.stats import Estimate, clustered_mean
from bench.leaderboard.ranking import rank
from bench.leaderboard.table import Table, build
from bench.paired.contest import Contest

METRIC = "pesq_wb"
AGAIN = f"{METRIC}_again"


def mean_of(metric: str, values: np.ndarray, groups: np.ndarray, **fields: Any) -> Estimate:
    """Return the mean of the finite values; higher is better."""
    found = clustered_mean(values, groups).model_copy(update={"higher_is_better": True, **fields})
    return found.model_copy(update={"unit": "MOS"})


def table_of(rows: Mapping[str, np.ndarray], groups: np.ndarray | None = None, *metrics: str, **fields: Any) -> Table:
    """Build the table of rows with these values on the same samples, NaN where missing; all metrics have the same."""
    size = len(next(iter(rows.values())))
    groups = np.arange(size) if groups is None else groups
    metrics = metrics or (METRIC,)
    under = protocol(n=size)

    def samples(found: Result) -> dict[str, Any]:
        values = rows[found.system.name]
        return {"id": [f"s{i}" for i in range(size)], "group": groups, **dict.fromkeys(metrics, values)}

    made = [
        result(
            name,
            protocol=under,
            n=size,
            **dict[str, Any]((metric, mean_of(metric, values, groups, **fields)) for metric in metrics),
        )
        for name, values in rows.items()
    ]
    (table,) = build(made, samples)
    return table


def contest_of(rows: Mapping[str, np.ndarray], groups: np.ndarray | None = None) -> Contest:
    return table_of(rows, groups).contests[METRIC]


def order(table: Table) -> list[str]:
    return [row.label for row in table.rows]


def best(table: Table, metric: str = METRIC) -> set[str]:
    return {row.label for row in table.rows if row.cells[metric].best}


def ranks(table: Table) -> dict[str, str]:
    """Return the ranks of the rows in a table of two equal metrics, since a ranking needs two."""
    return {one.row.label: str(one.ranks[METRIC]) for one in rank(table, [METRIC, AGAIN]).rows}
