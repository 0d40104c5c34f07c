"""Verdicts on reported numbers, each worked out by hand."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest

from bench.reported.model import Match, ReportedProtocol
from bench.reported.verdicts import Reported

CASES = [
    # 2.19 stands for 2.185 to 2.195: the value itself may decide ...
    ("2.19", False, 2.1949, None, "agrees", "to its last digit"),
    ("2.19", False, 2.195, None, "agrees", "to its last digit"),
    ("2.19", False, 2.1951, None, "differs", ""),
    # ... or its interval, which has to reach 2.195, not 2.19.
    ("2.19", False, 2.22, (2.194, 2.246), "agrees", "within the interval"),
    ("2.19", False, 2.22, (2.196, 2.244), "differs", ""),
    ("2.19", False, 2.16, (2.136, 2.184), "differs", ""),
    # Digits that are not printed are not known: 0.7 is 0.65 to 0.75, 0.70 is 0.695 to 0.705.
    ("0.7", False, 0.74, None, "agrees", "to its last digit"),
    ("0.70", False, 0.74, None, "differs", ""),
    ("100", False, 99.6, None, "agrees", "to its last digit"),
    ("50", False, 49.4, None, "differs", ""),
    # About 0.9 is 0.8 to 1.0.
    ("0.9", True, 0.99, None, "agrees", "to its last digit"),
    ("0.9", False, 0.99, None, "differs", ""),
    # 0.5 of a fraction is 45 to 55 %, not 49.5 to 50.5.
    ("5E+1", False, 46.0, None, "agrees", "to its last digit"),
    ("5E+1", False, 44.0, None, "differs", ""),
    # A perfect reconstruction has no finite PSNR, which is not the reported one.
    ("20.1", False, math.inf, None, "differs", ""),
    ("20.1", False, math.inf, (math.inf, math.inf), "differs", ""),
    ("20.1", False, 25.0, (20.0, math.inf), "agrees", "within the interval"),
]


@pytest.mark.parametrize(("printed", "approximate", "measured", "interval", "kind", "reason"), CASES)
def test_where_both_protocols_are_the_same(printed, approximate, measured, interval, kind, reason):
    verdict = Reported(Decimal(printed), approximate).verdict(measured, interval)
    assert (verdict.kind, verdict.reason) == (kind, reason)


def test_what_the_source_leaves_unsaid_excuses_a_difference_and_spoils_no_agreement():
    reported = Reported(Decimal("2.19"))
    unsaid = "the source does not state the data set, its split and the number of samples"
    silences = ("the data set", "its split", "the number of samples")
    assert str(reported.verdict(3.0, (2.9, 3.1), silences=silences)) == f"protocol not fully stated: {unsaid}"
    assert str(reported.verdict(2.19, None, silences=silences)) == f"agrees: to its last digit; {unsaid}"
    assert reported.verdict(2.19, None, silences=silences[:1]).reason.endswith("does not state the data set")


def test_other_samples_or_no_preset_make_no_verdict_even_of_equal_numbers():
    reported = Reported(Decimal("2.19"))
    assert str(reported.verdict(2.19, None, departures=["size 128 instead of 256"])) == (
        "not comparable: size 128 instead of 256"
    )
    assert reported.verdict(2.19, None, followed=False).kind == "protocol not fully stated"


def test_what_the_preset_does_otherwise_excuses_a_difference_and_spoils_no_agreement():
    reported = Reported(Decimal("2.19"))
    assert str(reported.verdict(3.0, None, otherwise="by another library")) == "not comparable: by another library"
    assert reported.verdict(3.0, None, silences=["its split"], otherwise="x").kind == "protocol not fully stated"
    assert str(reported.verdict(2.19, None, otherwise="by another library")) == "agrees: to its last digit"


def test_silence_is_what_moves_the_number():
    stated = ReportedProtocol(title="T", modality="image", dataset="ImageNet", resolution="256²")
    assert stated.silences(compares_sets=False) == ("its split", "the number of samples")
    assert stated.silences(compares_sets=True)[-1] == "the reference set"
    clips = ReportedProtocol(title="T", modality="audio", resolution="none")
    assert clips.silences(compares_sets=False) == ("the data set", "its split", "the number of samples")
    assert not ReportedProtocol(title="T", modality="audio", dataset="none").silences(compares_sets=True)


def test_a_metric_may_have_a_preset_of_its_own():
    match = Match(task="image-recon", preset="seed-voken", others={"rfid": "seed-voken-fid"})
    assert match.presets == ["seed-voken", "seed-voken-fid"]
    assert (match.preset_of("psnr"), match.preset_of("rfid")) == ("seed-voken", "seed-voken-fid")
