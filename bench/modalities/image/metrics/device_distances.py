"""1-Wasserstein distances along directions on an accelerator: many rows are sorted and compared in one call.

The arithmetic is that of ``patch_distances.py``, whose NumPy sorts faster on a processor.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from bench.modalities.image.metrics.quantiles import overlaps_of

BYTES = 64
"""Memory per projection: its three shares, moved and sorted, with the places that a sort keeps and its buffers."""


def sums_along(
    directions: torch.Tensor,
    shares: torch.Tensor,
    whole: np.ndarray,
    against: torch.Tensor,
    kept: Sequence[Sequence[tuple[int, int]]],
    rest: Sequence[np.ndarray],
) -> torch.Tensor:
    """Sums over some directions of the distance, of all patches and without each block, float64 ``[1 + blocks]``.

    Args:
        directions: ``[directions, 3, pixels]``.
        shares: of the samples' projections, ``[3, directions, patches]``, normalized with the moments ``whole``.
        against: the references' projections, ``[directions, patches]``.
        kept, rest: spans of patches that are left without each block, and their moments.
    """
    against = against.sort(dim=1).values
    sums = directions.sum(2)
    found = [summed(shares.sum(0), against)]
    for spans, (mean, deviation) in zip(kept, rest, strict=True):
        with np.errstate(divide="ignore", invalid="ignore"):
            factors = (whole[1] / deviation).astype(np.float32)
            offsets = (mean - whole[0]) / deviation
        shift = (sums.double() @ torch.from_numpy(offsets).to(sums.device)).float()
        scale = torch.from_numpy(factors)[:, None, None].to(shares.device)
        moved = torch.cat([(shares[:, :, start:stop] * scale).sum(0) for start, stop in spans], 1)
        found.append(summed(moved.sub_(shift[:, None]), against))
    return torch.stack(found)


def summed(projections: torch.Tensor, against: torch.Tensor) -> torch.Tensor:
    """The sum over directions of the 1-Wasserstein distance of rows ``[directions, n]`` to sorted ones ``[.., m]``."""
    projections = projections.sort(dim=1).values
    if projections.shape == against.shape:
        return projections.sub_(against).abs_().mean(1, dtype=torch.float64).sum()
    few, many = sorted((projections, against), key=torch.numel)
    overlaps = overlaps_of(few.shape[1], many.shape[1], few.device)
    fewer, more = (rows.view(len(rows), overlaps.periods, -1) for rows in (few, many))
    total = torch.zeros((), dtype=torch.float64, device=few.device)
    for which, width in overlaps.pairs:
        gaps = fewer.index_select(2, which).sub_(more).abs_()
        total += gaps.sum((0, 1), dtype=torch.float64) @ width
    return total
