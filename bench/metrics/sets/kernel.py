"""The kernel of kernel distances, summed over subsets and blocks.

The squared maximum mean discrepancy with the kernel k(x, y) = (γ x·y + c)^degree (Bińkowski et al. 2018,
arXiv:1801.01401, §3 and eq. 4), estimated without bias on subsets, as torch-fidelity does it.

All kernel values are visited once, in tiles. The sums over every subset and over every pair of jackknife
blocks come out of the same pass, so that the interval costs little more than the value.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field

from bench.contracts.stats import Estimate, interval_around
from bench.machine.precision import exact_float32
from bench.metrics.base import Settings
from bench.metrics.sets.engine import Engine

TILE = (1024, 2048)
ELEMENT = 24
"""Bytes of an element of a tile: its product, its kernel value, and one more while a power is taken."""
# Beyond so many samples the inner products, and nothing else, are float32. torch-fidelity's are at any
# size, and so are its sums of them.
FLOAT64_PRODUCTS = 10_000


class KernelSettings(Settings):
    """Settings of the kernel, and of the subsets it is averaged over."""

    subsets: int = Field(default=100, ge=1, description="subsets whose estimates are averaged")
    subset_size: int = Field(default=1000, ge=2, description="samples of each subset; all of them if there are fewer")
    degree: int = Field(default=3, ge=1, description="degree of the polynomial kernel")
    gamma: float | None = Field(default=None, description="factor of the inner product; 1/dim if null")
    coef0: float = Field(default=1.0, description="constant of the kernel")
    seed: int = Field(default=2020, ge=0, description="seed of numpy's RandomState, which draws the subsets")


Membership = tuple[np.ndarray, np.ndarray]


@dataclass
class Sums:
    """Sums of kernel values of one pair of sides.

    Attributes:
        blocks: over pairs of jackknife blocks, ``[blocks, blocks]``.
        subsets: over all pairs of each subset, ``[subsets]``.
    """

    blocks: np.ndarray
    subsets: np.ndarray


class Kernel:
    """The polynomial kernel, summed in float64."""

    def __init__(self, settings: KernelSettings, dim: int, engine: Engine, products: torch.dtype) -> None:
        self.degree, self.coef0 = settings.degree, settings.coef0
        self.gamma = 1 / dim if settings.gamma is None else settings.gamma
        self.engine, self.products = engine, products

    def of(self, products: torch.Tensor) -> torch.Tensor:
        """Kernel values of inner products, float64 of the same shape; products in float64 are overwritten."""
        return products.double().mul_(self.gamma).add_(self.coef0).pow_(self.degree)

    def pairs(self, x: torch.Tensor, y: torch.Tensor) -> float:
        """Sum of k(x_i, y_i) over the rows of x and y, ``[n, d]`` each."""
        parts = zip(x.split(TILE[0]), y.split(TILE[0]), strict=True)
        wide = self.engine.wide
        sums = torch.stack([self.of((wide(a) * wide(b)).sum(1)).sum() for a, b in parts])
        return float(sums.sum())

    def sums(self, x: torch.Tensor, y: torch.Tensor, blocks: Membership, draws: Membership) -> Sums:
        """Sums of k over all pairs of rows of x ``[n, d]`` and y ``[m, d]``; over pairs of different rows if x is y.

        Args:
            blocks: 1 where a sample belongs to a block, ``[n, blocks]`` for x and ``[m, blocks]`` for y.
            draws: 1 where a sample belongs to a subset, ``[n, subsets]`` for x and ``[m, subsets]`` for y.
        """
        symmetric, device = x is y, self.engine.device
        x_blocks, y_blocks = blocks[0].shape[1], blocks[1].shape[1]
        by_block = torch.zeros(x_blocks, y_blocks, dtype=torch.float64, device=device)
        by_subset = torch.zeros(draws[0].shape[1], dtype=torch.float64, device=device)
        behind, ahead = (
            torch.from_numpy(np.concatenate(members, axis=1)).to(device) for members in zip(blocks, draws, strict=True)
        )
        height, width = self.engine.tile_shape(TILE, len(y), ELEMENT)
        for row in range(0, len(x), height):
            rows = slice(row, row + height)
            left, of_left = x[rows].to(device, self.products), behind[rows].double()
            for column in range(0, len(y), width):
                columns = slice(column, column + width)
                if symmetric and column + width <= row:
                    continue
                with exact_float32(device):
                    kernel = self.of(left @ y[columns].to(device, self.products).T)
                if symmetric and column < row + len(left):
                    # The tile holds a piece of the diagonal; what lies below is the mirror of what lies above.
                    kernel.triu_(row - column + 1)
                summed = kernel @ ahead[columns].double()
                by_block += of_left[:, :x_blocks].T @ summed[:, :y_blocks]
                by_subset += (of_left[:, x_blocks:] * summed[:, y_blocks:]).sum(0)
        if symmetric:
            by_block, by_subset = by_block + by_block.T, 2 * by_subset
        return Sums(by_block.cpu().numpy(), by_subset.cpu().numpy())


def product_type(rows: int) -> torch.dtype:
    """The dtype of the inner products of sets of up to ``rows`` rows."""
    return torch.float64 if rows <= FLOAT64_PRODUCTS else torch.float32


def indicator(block: np.ndarray) -> np.ndarray:
    """1 where a sample belongs to a block, ``[n, blocks]``, from the block of each sample ``[n]``."""
    members = np.zeros((len(block), int(block.max()) + 1), np.uint8)
    members[np.arange(len(block)), block] = 1
    return members


def subset_draws(settings: KernelSettings, n: int, m: int, size: int) -> Membership:
    """Members of each subset among n samples and m references, ``[n, subsets]`` and ``[m, subsets]``."""
    if size == n == m:  # every subset is the whole set
        return np.ones((n, 1), np.uint8), np.ones((m, 1), np.uint8)
    generator = np.random.RandomState(settings.seed)
    drawn = np.zeros((n, settings.subsets), np.uint8), np.zeros((m, settings.subsets), np.uint8)
    for subset in range(settings.subsets):
        for members in drawn:
            members[generator.choice(len(members), size, replace=False), subset] = 1
    return drawn


def centered(estimate: Estimate, value: float, per_subset: np.ndarray, blocks: int) -> Estimate:
    """The jackknife's error of the MMD of all samples, moved to the mean over subsets."""
    if estimate.stderr is None:
        return estimate.model_copy(update={"value": value})
    spread = float(per_subset.var(ddof=1)) / len(per_subset) if len(per_subset) > 1 else 0.0
    stderr = math.sqrt(estimate.stderr**2 + spread)
    method = f"{estimate.method}, of the MMD² of all samples" + ("; spread of the subsets added" if spread else "")
    assert estimate.value is not None and estimate.replicates is not None
    moved = {
        "value": value,
        "stderr": stderr,
        "interval": interval_around(value, stderr, blocks - 1),
        # What a block does to the MMD of all samples is taken for what it does to the mean over subsets.
        "replicates": tuple(value + (without - estimate.value) for without in estimate.replicates),
    }
    return estimate.model_copy(update={**moved, "method": method})
