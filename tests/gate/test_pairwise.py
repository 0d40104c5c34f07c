"""What `bench compare` says of two systems is what the table of the two marks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from gate_parts import GROUPS, mean_of, values, write

from bench.commands.leaderboard import read_results, tables_of
from bench.gate.pairing import match, read
from bench.gate.pairwise import BETTER, CANNOT_TELL, WORSE
from bench.gate.verdicts import compare

BASE = values(0)
NOISE = values(1, 0.0)


@pytest.mark.parametrize(
    ("after", "said"),
    [(BASE + 1 + 0.02 * NOISE, BETTER), (BASE - 1 + 0.02 * NOISE, WORSE), (BASE + 0.01 + NOISE, CANNOT_TELL)],
    ids=[BETTER, WORSE, "neither"],
)
@pytest.mark.parametrize("metric", ["psnr", "lpips_alex"])
def test_two_systems(tmp_path: Path, metric: str, after: np.ndarray, said: str) -> None:
    for name, column in (("old", BASE), ("new", after)):
        write(tmp_path, name, {metric: mean_of(column, metric, GROUPS)}, {metric: column})
    measured = read(tmp_path)
    report = compare(match(measured, measured, renamed=[("old", "new")]), verdicts=False)
    (row,) = report.comparisons
    said = {BETTER: WORSE, WORSE: BETTER}.get(said, said) if metric == "lpips_alex" else said
    assert row.reason == said
    (table,) = tables_of(read_results(tmp_path))
    best = {row.label for row in table.rows if row.cells[metric].best}
    assert best == {BETTER: {"new"}, WORSE: {"old"}, CANNOT_TELL: {"old", "new"}}[said]
