"""Whether codebooks collapsed in trainings, and whether what is claimed of them holds beyond the spread over seeds.

The survey calls it collapse where a few codewords are used and the majority is not. So a codebook has collapsed here
where held-out data use less than half of it. What is counted is the share of codes that are used at least once, divided
by the share that as many equally likely codes would use on average, which is 1 where there are many more tokens than
codes, or where their number is not known; of a system with several codebooks it is that of the codebook that is used
least. Means over trainings have 95%
intervals by Student's t. An interval on both sides of one half decides nothing, and neither does a single training.
Nor does a training that is still on its way: if the change over its last quarter, continued at that rate for as many
steps again as it had, would bring the mean over the line, the budget is too small to tell.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from bench.contracts.results import Result
from bench.contracts.stats import clustered_mean, student_quantile
from bench.contracts.trainings import Row, Trainings
from bench.reported.claims import Prevents

LINE = 0.5
"""The used share of a codebook below which it has collapsed."""
NEGLIGIBLE = 0.01
"""A difference of used shares that is within this on both sides, by its interval, is none."""
FULL = 0.99
"""The used share from which on there is nothing left for a remedy."""
LAST = 0.25
"""The last part of a training, whose change is continued."""
USED, PERPLEXITY, DEAD = "codebook_utilization", "codebook_perplexity", "dead_codes"
TOKENS = "tokens"
"""Unit of the number of codes of a sample."""
Kind = Literal["confirmed", "refuted", "cannot tell", "not measured"]


@dataclass(frozen=True)
class Finding:
    """What trainings say of a claim.

    Attributes:
        kind: ``confirmed`` or ``refuted`` beyond the spread over seeds, ``cannot tell``, or ``not measured``.
        reason: why, as a phrase.
    """

    kind: Kind
    reason: str = ""

    def remarked(self, remark: str) -> Finding:
        """This finding with a remark behind its reason."""
        return Finding(self.kind, "; ".join(filter(None, (self.reason, remark))))

    def __str__(self) -> str:
        return f"{self.kind} ({self.reason})" if self.reason else self.kind


@dataclass(frozen=True)
class Mean:
    """A mean over trainings.

    Attributes:
        value: the mean.
        low, high: ends of its 95% interval; infinite with a single training.
        least, most: the smallest and the largest value of a training.
    """

    value: float
    low: float
    high: float
    least: float
    most: float


@dataclass(frozen=True)
class Use:
    """How much of its codebooks a system used, in each of its trainings.

    Attributes:
        worst: the used share of the codebook that is used least, for each seed.
        mean: the mean of the used shares over the codebooks, for each seed.
        change: by how much the used share changed over the last quarter of the training, on the data of its looks;
            0 where it was not looked at twice.
        dead: the share of codes that the last steps of the training never chose, for each seed; empty if not known.
        perplexity: of the codes of held-out data, for each seed; empty if not known.
        books: number of codebooks.
    """

    worst: tuple[float, ...]
    mean: tuple[float, ...]
    change: float = 0.0
    dead: tuple[float, ...] = ()
    perplexity: tuple[float, ...] = ()
    books: int = 1


def use_of(result: Result) -> Use | None:
    """How much of its codebooks a result's trainings used; None if it has none, or did not measure it."""
    trainings = result.trainings
    books = [book.size for book in result.codebooks]
    whole = _finite(trainings.ends.get(USED, [])) if trainings else ()
    if not trainings or not books or not whole:
        return None
    levels = [_finite(trainings.ends.get(f"{USED}_level_{level}", [])) for level in range(len(books))]
    if not all(len(level) == len(whole) for level in levels):
        levels = [whole] * len(books)
    usable = [usable_share(size, tokens) for size, tokens in zip(books, _tokens(result), strict=True)]
    shares = [[used / most for used in level] for level, most in zip(levels, usable, strict=True)]
    return Use(
        worst=tuple(map(min, zip(*shares, strict=True))),
        mean=tuple(sum(of_seed) / len(of_seed) for of_seed in zip(*shares, strict=True)),
        change=_change(trainings),
        dead=_finite(trainings.ends.get(DEAD, [])),
        perplexity=_finite(trainings.ends.get(PERPLEXITY, [])),
        books=len(books),
    )


def usable_share(size: int, tokens: float | None) -> float:
    """The share of ``size`` equally likely codes that ``tokens`` draws use on average: 1 - (1 - 1/size)^tokens."""
    if tokens is None or size < 2:
        return 1.0
    return -math.expm1(tokens * math.log1p(-1 / size))


def mean_of(values: Sequence[float]) -> Mean:
    """The mean of one value per training, with its interval."""
    estimate = clustered_mean(values, range(len(values)))
    low, high = estimate.interval or (-math.inf, math.inf)
    assert estimate.value is not None
    return Mean(estimate.value, low, high, min(values), max(values))


