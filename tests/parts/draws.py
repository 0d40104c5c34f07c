"""Tests of whether draws follow a distribution."""

from __future__ import annotations

import torch
from scipy.stats import chisquare

from bench.backbones.base import Structure
from bench.contracts.tokens import Tokens

DRAWS = 4000  # of each distribution


def assert_frequencies(codes: torch.Tensor, expected: torch.Tensor) -> None:
    counts = torch.bincount(codes, minlength=len(expected))
    assert counts[expected == 0].sum() == 0
    # The test holds where some five are expected, so what is rarer is counted together.
    rare = expected * len(codes) < 5
    counted, shares = ([*column[~rare].tolist(), float(column[rare].sum())] for column in (counts, expected))
    if shares[-1] * len(codes) < 1:
        counted[-2:], shares[-2:] = [sum(counted[-2:])], [sum(shares[-2:])]
    if len(shares) > 1:
        assert chisquare(counted, [share * len(codes) / sum(shares) for share in shares]).pvalue > 1e-3


def assert_same(one: Tokens, other: Tokens) -> None:
    assert all(torch.equal(a, b) for a, b in zip(one.codes, other.codes, strict=True))


def outcomes(tokens: Tokens, structure: Structure) -> torch.Tensor:
    """Return the row of each sample in the table of all samples."""
    flat = torch.cat([code.flatten(1) for code in tokens.codes], 1)
    radix = [size for size, n in zip(structure.sizes, structure.positions, strict=True) for _ in range(n)]
    number = torch.zeros(len(flat), dtype=torch.int64)
    for column, size in zip(flat.T, radix, strict=True):
        number = number * size + column
    return number
