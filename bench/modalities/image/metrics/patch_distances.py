"""The 1-Wasserstein distance of two sets of patches along directions, with and without each block of patches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import gcd

import numpy as np
import torch

from bench.machine.threads import each_on_one_thread
from bench.modalities.image.metrics.pyramid_patches import CHANNELS

CHUNK = 8192
PROJECTED = 1 << 24
"""Most projections of a channel in memory at a time, 4 bytes each."""
LEAST_LEFT = 1e-6
"""Share of the variance below which moments without a block are summed anew."""


class Patches:
    """Patches of one level of one side.

    Args:
        rows: ``[images, patches * 3 * size * size]``.
        size: height and width of a patch.
    """

    def __init__(self, rows: torch.Tensor, size: int) -> None:
        self.rows = rows.view(-1, CHANNELS, size * size)

    def __len__(self) -> int:
        return len(self.rows)

    def moments(self, spans: Sequence[tuple[int, int]]) -> np.ndarray:
        """Mean and standard deviation of each channel over all pixels of some spans, ``[2, 3]``."""
        parts = [part for start, stop in spans for part in self.rows[start:stop].split(CHUNK)]
        count = sum(part.shape[0] * part.shape[2] for part in parts)
        mean = sum(part.sum((0, 2), dtype=torch.float64) for part in parts) / count
        variance = sum((part.double() - mean[:, None]).square().sum((0, 2)) for part in parts) / count
        return torch.stack([mean, variance.sqrt()]).numpy()

    def moments_without(self, blocks: Sequence[tuple[int, int]], whole: np.ndarray) -> list[np.ndarray]:
        """The ``moments`` of all patches but those of each block, in one pass, since sums can be subtracted.

        Args:
            blocks: first and last patch of each, exclusively; together they are all patches.
            whole: moments of all patches.
        """
        center = torch.from_numpy(whole[0])[:, None]
        sums = np.zeros((len(blocks), 2, CHANNELS))
        for block, (start, stop) in enumerate(blocks):
            for part in self.rows[start:stop].split(CHUNK):
                off = part.double() - center
                sums[block] += torch.stack([off.sum((0, 2)), off.square_().sum((0, 2))]).numpy()
        moments = []
        for (start, stop), (first, second) in zip(blocks, sums.sum(0) - sums, strict=True):
            count = (len(self) - (stop - start)) * self.rows.shape[2]
            variance = second / count - (first / count) ** 2
            if (variance > LEAST_LEFT * whole[1] ** 2).all():
                moments.append(np.stack([whole[0] + first / count, np.sqrt(variance)]))
            else:  # what is left is all but one value, which differences of sums cannot distinguish from one
                moments.append(self.moments([(0, start), (stop, len(self))]))
        return moments

    def projected(self, moments: np.ndarray, directions: torch.Tensor) -> np.ndarray:
        """Each channel's share of the projections, normalized, float32 ``[3, directions, patches]``."""
        mean, deviation = (torch.from_numpy(part).float()[:, None] for part in moments)
        shares = torch.empty(CHANNELS, len(directions), len(self.rows))
        for start in range(0, len(self.rows), CHUNK):
            part = (self.rows[start : start + CHUNK] - mean).div_(deviation)
            shares[:, :, start : start + CHUNK] = torch.einsum("pck,dck->cdp", part, directions)
        return shares.numpy()


