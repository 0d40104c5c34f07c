"""Exact counts of codes in blocks of samples, in memory that follows the codebook and not the data.

A codebook up to some 400,000 entries has a dense table ``[blocks, size]`` (42 MB for 2^18 entries).
Larger ones, and joint codes over several levels, are kept as sorted rows of the distinct codes of each
block: exact counting of distinct things takes memory for each of them, so it is at most about twice 16
bytes for each distinct code of each block (24 where a code needs two words).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, get_args

import numpy as np
import torch

from bench.contracts.stats import MAX_BLOCKS, Estimate, block_jackknife
from bench.contracts.tokens import TokenKind
from bench.metrics.base import Batch, Metric
from bench.metrics.states import dim_zero_cat

KINDS: tuple[TokenKind, ...] = get_args(TokenKind)
UNKNOWN = "the tokens are not known, only the reconstructions"
NO_BITS: Mapping[TokenKind, str] = {
    "continuous": "continuous tokens have no bits until they are quantized",
    "hybrid": "the latents of hybrid tokens have no bits until they are quantized",
}
DENSE_CELLS = 1 << 23
PENDING_ROWS = 1 << 20
WORD = 1 << 62
COUNTS = 1 << 40


def blocks_of(groups: torch.Tensor) -> torch.Tensor:
    """Jackknife block of each group, int64; it follows from the group alone, so that counts need no samples.

    For groups numbered from 0 without gaps these are the blocks of ``bench.contracts.stats.assign_blocks``.
    """
    return groups % MAX_BLOCKS


@dataclass(frozen=True)
class Histogram:
    """How often each distinct code occurs in each block: one row per pair that occurs.

    Attributes:
        code: number of the distinct code, 0 to distinct - 1, in ascending order.
        block: block of samples.
        count: occurrences, at least 1.
    """

    code: np.ndarray
    block: np.ndarray
    count: np.ndarray

    @cached_property
    def totals(self) -> np.ndarray:
        """Occurrences of each distinct code over all blocks, ``[distinct]``."""
        return np.bincount(self.code, weights=self.count)

    @property
    def tokens(self) -> int:
        """The number of codes counted."""
        return int(self.count.sum())

    @property
    def distinct(self) -> int:
        """The number of codes that occur at least once."""
        return len(self.totals)

    def distinct_without(self, blocks: int) -> np.ndarray:
        """The number of codes that still occur when each block is left out, ``[blocks]``."""
        only_here = self.count == self.totals[self.code]
        left: np.ndarray = self.distinct - np.bincount(self.block[only_here], minlength=blocks)
        return left

    def tokens_without(self, blocks: int) -> np.ndarray:
        """The number of codes counted when each block is left out, ``[blocks]``."""
        left: np.ndarray = self.tokens - np.bincount(self.block, weights=self.count, minlength=blocks)
        return left

    @property
    def entropy(self) -> float:
        """Plug-in entropy in nats, -Σ p ln p; 0 for no codes."""
        share = self.totals / max(1, self.tokens)
        return float(-(share * np.log(share)).sum()) + 0.0

    def entropy_without(self, blocks: int) -> np.ndarray:
        """Entropy in nats when each block is left out, ``[blocks]``: ln n - (Σ c ln c)/n over what remains."""
        before = self.totals[self.code]
        lost = _c_log_c(before) - _c_log_c(before - self.count)
        rest = _c_log_c(self.totals).sum() - np.bincount(self.block, weights=lost, minlength=blocks)
        n = np.maximum(self.tokens_without(blocks), 1)
        entropy: np.ndarray = np.log(n) - rest / n
        return entropy


def _c_log_c(counts: np.ndarray) -> np.ndarray:
    product: np.ndarray = counts * np.log(np.maximum(counts, 1))
    return product


class TokenMetric(Metric):
    """A metric of tokens, which may be undefined for some kinds of them.

    ``undefined`` maps the kinds for which there is no value to the reason. Of unknown tokens there is one only where
    ``undefined`` says so, with an empty reason.
    """

    needs = frozenset()
    undefined: ClassVar[Mapping[TokenKind, str]] = {}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.kind: torch.Tensor
        self.add_state("kind", default=torch.tensor(-1), dist_reduce_fx="max")

    def remember(self, batch: Batch) -> None:
        super().remember(batch)
        self.kind = torch.full_like(self.kind, KINDS.index(batch.tokens.kind))

    @property
    def seen_kind(self) -> TokenKind | None:
        """The kind of the tokens seen; None before the first batch."""
        return None if int(self.kind) < 0 else KINDS[int(self.kind)]

    @property
    def why_undefined(self) -> str | None:
        """Why the metric has no value for the tokens seen; None if it has one."""
        if self.seen_kind is None:
            return "no samples"
        return self.undefined.get(self.seen_kind, UNKNOWN if self.seen_kind == "unknown" else "") or None


class CodeCounter(TokenMetric):
    """A metric over the counts of all codes of the set, one table per level and one for the joint codes.

    A joint code is the tuple of the levels' codes at one position; it exists when there are several
    levels and all share one grid. ``joint`` says whether a subclass needs them.
    """

    joint: ClassVar[bool] = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for level, book in enumerate(self.codebooks):
            if self._dense(level):
                table = torch.zeros(MAX_BLOCKS, book.size, dtype=torch.int64)
                self.add_state(f"codes_{level}", default=table, dist_reduce_fx="sum")
            else:
                self.add_state(f"codes_{level}", default=[], dist_reduce_fx="cat")
        self.add_state("codes_joint", default=[], dist_reduce_fx="cat")
        self.unequal_grids: torch.Tensor
        self.add_state("unequal_grids", default=torch.tensor(0), dist_reduce_fx="max")

    def update(self, batch: Batch) -> None:
        batch.tokens.check(self.codebooks)
        self.remember(batch)
        levels = range(len(batch.tokens.codes))
        for level in levels:
            self._count(f"codes_{level}", batch, [level])
        if self.joint and len(levels) > 1:
            shapes = {tuple(code.shape) for code in batch.tokens.codes}
            if len(shapes) > 1 or any(
                not torch.equal(n, batch.tokens.positions(0)) for n in batch.tokens.lengths[: len(levels)]
            ):
                self.unequal_grids = torch.ones_like(self.unequal_grids)
            elif not self.unequal_grids:
                self._count("codes_joint", batch, levels)

    def _count(self, state: str, batch: Batch, levels: Sequence[int]) -> None:
        """Count the codes of a level, or the tuples of several levels' codes; padding is none of them."""
        codes = [torch.cat(batch.tokens.rows(level)).cpu() for level in levels]
        block = blocks_of(batch.group.cpu()).repeat_interleave(batch.tokens.positions(levels[0]))
        table = getattr(self, state)
        if isinstance(table, torch.Tensor):
            cells = (block * table.shape[1] + codes[0]).to(table.device)
            table.view(-1).index_add_(0, cells, torch.ones_like(cells))
            return
        append(table, pack(codes, [self.codebooks[level].size for level in levels], block))

    def histogram(self, level: int | None) -> Histogram:
        """Counts of the codes of a level, or of the joint codes if it is None."""
        table = getattr(self, "codes_joint" if level is None else f"codes_{level}")
        if level is not None and self._dense(level):
            counts = table.cpu().numpy().T
            entry, block = np.nonzero(counts)
            return Histogram(np.cumsum(_differs(entry[:, None])) - 1, block, counts[entry, block])
        if not len(table):
            empty = np.zeros(0, np.int64)
            return Histogram(empty, empty, empty)
        return unpack(merge(dim_zero_cat(table).cpu()))

    def _dense(self, level: int) -> bool:
        return self.codebooks[level].size * MAX_BLOCKS <= DENSE_CELLS

    def jackknife(self, value: float, without: np.ndarray) -> Estimate:
        """The estimate of a statistic given what it is without each of the ``MAX_BLOCKS`` blocks."""
        sizes = np.bincount(blocks_of(torch.from_numpy(self.stacked("groups"))).numpy(), minlength=MAX_BLOCKS)
        filled = np.flatnonzero(sizes)
        return block_jackknife(value, sizes[filled], lambda j: float(without[filled[j]]))