def gain_of(use: Use, plain: Use) -> Mean:
    """By how much more of its codebooks a system used than a plain one.

    The interval is Welch's, with the degrees of freedom of Welch and Satterthwaite, as variances differ.
    """
    sides = [mean_of(side.mean) for side in (use, plain)]
    value = sides[0].value - sides[1].value
    least, most = sides[0].least - sides[1].most, sides[0].most - sides[1].least
    counts = [len(use.mean), len(plain.mean)]
    if min(counts) < 2:
        return Mean(value, -math.inf, math.inf, least, most)
    errors = [
        sum((share - side.value) ** 2 for share in shares) / (count - 1) / count
        for side, shares, count in zip(sides, (use.mean, plain.mean), counts, strict=True)
    ]
    if not sum(errors):
        return Mean(value, value, value, least, most)
    degrees = sum(errors) ** 2 / sum(error**2 / (count - 1) for error, count in zip(errors, counts, strict=True))
    half = student_quantile(degrees) * math.sqrt(sum(errors))
    return Mean(value, value - half, value + half, least, most)


def collapsed(use: Use) -> tuple[bool | None, str]:
    """Whether the codebook that is used least has collapsed, None if that cannot be told; and why, as a phrase."""
    share = mean_of(use.worst)
    if len(use.worst) < 2:
        return None, "only one training"
    used = "used" if use.books == 1 else "of the least used codebook"
    text = f"{_percent(share.value)} {used}"
    if share.low < LINE <= share.high:
        within = replace(share, low=max(share.low, 0.0), high=min(share.high, 1.0))
        return None, f"the spread is too large: {_interval(within)}% {used}"
    below = share.high < LINE
    if _crosses(share.value - LINE, use.change):
        moved = "rises" if below else "falls"
        return None, f"the budget is too small: {text}, and it still {moved}, by {_points(use.change)} at last"
    return below, text


def judged(prevents: Prevents, use: Use, plain: Use | None) -> Finding:
    """Judge the claim that a family prevents collapse, does not, or does partially.

    *Partially* has two halves: such a system uses more of its codebooks than plain VQ, and a codebook of it collapses
    nevertheless.

    Args:
        use: the family's, trained without a remedy.
        plain: that of plain VQ under the same conditions; None if it was not measured.
    """
    state, why = collapsed(use)
    if state is None:
        return Finding("cannot tell", why)
    if prevents != "partially":
        return Finding("confirmed" if state == (prevents == "no") else "refuted", why)
    if plain is None:
        return Finding("cannot tell", "plain VQ was not measured beside it")
    if not state:
        lost, vq = collapsed(plain)
        if lost:
            return Finding("refuted", f"no codebook of it collapsed ({why}), though that of VQ did")
        return Finding("cannot tell", f"no codebook of it collapsed ({why}); of plain VQ: {vq}")
    better = raised(use, plain)
    return Finding(better.kind, f"{why}; its gain over plain VQ: {better.reason}")


def raised(use: Use, plain: Use) -> Finding:
    """Judge the claim that a remedy raises the use of a codebook above that of the same system without it.

    Where that uses everything already, a remedy can refute the claim by using less, but nothing can confirm it.
    """
    if min(len(use.mean), len(plain.mean)) < 2:
        return Finding("cannot tell", "only one training")
    before, gain = mean_of(plain.mean), gain_of(use, plain)
    if before.value >= FULL and gain.high >= 0:
        return Finding("cannot tell", f"without it {_percent(before.value)} are used already")
    text = f"95% interval {_interval(gain)} points"
    if gain.low > 0 or gain.high < 0:
        if _crosses(gain.value, use.change - plain.change):
            return Finding("cannot tell", f"the budget is too small: {text}, and the two still approach each other")
        return Finding("confirmed" if gain.low > 0 else "refuted", text)
    if max(-gain.low, gain.high) <= NEGLIGIBLE:
        return Finding("refuted", f"no difference: {text}")
    return Finding("cannot tell", f"the spread is too large: {text}")


def _crosses(distance: float, change: float) -> bool:
    """Whether a change over the last quarter, continued for as many steps as there were, makes up for a distance."""
    return distance * change < 0 and abs(change) / LAST >= abs(distance)


def _change(trainings: Trainings) -> float:
    """The mean over seeds of how much the used share changed over the last quarter of the steps.

    It is seen from the look nearest to the beginning of that quarter, at the rate since then.
    """
    rows, steps = trainings.curves.get("utilization", []), trainings.steps
    if len(steps) < 2:
        return 0.0
    start = min(range(len(steps) - 1), key=lambda look: abs(steps[look] - (1 - LAST) * steps[-1]))
    pairs = [(row[start], row[-1]) for row in rows]
    moved = [after - before for before, after in pairs if before is not None and after is not None]
    quarters = (1 - steps[start] / steps[-1]) / LAST
    return sum(moved) / len(moved) / quarters if moved else 0.0


def _tokens(result: Result) -> list[float | None]:
    """How many held-out codes each codebook has; None where a rate per sample is not measured, or codebooks differ."""
    books = result.codebooks
    rates = (estimate.value for estimate in result.metrics.values() if estimate.unit == TOKENS)
    per_sample = next((rate for rate in rates if rate is not None), None)
    if per_sample is None or result.dataset is None or len({book.covers for book in books}) > 1:
        return [None] * len(books)
    return [per_sample * result.dataset.n / len(books)] * len(books)


def _finite(row: Row) -> tuple[float, ...]:
    return tuple(value for value in row if value is not None)


def _percent(share: float) -> str:
    return f"{100 * share:.3g}%"


def _points(difference: float) -> str:
    return f"{100 * difference:+.3g} points"


def _interval(mean: Mean) -> str:
    return f"{100 * mean.low:.3g} to {100 * mean.high:.3g}"
