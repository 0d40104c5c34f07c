"""Degenerate features: the distances that follow by hand, whichever method of linear algebra fails."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.linalg import LinAlgError  # type: ignore[attr-defined]

from bench.metrics.sets import spectra
from bench.metrics.sets.frechet_distances import Gaussian, fixed_frechet, paired_frechet
from bench.metrics.sets.gaussians import Moments, frechet_distance, moments

DIM, MANY, FEW = 6, 24, 4


def rows(kind: str, n: int) -> torch.Tensor:
    """Features ``[n, 6]``, float32, of which the first is not constant but for collapsed ones."""
    steps = torch.arange(n, dtype=torch.float32)
    return {
        "collapsed": torch.full((n, DIM), 0.7),
        "on a line": steps[:, None] * torch.tensor([3.0, 0, 4, 0, 0, 0]),
        "repeated": torch.eye(DIM)[(steps.long() // 2) % 2] * 5,
    }[kind]


def covariance_root(values: torch.Tensor) -> tuple[float, float]:
    """Trace of the covariance, by hand, and its square root's: all these have at most one direction."""
    centred = values.double() - values.double().mean(0)
    trace = float(centred.square().sum()) / (len(values) - 1)
    return trace, math.sqrt(trace)


@pytest.fixture(params=range(4))
def failing(request, monkeypatch) -> int:
    """How many of the methods do not converge; the last of each never fails."""

    def gives_up(matrix: torch.Tensor) -> torch.Tensor:
        raise LinAlgError("failed to converge: too many repeated eigenvalues")

    for name in ("FACTORS", "SINGULAR_VALUES", "EIGENVALUES"):
        ways = getattr(spectra, name)
        broken = min(request.param, len(ways) - 1)
        monkeypatch.setattr(spectra, name, (gives_up,) * broken + ways[broken:])
    return request.param


@pytest.mark.parametrize("n", [FEW, MANY])
@pytest.mark.parametrize("kind", ["collapsed", "on a line", "repeated"])
def test_distance_to_a_gaussian_along_one_axis(failing, kind, n) -> None:
    """Of Gaussians of one direction each, u and v: |μ - ν|² + s² + t² - 2 s t |u·v|."""
    one, other = rows(kind, n), rows("on a line", n) * 2 + 1
    (trace, root), (others, roots) = covariance_root(one), covariance_root(other)
    direction = (one[-1] - one[0]).double()
    axis = torch.tensor([0.6, 0, 0.8, 0, 0, 0], dtype=torch.float64)
    cosine = abs(float(direction @ axis)) / max(float(direction.norm()), 1e-30)
    shift = float((one.double().mean(0) - other.double().mean(0)).square().sum())
    expected = pytest.approx(shift + trace + others - 2 * root * roots * cosine, rel=1e-6, abs=1e-6)
    starts = np.arange(0, n, 2)
    assert frechet_distance(moments(one), moments(other)) == expected
    assert paired_frechet(one, other, starts).value() == expected
    assert fixed_frechet(one, Gaussian.of(other), np.append(starts, n)).value() == expected
    for distance in (paired_frechet(one, other, starts), fixed_frechet(one, Gaussian.of(other), np.append(starts, n))):
        assert all(math.isfinite(distance.without(block)) for block in range(len(starts)))


def test_all_methods_agree(failing) -> None:
    generator = torch.Generator().manual_seed(0)
    for rank, dim in ((40, 12), (5, 12), (1, 12)):
        drawn = torch.randn(rank, dim, generator=generator, dtype=torch.float64)
        covariance = drawn.T @ drawn
        factor = spectra.factor_of(covariance)
        torch.testing.assert_close(factor.T @ factor, covariance)
        torch.testing.assert_close(spectra.singular_values(drawn), torch.from_numpy(np.linalg.svd(drawn)[1]))
        roots = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance), 0)).sum()
        assert float(spectra.root_trace(covariance)) == pytest.approx(roots, rel=1e-6)
    zero = Moments(9, torch.zeros(3).double(), torch.zeros(3, 3).double())
    eye = Moments(9, torch.ones(3).double(), torch.eye(3).double())
    assert frechet_distance(zero, eye) == pytest.approx(6)
