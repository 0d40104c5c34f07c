"""How well codes and labels of the same places agree: purities and mutual information of a table of counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from bench.metrics.counts import COUNTS, merge


@dataclass(frozen=True)
class LabelTable:
    """How often each pair of a label and a code occurs in each block: one row per pair and block.

    Attributes:
        pair: ``label * size + code``, in ascending order.
        size: number of codes.
        block: block of samples.
        count: occurrences, at least 1.
    """

    pair: np.ndarray
    size: int
    block: np.ndarray
    count: np.ndarray

    @classmethod
    def of(cls, rows: torch.Tensor, size: int) -> LabelTable:
        """The table of rows ``[n, 2]`` of a pair and ``block * COUNTS + count``, in any order and number."""
        pair, counted = merge(rows).numpy().T
        return cls(pair, size, *np.divmod(counted, COUNTS))

    @property
    def tokens(self) -> int:
        """The number of codes counted."""
        return int(self.count.sum())

    def values(self, blocks: Sequence[int] | np.ndarray) -> np.ndarray:
        """The three measures of :func:`agreement` for all, then without each of the blocks, ``[1 + blocks, 3]``."""
        pairs, row = np.unique(self.pair, return_inverse=True)
        label, code = (np.unique(part, return_inverse=True)[1] for part in np.divmod(pairs, self.size))
        whole = np.bincount(row, weights=self.count, minlength=len(pairs))
        values = [agreement(label, code, whole)]
        for block in blocks:
            inside = self.block == block
            part = np.bincount(row[inside], weights=self.count[inside], minlength=len(pairs))
            values.append(agreement(label, code, whole - part))
        return np.array(values)


def agreement(label: np.ndarray, code: np.ndarray, counts: np.ndarray) -> tuple[float, float, float]:
    """Label purity, code purity and label-normalized mutual information of counts ``[pairs]``.

    With p(y, z) the share of label y and code z together: Σ_z max_y p(y, z), Σ_y max_z p(y, z) and I(y; z) / H(y)
    (Hsu et al. 2021, arXiv 2106.07447). NaN where nothing is counted; the last is NaN where there is a single label.

    Args:
        label, code: number of the label and of the code of each pair, from 0, int ``[pairs]``.
    """
    total = counts.sum()
    if not total:
        return np.nan, np.nan, np.nan
    by_label, by_code = np.bincount(label, counts), np.bincount(code, counts)
    best_label, best_code = np.zeros(len(by_code)), np.zeros(len(by_label))
    np.maximum.at(best_label, code, counts)
    np.maximum.at(best_code, label, counts)
    seen = counts > 0
    independent = by_label[label[seen]] * by_code[code[seen]] / total
    information = float((counts[seen] * np.log(counts[seen] / independent)).sum() / total)
    share = by_label[by_label > 0] / total
    entropy = float(-(share * np.log(share)).sum())
    # Both round, so that a code for each label would come out as a little more than 1.
    normalized = min(1.0, max(0.0, information / entropy)) if entropy > 0 else np.nan
    return float(best_label.sum() / total), float(best_code.sum() / total), normalized
