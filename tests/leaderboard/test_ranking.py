"""Ranks worked out by hand."""

from __future__ import annotations

import json

import pytest
from hand_made import result

from bench.leaderboard.ranking import rank
from bench.leaderboard.render import render
from bench.leaderboard.table import build


def rows():
    """psnr: a beats all, b and c overlap, d is last. rfid: b is best, a and c overlap, d is last."""
    return [
        result("a", psnr=(30.0, 1.0), rfid=(2.0, 0.1)),
        result("b", psnr=(27.0, 1.0), rfid=(1.0, 0.1)),
        result("c", psnr=(26.0, 1.0), rfid=(2.15, 0.1)),
        result("d", psnr=(20.0, 1.0), rfid=(9.0, 0.1)),
        result("e", psnr=(40.0, 1.0), rfid="no weights"),
        result("f", error=("OSError", "gone")),
    ]


def test_by_hand():
    (table,) = build(rows())
    ranking = rank(table)
    assert [column.metric for column in ranking.columns] == ["psnr", "rfid"]
    found = {one.row.label: one for one in ranking.rows}
    shown = {name: [str(place) for place in one.ranks.values()] for name, one in found.items()}
    assert shown == {"a": ["1", "2="], "b": ["2=", "1"], "c": ["2=", "2="], "d": ["4", "4"]}
    assert {name: one.mean_rank for name, one in found.items()} == {"a": 1.5, "b": 1.5, "c": 2.0, "d": 4.0}
    # a: 3 + (1 + ½), b: (1 + ½) + 3, c: (1 + ½) + (1 + ½), d: 0
    assert {name: one.borda for name, one in found.items()} == {"a": 4.5, "b": 4.5, "c": 3.0, "d": 0.0}
    assert {name: str(one.place) for name, one in found.items()} == {"a": "1=", "b": "1=", "c": "3", "d": "4"}
    assert ranking.left_out == {"e": "no value for rFID", "f": "failed"}


def test_ties_need_not_be_transitive():
    """b overlaps with both neighbours, which do not overlap with each other."""
    made = [
        result(name, psnr=(value, 1.0), ssim=(value / 100, 0.0))
        for name, value in (("a", 23.0), ("b", 21.5), ("c", 20.0))
    ]
    (table,) = build(made)
    found = {one.row.label: str(one.ranks["psnr"]) for one in rank(table).rows}
    assert found == {"a": "1=", "b": "1=", "c": "2="}


@pytest.mark.parametrize(
    "made",
    [
        [result("a", psnr=1.0, ssim=0.5)],
        [result("a", psnr=1.0), result("b", psnr=2.0)],
        [result("a", psnr=1.0, ssim="no"), result("b", psnr=2.0, ssim=0.1), result("c", psnr="no", ssim=0.2)],
    ],
    ids=["one row", "one metric", "one complete row"],
)
def test_too_little_to_rank(made):
    (table,) = build(made)
    assert rank(table).rows == ()


def test_json_has_it():
    (tree,) = json.loads(render(build(rows()), "json"))["tables"]
    assert tree["ranking"]["metrics"] == ["psnr", "rfid"]
    assert [row["label"] for row in tree["ranking"]["rows"]] == ["a", "b", "c", "d"]
    assert tree["ranking"]["rows"][0]["ranks"]["rfid"] == {"rank": 2, "tied": True}
    assert tree["ranking"]["left_out"]["e"] == "no value for rFID"
