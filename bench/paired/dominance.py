"""Dominance: systems that are at least as good as another on every sample, and what follows from it."""

from __future__ import annotations

import numpy as np

DENSE, CHUNK = 8, 64
"""Samples that all pairs are compared on, then those at a time that the pairs that are left are compared on."""


def dominated(scores: np.ndarray, better: np.ndarray, worse: np.ndarray) -> np.ndarray:
    """Find the pairs in which the first system is at least as good as the second on every sample.

    Args:
        scores: ``[systems, samples]``, higher is better.
        better, worse: indices of the systems that may be first and second.

    Returns:
        Indices of the pairs, ``[pairs, 2]``.
    """
    kept = np.ones((len(better), len(worse)), bool)
    for sample in range(min(DENSE, scores.shape[1])):
        kept &= scores[better, sample][:, None] >= scores[worse, sample][None]
    at, below = np.nonzero(kept)
    first, second = better[at], worse[below]
    for start in range(DENSE, scores.shape[1], CHUNK):
        part = scores[:, start : start + CHUNK]
        left = (part[first] >= part[second]).all(1)
        first, second = first[left], second[left]
    return np.stack([first, second], axis=1)


def closed(better: np.ndarray, scores: np.ndarray | None) -> np.ndarray:
    """Complete a comparison by dominance: a system at least as good as a better one on every sample is better too.

    Args:
        better: whether a system is shown to be better than another, bool ``[systems, systems]``.
        scores: as ``dominated`` takes them; None if there are no per-sample values.

    Returns:
        ``better`` with all that follows from it, bool ``[systems, systems]``.
    """
    if scores is None or not better.any() or better.sum() == len(better) * (len(better) - 1) / 2:
        return better
    every = np.arange(len(better))
    at_least = np.eye(len(better), dtype=np.float32)
    pairs = dominated(scores, every, every)
    at_least[pairs[:, 0], pairs[:, 1]] = 1
    follows: np.ndarray = at_least @ better.astype(np.float32) @ at_least > 0
    return follows
