"""Bootstrap of a ratio of sums, such as a corpus-level word error rate."""

from __future__ import annotations

import numpy as np

from bench.contracts.stats import CONFIDENCE, Estimate

RESAMPLES = 2000
SEED = 20090101
"""Seed of the resamples; fixed, so that two systems on the same samples are resampled alike."""
BLOCK = 1 << 22


def ratio_of_sums(numerators: np.ndarray, denominators: np.ndarray, groups: np.ndarray) -> Estimate:
    """Σ numerators / Σ denominators, with a bootstrap over whole groups of samples.

    The interval is the bias-corrected and accelerated one (BCa: Efron 1987, eq. 6.8; the acceleration by the
    jackknife), the standard error the standard deviation of the resampled ratios. The groups are resampled, not
    the samples, since those of one speaker are not independent.

    Args:
        numerators, denominators: counts of each sample, ``[n]``; only positive denominators.
        groups: the independent group of each sample, ``[n]``.
    """
    if not len(numerators):
        return Estimate(value=None, unavailable="no samples")
    value = float(numerators.sum() / denominators.sum())
    estimate = Estimate(value=value, n=len(numerators))
    _, inverse = np.unique(groups, return_inverse=True)
    sums = np.stack([np.bincount(inverse, weights=part) for part in (numerators, denominators)], axis=1)
    if len(sums) < 2:
        return estimate.model_copy(update={"method": "no interval: a single group of samples"})
    resampled = resampled_ratios(sums)
    if np.ptp(resampled) == 0:
        return estimate.model_copy(update={"method": f"no interval: the same ratio in each of {len(sums)} groups"})
    return estimate.model_copy(
        update={
            "stderr": float(resampled.std(ddof=1)),
            "interval": bca(value, resampled, left_out(sums)),
            "method": f"bootstrap, BCa, {RESAMPLES} resamples of {len(sums)} groups",
        }
    )


def resampled_ratios(sums: np.ndarray) -> np.ndarray:
    """Ratios of ``RESAMPLES`` draws of as many groups as there are, with replacement, ``[RESAMPLES]``.

    Args:
        sums: numerator and denominator of each group, ``[groups, 2]``.
    """
    generator = np.random.default_rng(SEED)
    size, step = len(sums), max(1, BLOCK // len(sums))
    uniform = np.full(size, 1 / size)
    drawn = np.concatenate(
        [
            generator.multinomial(size, uniform, min(step, RESAMPLES - start)) @ sums
            for start in range(0, RESAMPLES, step)
        ]
    )
    ratios: np.ndarray = drawn[:, 0] / drawn[:, 1]
    return ratios


def left_out(sums: np.ndarray) -> np.ndarray:
    """The ratio when each group is left out in turn, ``[groups]``, from sums ``[groups, 2]``."""
    rest = sums.sum(0) - sums
    ratios: np.ndarray = rest[:, 0] / rest[:, 1]
    return ratios


def bca(value: float, resampled: np.ndarray, without: np.ndarray) -> tuple[float, float]:
    """The 95% BCa interval: two quantiles of the resampled values, shifted for bias and skewness.

    Args:
        value: the statistic of all groups.
        resampled: the statistic of each resample, ``[resamples]``.
        without: the statistic when each group is left out, ``[groups]``.
    """
    from scipy.special import ndtr, ndtri

    # Half of those that equal the value lie below it.
    below = ((resampled < value).mean() + (resampled <= value).mean()) / 2
    if not 0 < below < 1:
        return _quantiles(resampled, np.array([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
    bias = ndtri(below)
    spread = without.mean() - without
    scale = (spread**2).sum() ** 1.5
    acceleration = (spread**3).sum() / (6 * scale) if scale else 0.0
    ends = bias + ndtri(np.array([(1 - CONFIDENCE) / 2, (1 + CONFIDENCE) / 2]))
    low, high = _quantiles(resampled, ndtr(bias + ends / (1 - acceleration * ends)))
    # So few groups may be so skewed that the shifted quantiles pass the value; an interval is around it.
    return min(low, value), max(high, value)


def _quantiles(values: np.ndarray, at: np.ndarray) -> tuple[float, float]:
    low, high = np.quantile(values, at)
    return float(low), float(high)
