"""The paired bootstrap over groups: the uncertainty of a difference of two ratios of sums, with few groups."""

from __future__ import annotations

from functools import cached_property, lru_cache

import numpy as np

from bench.contracts.stats import CONFIDENCE, assign_blocks

RESAMPLES = 19_999
"""The smallest p-value of this many random flips is 1/20,000."""
SEED = 19_790_101
"""Fixed: the same results give the same verdict."""
MOST_GROUPS = 200
"""More groups are dealt out to this many before resampling; a t with 199 degrees of freedom is practically normal."""
OPEN = 30.0
"""Standard errors beyond which the end of an interval only says that very few groups moved."""
ROUNDING = 1e-12
"""A standard error below this part of the ratios is the rounding of an exact difference."""


class GroupBootstrap:
    """The difference R_after - R_before of two ratios of sums over the same samples, resampled by whole groups.

    The statistic is studentized (bootstrap-t: Efron 1979; Hall 1988, Ann. Statist. 16, 927, §2; Efron & Tibshirani
    1993, §12.5): T = (Δ - δ₀)/se, with the cluster-robust standard error of the linearized difference. Every
    resample of the groups gives T* = (Δ* - Δ)/se* with its own standard error; their quantiles make the interval.
    Samples of one group (crops of a photograph, clips of a speaker) stay together, since they are not independent.

    Reasons: with the eight photographs of the default data set, percentile and BCa intervals are too short, as se
    is itself uncertain; a t with G - 1 degrees of freedom is symmetric where the differences are not. The p-value still
    comes from the t (``exceeds`` says why), so that an interval may contain 0 although p is small.

    A mean is the ratio of its sum to the number of samples.

    Attributes:
        value: Δ.
        stderr: its cluster-robust standard error; 0 if no group differs from the others.
        interval: 95% bootstrap-t interval; None where resamples without any spread leave it open.
    """

    def __init__(self, before: np.ndarray, after: np.ndarray, groups: np.ndarray) -> None:
        """Sum the samples by group.

        Args:
            before, after: numerator and denominator of each sample, ``[n, 2]``; value and 1 for a mean.
            groups: group of each sample, ``[n]``; at least two different ones.
        """
        group = assign_blocks(groups, MOST_GROUPS)
        columns = np.concatenate([after, before], axis=1).astype(np.float64)
        self.sums = np.stack([np.bincount(group, weights=column) for column in columns.T], axis=1)
        self.groups = len(self.sums)
        whole = np.ones((1, self.groups))
        value, error = self._statistic(whole)
        self.value, self.stderr = float(value[0]), float(error[0])

    @cached_property
    def _pivots(self) -> np.ndarray:
        """T* of every resample, sorted."""
        value, error = self._statistic(resamples(self.groups))
        with np.errstate(divide="ignore", invalid="ignore"):
            pivots = (value - self.value) / error
        # Without spread: infinitely far, or in place.
        moved = np.abs(value - self.value) > self._rounding
        return np.sort(np.where(error > 0, pivots, np.where(moved, np.copysign(np.inf, value - self.value), 0)))

    @property
    def interval(self) -> tuple[float, float] | None:
        """The 95% interval of the difference; None where resamples without any spread leave it open."""
        if self.stderr == 0:
            return self.value, self.value
        tail = (1 - CONFIDENCE) / 2
        low, high = self._quantile(tail), self._quantile(1 - tail)
        if max(abs(low), abs(high)) > OPEN:
            return None
        return self.value - high * self.stderr, self.value - low * self.stderr

    def exceeds(self, threshold: float, sign: int) -> float:
        """Return the p-value of sign·Δ ≤ threshold against sign·Δ > threshold; 0 or 1 if there is no error.

        By Student's t with one degree of freedom less than groups. A correction for many comparisons looks at the far
        tail, for which the resamples of eight groups hold too few distinct values; taking the smaller p of both, as
        if they were one test, would double the false alarms among thirty unrelated comparisons. A t of few groups has
        one weakness that the others share: a change that makes most photographs slightly worse and a rare one much
        better, so that eight of them seldom include it, is called a regression two to three times as often as
        stated, and among thirty such unrelated changes every second time.
        """
        from scipy.stats import t  # scipy.stats takes half a second to import

        excess = sign * self.value - threshold
        return float(t.sf(excess / self.stderr, self.groups - 1)) if self.stderr else float(excess <= 0)

    def excess(self, threshold: float, sign: int) -> np.ndarray:
        """Return by how much each group's sign·Δ exceeds the threshold, ``[groups]``, with mean sign·Δ - threshold."""
        means = self.sums.mean(0)
        after, size, before, past = (self.sums / means[[1, 1, 3, 3]]).T
        excess: np.ndarray = sign * (after - before) - threshold * (size + past) / 2
        return excess

    def _quantile(self, share: float) -> float:
        return float(self._pivots[min(len(self._pivots) - 1, int(share * (len(self._pivots) + 1)))])

    @property
    def _rounding(self) -> float:
        over, under = self.sums[:, 0::2].sum(0), self.sums[:, 1::2].sum(0)
        return ROUNDING * float(np.abs(over / under).max())

    def _statistic(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Δ and its standard error ``[rows]`` for rows of how often each group counts, ``[rows, groups]``."""
        totals = weights @ self.sums
        over, under = totals[:, 0::2], totals[:, 1::2]
        ratios = over / under
        # u_g = (N_g - R·M_g) / mean(M) after, less the same before.
        scale = self.groups / under
        factors = np.stack([scale[:, 0], -ratios[:, 0] * scale[:, 0], -scale[:, 1], ratios[:, 1] * scale[:, 1]], axis=1)
        residuals = factors @ self.sums.T
        squares = (weights * residuals**2).sum(1)
        error = np.sqrt(self.groups / (self.groups - 1) * squares) / self.groups
        return ratios[:, 0] - ratios[:, 1], np.where(error > self._rounding, error, 0.0)


@lru_cache(maxsize=4)
def resamples(groups: int) -> np.ndarray:
    """Draw as many groups as there are, with replacement; return how often each is drawn, ``[RESAMPLES, groups]``."""
    generator = np.random.default_rng([SEED, groups])
    return generator.multinomial(groups, np.full(groups, 1 / groups), RESAMPLES).astype(np.float64)
