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


def closed(told: np.ndarray, scores: np.ndarray | None) -> np.ndarray:
    """What is told, and what follows: who is at least as good as a better one is better, who is nowhere better worse.

    Args:
        better: whether a system is shown to be better than another, bool ``[systems, systems]``.
        scores: as ``dominated`` takes them; None if there are no per-sample values.

    Returns:
        ``better`` with all that follows from it, bool ``[systems, systems]``.
    """
    if scores is None or not told.any() or told.sum() == len(told) * (len(told) - 1) / 2:
        return told
    every = np.arange(len(told))
    at_least = np.eye(len(told), dtype=np.float32)
    pairs = dominated(scores, every, every)
    at_least[pairs[:, 0], pairs[:, 1]] = 1
    follows: np.ndarray = at_least @ told.astype(np.float32) @ at_least > 0
    return follows