def distances(x: Patches, y: Patches, blocks: Sequence[tuple[int, int]], directions: torch.Tensor) -> np.ndarray:
    """Mean distance over directions, of all patches and without each block, ``[1 + blocks]``.

    Args:
        blocks: first and last patch of x, exclusively, of each block.
    """
    whole, reference = x.moments([(0, len(x))]), y.moments([(0, len(y))])
    kept = [[(0, start), (stop, len(x))] for start, stop in blocks] if len(blocks) > 1 else []
    rest = x.moments_without(blocks, whole) if kept else []
    totals = np.zeros(1 + len(kept))
    for some in directions.split(max(1, PROJECTED // max(len(x), len(y)))):
        # One side after the other: the shares of a side are three times PROJECTED.
        against = y.projected(reference, some).sum(0)
        against.sort(axis=1)
        totals += _along(some, x.projected(whole, some), whole, against, kept, rest)
    return totals / len(directions)


def _along(
    directions: torch.Tensor,
    shares: np.ndarray,
    whole: np.ndarray,
    against: np.ndarray,
    kept: Sequence[Sequence[tuple[int, int]]],
    rest: Sequence[np.ndarray],
) -> np.ndarray:
    """Sum over some directions, ``[1 + blocks]``.

    Args:
        shares: of the samples' projections, normalized with the moments ``whole``.
        against: the references' projections, sorted.
        kept, rest: spans of patches that are left without each block, and their moments.
    """
    sums = directions.sum(2).numpy()

    def without(block: int) -> float:
        spans, moments = kept[block], rest[block]
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = (whole[1] / moments[1]).astype(np.float32)
            shift = ((moments[0] - whole[0]) / moments[1]) @ sums.T
        ends = np.cumsum([stop - start for start, stop in spans])
        moved = np.empty((len(directions), ends[-1]), np.float32)
        for (start, stop), end in zip(spans, ends, strict=True):
            np.einsum("c,cdp->dp", factor, shares[:, :, start:stop], out=moved[:, end - (stop - start) : end])
        moved -= shift[:, None].astype(np.float32)
        return summed_distances(moved, against)

    return np.array([summed_distances(shares.sum(0), against), *each_on_one_thread(without, range(len(kept)))])


def summed_distances(projections: np.ndarray, against: np.ndarray) -> float:
    """Sum over directions of the 1-Wasserstein distance, rows ``[directions, n]`` and sorted ones ``[.., m]``.

    The rows are sorted in place.
    """
    projections.sort(axis=1)
    if projections.shape == against.shape:
        return float(np.abs(projections - against).mean(1, dtype=np.float64).sum())
    few, many = sorted((projections, against), key=np.size)
    overlaps = overlaps_of(few.shape[1], many.shape[1])
    total = 0.0
    for fewer, more in zip(few, many, strict=True):
        fewer_values, more_values = (torch.from_numpy(row).view(overlaps.periods, -1) for row in (fewer, more))
        for which, width in overlaps.pairs:
            gaps = fewer_values.index_select(1, which).sub_(more_values).abs_()
            total += float((gaps.sum(0, dtype=torch.float64) * width).sum())
    return total


@dataclass(frozen=True)
class Overlaps:
    """How the quantile functions of n values and of m > n values overlap.

    Both are constant between multiples of 1/n and of 1/m, and that repeats itself ``periods`` times. The interval of
    one of the m values meets that of one of the n values or of two neighbors.

    Attributes:
        periods: the greatest common divisor of n and m.
        pairs: for the first and for the second of these neighbors, its number in the period, int64 ``[m / periods]``,
            and the width of what it shares with the interval, float64, 0 where there is no second one.
    """

    periods: int
    pairs: tuple[tuple[torch.Tensor, torch.Tensor], ...]


@lru_cache(maxsize=3)  # all samples, and those without a larger and a smaller block
def overlaps_of(n: int, m: int) -> Overlaps:
    """The overlaps of n and m values of equal weight, with n at most m."""
    periods = gcd(n, m)
    few, many = n // periods, m // periods
    starts = np.arange(many) * few  # in units of which one of the m intervals has ``few``, one of the n ``many``
    first, second = starts // many, (starts + few - 1) // many
    inside = np.minimum((first + 1) * many, starts + few) - starts
    unit = 1 / (periods * few * many)
    return Overlaps(
        periods,
        tuple(
            (torch.from_numpy(which), torch.from_numpy(width * unit))
            for which, width in ((first, inside), (second, few - inside))
        ),
    )