def pack(codes: Sequence[torch.Tensor], sizes: Sequence[int], block: torch.Tensor) -> torch.Tensor:
    """Rows ``[n, words + 1]`` that stand for one occurrence each of a tuple of codes in a block.

    The tuple is written in mixed radix into as few 62-bit words as hold it, which is exact, unlike a
    hash. The last column is ``block * COUNTS + count``.

    Args:
        codes: for each level its codes, int64 ``[n]``.
        sizes: codebook size of each level.
        block: int64 ``[n]``.
    """
    words: list[torch.Tensor] = []
    capacity = WORD
    for code, size in zip(codes, sizes, strict=True):
        if capacity * size > WORD:
            words.append(code)
            capacity = size
        else:
            words[-1] = words[-1] * size + code
            capacity *= size
    return torch.stack([*words, block * COUNTS + 1], dim=1)


def append(table: list[torch.Tensor], rows: torch.Tensor) -> None:
    """Append rows as of ``pack`` to a list of such, and merge it where it has grown long."""
    table.append(rows)
    if sum(map(len, table)) > max(PENDING_ROWS, 2 * len(table[0])):
        whole = torch.cat(table)
        table.clear()
        table.append(merge(whole))


def merge(rows: torch.Tensor) -> torch.Tensor:
    """The rows sorted, those of one tuple and block merged into one with the sum of their counts."""
    table = rows.numpy()
    table = table[np.lexsort(table[:, ::-1].T)]
    block, count = np.divmod(table[:, -1], COUNTS)
    table[:, -1] = block
    starts = np.flatnonzero(_differs(table))
    sums = np.add.reduceat(count, starts)
    table = table[starts]
    table[:, -1] = table[:, -1] * COUNTS + sums
    return torch.from_numpy(table)


def unpack(rows: torch.Tensor) -> Histogram:
    """The histogram of rows from ``merge``."""
    table = rows.numpy()
    block, count = np.divmod(table[:, -1], COUNTS)
    return Histogram(np.cumsum(_differs(table[:, :-1])) - 1, block, count)


def _differs(keys: np.ndarray) -> np.ndarray:
    """Whether each of the sorted rows differs from the one before."""
    return np.concatenate(([True], (keys[1:] != keys[:-1]).any(axis=1)))
