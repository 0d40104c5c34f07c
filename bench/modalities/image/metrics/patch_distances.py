"""The 1-Wasserstein distance of two sets of patches along directions, with and without each block of patches."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property

import numpy as np
import torch

from bench.machine.precision import exact_float32
from bench.machine.threads import each_on_one_thread
from bench.metrics.sets.engine import PROCESSOR, Engine
from bench.modalities.image.metrics.device_distances import BYTES, sums_along
from bench.modalities.image.metrics.pyramid_patches import CHANNELS
from bench.modalities.image.metrics.quantiles import overlaps_of

CHUNK = {False: 8192, True: 1 << 17}
"""Patches that are looked at at once, on a processor and on an accelerator."""
PROJECTED = 1 << 24
"""Most projections of a channel in memory at a time, 4 bytes each."""
LEAST_LEFT = 1e-6
"""Share of the variance below which moments without a block are summed anew."""


class Patches:
    """Patches of one level of one side.

    Args:
        rows: ``[images, patches * 3 * size * size]``.
        size: height and width of a patch.
        engine: where they are projected.
    """

    def __init__(self, rows: torch.Tensor, size: int, engine: Engine = PROCESSOR) -> None:
        self.rows, self.engine = rows.view(-1, CHANNELS, size * size), engine

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def whole(self) -> np.ndarray:
        """Moments of all patches, ``[2, 3]``."""
        return self.moments([(0, len(self))])

    def _parts(self, start: int, stop: int) -> Iterator[torch.Tensor]:
        """Some patches ``[n, 3, size * size]`` on the engine's device, piece by piece."""
        for part in self.rows[start:stop].split(CHUNK[self.engine.accelerated]):
            yield part.to(self.engine.device)

    def moments(self, spans: Sequence[tuple[int, int]]) -> np.ndarray:
        """Mean and standard deviation of each channel over all pixels of some spans, ``[2, 3]``."""
        count = sum(stop - start for start, stop in spans) * self.rows.shape[2]
        total, squares = (torch.zeros(CHANNELS, dtype=torch.float64, device=self.engine.device) for _ in range(2))
        for start, stop in spans:
            for part in self._parts(start, stop):
                total += part.sum((0, 2), dtype=torch.float64)
        mean = total / count
        for start, stop in spans:
            for part in self._parts(start, stop):
                squares += (part.double() - mean[:, None]).square().sum((0, 2))
        return torch.stack([mean, (squares / count).sqrt()]).cpu().numpy()

    def moments_without(self, blocks: Sequence[tuple[int, int]]) -> list[np.ndarray]:
        """The ``moments`` of all patches but those of each block, in one pass, since sums can be subtracted.

        Args:
            blocks: first and last patch of each, exclusively; together they are all patches.
        """
        whole = self.whole
        center = torch.from_numpy(whole[0])[:, None].to(self.engine.device)
        summed = center.new_zeros(len(blocks), 2, CHANNELS)
        for block, (start, stop) in enumerate(blocks):
            for part in self._parts(start, stop):
                off = part.double() - center
                summed[block] += torch.stack([off.sum((0, 2)), off.square_().sum((0, 2))])
        sums = summed.cpu().numpy()
        moments = []
        for (start, stop), (first, second) in zip(blocks, sums.sum(0) - sums, strict=True):
            count = (len(self) - (stop - start)) * self.rows.shape[2]
            variance = second / count - (first / count) ** 2
            if (variance > LEAST_LEFT * whole[1] ** 2).all():
                moments.append(np.stack([whole[0] + first / count, np.sqrt(variance)]))
            else:  # what is left is all but one value, which differences of sums cannot distinguish from one
                moments.append(self.moments([(0, start), (stop, len(self))]))
        return moments

    def projected(self, directions: torch.Tensor) -> torch.Tensor:
        """Each channel's share of the projections, normalized, float32 ``[3, directions, patches]``.

        Args:
            directions: float32 ``[directions, 3, size * size]``, on the engine's device.
        """
        device = self.engine.device
        mean, deviation = (torch.from_numpy(part).float()[:, None].to(device) for part in self.whole)
        shares = torch.empty(CHANNELS, len(directions), len(self.rows), device=device)
        start = 0
        with exact_float32(device):
            for part in self._parts(0, len(self)):
                normal = (part - mean).div_(deviation)
                shares[:, :, start : start + len(part)] = torch.einsum("pck,dck->cdp", normal, directions)
                start += len(part)
        return shares


def distances(x: Patches, y: Patches, blocks: Sequence[tuple[int, int]], directions: torch.Tensor) -> np.ndarray:
    """Mean distance over directions, of all patches and without each block, ``[1 + blocks]``.

    Args:
        x, y: on the same engine.
        blocks: first and last patch of x, exclusively, of each block.
        directions: float32 ``[directions, 3, size * size]``.
    """
    engine = x.engine
    kept = [[(0, start), (stop, len(x))] for start, stop in blocks] if len(blocks) > 1 else []
    rest = x.moments_without(blocks) if kept else []
    totals = np.zeros(1 + len(kept))
    projected = engine.tile // BYTES if engine.accelerated else PROJECTED
    for some in directions.to(engine.device).split(max(1, projected // max(len(x), len(y)))):
        # One side after the other: the shares of a side are three times as much.
        against = y.projected(some).sum(0)
        if engine.accelerated:
            totals += sums_along(some, x.projected(some), x.whole, against, kept, rest).cpu().numpy()
        else:
            sorted_against = np.sort(against.numpy(), axis=1)
            totals += _along(some, x.projected(some).numpy(), x.whole, sorted_against, kept, rest)
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
    overlaps = overlaps_of(few.shape[1], many.shape[1], torch.device("cpu"))
    total = 0.0
    for fewer, more in zip(few, many, strict=True):
        fewer_values, more_values = (torch.from_numpy(row).view(overlaps.periods, -1) for row in (fewer, more))
        for which, width in overlaps.pairs:
            gaps = fewer_values.index_select(1, which).sub_(more_values).abs_()
            total += float((gaps.sum(0, dtype=torch.float64) * width).sum())
    return total
