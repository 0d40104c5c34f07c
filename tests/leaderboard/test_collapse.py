"""The claims of a survey above a table of trainings, and trainings as text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from collapse_parts import RUN, trained
from hand_made import result

from bench.contracts.results import Result
from bench.leaderboard.collapse import judged_claims
from bench.leaderboard.render import render
from bench.leaderboard.table import build
from bench.leaderboard.trainings import training_table


def made(*systems: Any) -> list[Result]:
    return [trained(name, used) for name, used in systems or RUN]


def verdicts(*results: Result) -> dict[tuple[str, str], str]:
    (table,) = build(results)
    judged = judged_claims(table)
    assert judged is not None
    return {(line.subject.partition(" ")[0], line.label): line.kind for line in (*judged.families, *judged.remedies)}


def test_each_system_stands_beside_its_claim() -> None:
    """A system of which nothing is claimed is compared with the plain one, too."""
    found = verdicts(*made())
    assert found["VQ", "trained-vq"] == "confirmed"
    assert found["FSQ", "trained-fsq"] == "confirmed"
    assert found["CVQ-VAE", "trained-vq@remedy=online-clustering"] == "confirmed"
    assert found["Affine", "trained-vq@remedy=affine"] == "cannot tell"
    assert found["update=ema", "trained-vq@update=ema"] == "uses more"
    assert {kind for (_, label), kind in found.items() if label == "–"} == {"not measured"}
    assert not any("continuous" in label for _, label in found)


def test_a_remedy_is_compared_with_the_same_system_without_it() -> None:
    """Of as many bits, and with all other arguments; without it there is nothing to say."""
    found = verdicts(
        *made(
            ("trained-vq@bits=4", (0.94, 0.95, 0.96)),
            ("trained-vq@bits=10", (0.04, 0.05, 0.06)),
            ("trained-vq@bits=10,remedy=simvq", (0.7, 0.71, 0.72)),
            ("trained-vq@bits=4,remedy=affine", (0.7, 0.71, 0.72)),
            ("trained-vq@bits=6,remedy=reset", (0.7, 0.71, 0.72)),
        )
    )
    assert found["SimVQ", "trained-vq@bits=10,remedy=simvq"] == "confirmed"
    assert found["Affine", "trained-vq@bits=4,remedy=affine"] == "refuted"
    assert found["HQA", "trained-vq@bits=6,remedy=reset"] == "cannot tell"


def test_a_bottleneck_of_ones_own_is_measured_beside_the_claims() -> None:
    assert verdicts(*made(("mine.py:Mine", (0.1, 0.11, 0.12))))["–", "mine.py:Mine"] == "collapses"


def test_a_family_without_a_codebook_to_train_names_its_suite() -> None:
    (table,) = build(made())
    judged = judged_claims(table)
    assert judged is not None
    line = next(line for line in judged.families if line.subject.startswith("GART"))
    assert "bench run --suite graph-tokens measures its codes" in line.judgment


@pytest.mark.parametrize("style", ["terminal", "markdown"])
def test_people_see_the_verdicts(style: str) -> None:
    """In Markdown above the leaderboard with every claim, on the terminal below it with those that were measured."""
    tables = build(made())
    shown = render(tables, style, width=200)
    assert "confirmed (94% used)" in shown and "+85" in shown and "A codebook has collapsed where" in shown
    assert (shown.index("confirmed") < shown.index("PSNR")) == (style == "markdown")
    assert ("GART" in shown) == (style == "markdown")
    assert "claims" not in render(build([result("vq", psnr=20.0)]), style)


def test_programs_get_the_verdicts() -> None:
    (tree,) = json.loads(render(build(made()), "json"))["tables"]
    (claim,) = (claim for claim in tree["claims"] if claim["label"] == "trained-vq")
    assert claim["verdict"] == "confirmed" and claim["least_used"] == pytest.approx([0.04, 0.05, 0.06])
    assert "claims" not in json.loads(render(build([result("vq", psnr=20.0)]), "json"))["tables"][0]


def test_a_few_looks_at_trainings() -> None:
    trainings = trained("trained-vq", (0.2, 0.4)).trainings
    assert trainings is not None
    table = training_table(trainings)
    assert table.steps == (100, 200, 300, 400)
    assert dict(table.rows)["Utilization (%)"] == ("7.5 (5 to 10)", "15 (10 to 20)", "30 (20 to 40)", "30 (20 to 40)")
    assert table.remark == "Mean of 2 trainings, in brackets the smallest and the largest."
    many = trainings.model_copy(update={"steps": list(range(1, 21)), "curves": {"loss": [[1.0] * 19 + [None]]}})
    looks = training_table(many)
    assert looks.steps == (4, 8, 12, 16, 20) and looks.rows == (("Loss", ("1", "1", "1", "1", "–")),)
