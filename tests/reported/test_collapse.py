"""Verdicts on hand-made trainings: one for each outcome, on both sides of its line."""

from __future__ import annotations

import math

import pytest
from collapse_parts import trained
from scipy.special import stdtrit
from scipy.stats import ttest_ind

from bench.leaderboard.collapse import PLAIN
from bench.quantizers.trained.codebook import Recipe
from bench.reported import collapse
from bench.reported.claims import Prevents
from bench.reported.collapse import Use, gain_of, judged, mean_of, raised, usable_share, use_of

LOST, HALF, KEPT = (0.04, 0.05, 0.06), (0.3, 0.5, 0.7), (0.93, 0.94, 0.95)


def use(*shares: float, change: float = 0.0) -> Use:
    return Use(worst=shares, mean=shares, change=change)


@pytest.mark.parametrize(
    ("prevents", "of", "kind"),
    [
        ("no", use(*LOST), "confirmed"),
        ("no", use(*KEPT), "refuted"),
        ("yes", use(*KEPT), "confirmed"),
        ("yes", use(*LOST), "refuted"),
        ("partially", use(0.2, 0.21, 0.22), "confirmed"),  # more than plain VQ, and collapsed
        ("partially", use(0.01, 0.011, 0.012), "refuted"),  # less than plain VQ
        ("partially", use(*KEPT), "refuted"),  # it prevents it
        ("partially", use(0.03, 0.05, 0.09), "cannot tell"),  # as much as plain VQ, within the spread
    ],
)
def test_what_a_family_is_said_to_prevent(prevents: Prevents, of: Use, kind: str) -> None:
    assert judged(prevents, of, use(*LOST)).kind == kind


@pytest.mark.parametrize(
    ("of", "reason"),
    [
        (use(*HALF), "the spread is too large"),
        (use(0.05), "only one training"),
        (use(0.40, 0.41, 0.42, change=0.04), "the budget is too small"),  # 0.04 in a quarter, 0.16 in four of them
        (use(0.60, 0.61, 0.62, change=-0.04), "the budget is too small"),
    ],
)
@pytest.mark.parametrize("prevents", ["no", "partially", "yes"])
def test_what_cannot_be_told_of_a_family(prevents: Prevents, of: Use, reason: str) -> None:
    found = judged(prevents, of, use(*LOST))
    assert found.kind == "cannot tell" and found.reason.startswith(reason)


def test_a_change_that_does_not_lead_over_the_line_decides_nothing() -> None:
    """Whether it is too small or leads away from it."""
    for change in (0.01, -0.04):
        assert judged("no", use(0.40, 0.41, 0.42, change=change), None).kind == "confirmed"


def test_partial_prevention_is_relative_to_plain_vq() -> None:
    assert judged("partially", use(*LOST), None).kind == "cannot tell"
    assert (
        "its gain over plain VQ: the spread is too large"
        in judged("partially", use(0.03, 0.05, 0.09), use(*LOST)).reason
    )
    both = judged("partially", use(*KEPT), use(*KEPT))
    assert both.kind == "cannot tell" and "of plain VQ: 94% used" in both.reason


@pytest.mark.parametrize(
    ("of", "plain", "kind", "reason"),
    [
        (use(0.5, 0.51, 0.52), use(*LOST), "confirmed", "95% interval"),
        (use(*LOST), use(0.5, 0.51, 0.52), "refuted", "95% interval"),
        (use(0.5, 0.501, 0.502), use(0.5, 0.501, 0.502), "refuted", "no difference"),
        (use(0.1, 0.2, 0.3), use(0.05, 0.1, 0.2), "cannot tell", "the spread is too large"),
        (use(1.0, 1.0, 1.0), use(0.99, 0.995, 1.0), "cannot tell", "without it 99.5% are used already"),
        (use(0.5, 0.51, 0.52), use(0.99, 0.995, 1.0), "refuted", "95% interval"),
        (use(0.5), use(0.1), "cannot tell", "only one training"),
        (use(0.50, 0.51, 0.52), use(0.40, 0.41, 0.42, change=0.03), "cannot tell", "the budget is too small"),
    ],
)
def test_whether_a_remedy_raises_the_use(of: Use, plain: Use, kind: str, reason: str) -> None:
    found = raised(of, plain)
    assert found.kind == kind and found.reason.startswith(reason)


def test_the_interval_of_a_gain_by_hand() -> None:
    """Welch's: variances 0.0001 and 0.0004 over 3, so an error of 0.0129 with 50/17 degrees of freedom."""
    gain = gain_of(use(0.49, 0.50, 0.51), use(0.28, 0.30, 0.32))
    half = float(stdtrit(50 / 17, 0.975)) * math.sqrt((0.0001 + 0.0004) / 3)
    assert (gain.value, gain.low, gain.high) == pytest.approx((0.2, 0.2 - half, 0.2 + half))
    exact = gain_of(use(0.5, 0.5), use(0.25, 0.25))
    assert exact.low == exact.value == exact.high == 0.25


@pytest.mark.parametrize("plain", [(0.28, 0.30, 0.32), (0.1, 0.35, 0.4, 0.2), (0.3, 0.3, 0.3)])
def test_the_interval_of_a_gain_is_that_of_scipy(plain: tuple[float, ...]) -> None:
    shares = (0.49, 0.50, 0.51, 0.47)
    gain = gain_of(use(*shares), use(*plain))
    expected = ttest_ind(shares, plain, equal_var=False).confidence_interval()
    assert (gain.low, gain.high) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize("steps", [[100, 200, 300, 400], [200, 400], [100, 400], [40, 80, 390, 400]])
def test_the_last_quarter_is_a_quarter_however_often_was_looked(steps: list[int]) -> None:
    """The use rises by one share per thousand steps, so by 0.1 in a quarter of 400."""
    made = trained("trained-vq", (0.4, 0.5))
    assert made.trainings is not None
    curves = {"utilization": [[step / 1000 for step in steps]] * 2}
    trainings = made.trainings.model_copy(update={"steps": steps, "curves": curves})
    found = use_of(made.model_copy(update={"trainings": trainings}))
    assert found is not None and found.change == pytest.approx(0.1)


def test_how_many_codes_can_be_used() -> None:
    """Two draws of two codes use both in half of all cases; a single code, or tokens not counted, all."""
    assert usable_share(2, 2) == pytest.approx(0.75)
    assert usable_share(1024, 1e6) == pytest.approx(1.0)
    assert usable_share(1, 5) == usable_share(1024, None) == 1.0


def test_the_use_of_a_result() -> None:
    """Of several codebooks that which is used least; few tokens lower what can be used."""
    found = use_of(trained("trained-rvq", (0.5, 0.7), books=2, levels=((0.9, 0.9), (0.1, 0.5)), rise=0.2))
    assert found is not None and found.books == 2 and found.change == pytest.approx(0.2)
    assert found.worst == pytest.approx((0.1, 0.5)) and found.mean == pytest.approx((0.5, 0.7))
    assert mean_of(found.dead).value == pytest.approx(0.4)
    few = use_of(trained("trained-vq", (0.5, 0.5), size=1024, tokens=1024 / 30))
    assert few is not None and few.mean[0] == pytest.approx(0.5 / 0.6323, abs=1e-4)
    assert use_of(trained("trained-continuous")) is None


def test_what_is_plain_is_what_the_recipe_says() -> None:
    recipe = Recipe()
    assert {key: getattr(recipe, key) for key in PLAIN} == PLAIN
    assert collapse.LINE == 0.5  # the survey: the majority of the codewords remain unused
