"""A system that is at least as good as another on every sample never stands below it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from paired_parts import AGAIN, METRIC, mean_of, order, table_of

from bench.contracts.results import Result, Run
from bench.gate.comparison import Verdict
from bench.gate.pairing import match, read
from bench.gate.verdicts import compare
from bench.leaderboard.ranking import rank


def drawn(seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Rows that differ little or much, some made worse than another on some samples, down to no value; and groups."""
    rng = np.random.default_rng(seed)
    size, count = int(rng.integers(3, 16)), int(rng.integers(2, 8))
    photographs = 25 + rng.choice([0.1, 4.0]) * rng.normal(size=size)
    rows: list[np.ndarray] = []
    for _ in range(count):
        if rows and rng.random() < 0.6:
            lost = rng.choice([0.0, 0.05, 20.0], size) * rng.random(size) * (rng.random(size) < rng.random())
            values = rows[int(rng.integers(len(rows)))] - lost
        else:
            values = photographs + rng.choice([0.0, 0.2, 3.0]) * rng.normal(size=size)
        values = np.where(rng.random(size) < rng.choice([0.0, 0.0, 0.3]), np.nan, values)
        rows.append(np.where(rng.random(size) < 0.1, np.minimum(np.round(values), 26), values))
    order = rng.permutation(count)
    usable = [i for i in order if np.isfinite(rows[i]).any()]
    return {f"r{i}": rows[i] for i in usable}, np.sort(rng.integers(0, size, size))


def pairs(rows: dict[str, np.ndarray]) -> list[tuple[str, str]]:
    """Those of which the first is at least as good on every sample; no value is the worst, and some are equal."""
    worst = {name: np.where(np.isnan(values), -np.inf, values) for name, values in rows.items()}
    return [(a, b) for a in rows for b in rows if a != b and (worst[a] >= worst[b]).all()]


def test_in_order_star_and_ranking() -> None:
    compared = 0
    for seed in range(300):
        rows, groups = drawn(seed)
        if len(rows) < 2:
            continue
        table = table_of(rows, groups, METRIC, AGAIN)
        best = {row.label for row in table.rows if row.cells[METRIC].best}
        ranked = {one.row.label: one for one in rank(table, [METRIC, AGAIN]).rows}
        at = order(table)
        for good, bad in pairs(rows):
            compared += 1
            same = np.array_equal(rows[good], rows[bad], equal_nan=True)
            assert same or at.index(good) < at.index(bad), seed
            assert good in best or bad not in best, seed
            if bad in ranked:
                assert ranked[good].ranks[METRIC].rank <= ranked[bad].ranks[METRIC].rank, seed
                assert ranked[good].place.rank <= ranked[bad].place.rank, seed
                assert ranked[good].borda >= ranked[bad].borda, seed
    assert compared > 600


@pytest.mark.parametrize("seed", range(25))
def test_in_the_gate(seed: int, tmp_path: Path) -> None:
    rows, groups = drawn(seed)
    for good, bad in pairs(rows):
        sides = {"before": rows[bad], "after": rows[good]}
        read_back = {
            name: read(_written(tmp_path / f"{good}{bad}" / name, values, groups)) for name, values in sides.items()
        }
        for verdicts in (True, False):
            report = compare(match(read_back["before"], read_back["after"]), verdicts=verdicts)
            assert not report.having(Verdict.REGRESSED)
            assert not any("worse" in row.reason for row in report.comparisons)


def _written(folder: Path, values: np.ndarray, groups: np.ndarray) -> Path:
    made: Result = table_of({"r": values, "other": values}, groups).rows[0].result
    made = made.model_copy(update={"metrics": {METRIC: mean_of(METRIC, values, groups)}})
    columns = {"id": [f"s{i}" for i in range(len(values))], "group": groups.tolist(), METRIC: values.tolist()}
    run = Run(folder)
    run.write(run.folder / "r.json", made, columns)
    return folder
