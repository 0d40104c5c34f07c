"""Degenerate features: the distances that follow by hand, whichever method of linear algebra fails."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.linalg import LinAlgError  # type: ignore[attr-defined]

from bench.machine import spectra
from bench.metrics.sets.engine import PROCESSOR, Engine
from bench.metrics.sets.frechet_distances import Gaussian, fixed_frechet, paired_frechet
from bench.metrics.sets.gaussians import Moments, frechet_distance, moments

DIM, MANY, FEW = 6, 24, 4
ENGINES = PROCESSOR, Engine(torch.device("cpu"), accelerated=True)


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


def does_not_converge(matrix: torch.Tensor) -> torch.Tensor:
    raise LinAlgError("failed to converge: too many repeated eigenvalues")


def is_not_finite(matrix: torch.Tensor) -> torch.Tensor:
    return torch.full_like(matrix, torch.nan)


@pytest.fixture(params=[(0, None), *((n, way) for n in range(1, 5) for way in (does_not_converge, is_not_finite))])
def failing(request, monkeypatch) -> None:
    """The first of the methods fail; the last of each never does."""
    count, way = request.param
    for name in ("FACTORS", "SINGULAR_VALUES", "NUCLEAR_NORMS", "EIGENVALUES", "EIGENVECTORS", "NEAREST_ROTATIONS"):
        ways = getattr(spectra, name)
        broken = min(count, len(ways) - 1)
        monkeypatch.setattr(spectra, name, (way,) * broken + ways[broken:])


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
    for engine in ENGINES:
        assert frechet_distance(moments(one, engine), moments(other, engine), engine) == expected
        pairs = paired_frechet(one, other, starts, engine)
        fixed = fixed_frechet(one, Gaussian.of(other, engine), np.append(starts, n), engine)
        for distance in (pairs, fixed):
            assert distance.value() == expected
            assert all(math.isfinite(distance.without(block)) for block in range(len(starts)))


def test_all_methods_agree(failing) -> None:
    """Of full rank and less."""
    generator = torch.Generator().manual_seed(0)
    for rank, dim in ((40, 12), (5, 12), (1, 12)):
        drawn = torch.randn(rank, dim, generator=generator, dtype=torch.float64)
        covariance = drawn.T @ drawn
        factor = spectra.factor_of(covariance)
        torch.testing.assert_close(factor.T @ factor, covariance)
        singular = np.linalg.svd(drawn)[1]
        torch.testing.assert_close(spectra.singular_values(drawn), torch.from_numpy(singular))
        assert float(spectra.nuclear_norm(drawn)) == pytest.approx(singular.sum(), rel=1e-12)
        roots = np.sqrt(np.maximum(np.linalg.eigvalsh(covariance), 0)).sum()
        assert float(spectra.root_trace(covariance)) == pytest.approx(roots, rel=1e-6)
        vectors = spectra.eigenvectors(covariance)
        torch.testing.assert_close(vectors.T @ vectors, torch.eye(dim).double())
        values = torch.from_numpy(np.linalg.eigvalsh(covariance))
        torch.testing.assert_close(vectors.T @ covariance @ vectors, values.diag())
    zero = Moments(9, torch.zeros(3).double(), torch.zeros(3, 3).double())
    eye = Moments(9, torch.ones(3).double(), torch.eye(3).double())
    for engine in ENGINES:
        assert frechet_distance(zero, eye, engine) == pytest.approx(6)


def spectrum(kind: str, n: int = 60) -> torch.Tensor:
    """Singular values, float64 ``[n]``."""
    steps = torch.arange(n, dtype=torch.float64)
    return {
        "equal": torch.ones(n).double(),
        "steep": 10 ** (-steps / 2),
        "of a third": 1.0 * (steps < n // 3),
        "single": 1e-150 * (steps == 0),
        "zero": 0 * steps,
    }[kind]


@pytest.mark.parametrize("kind", ["equal", "steep", "of a third", "single", "zero"])
@pytest.mark.parametrize("columns", [60, 90])
def test_products_alone_sum_singular_values(monkeypatch, kind, columns) -> None:
    """To the last digits, without any of the methods that they stand in for."""
    monkeypatch.setattr(spectra, "NUCLEAR_NORMS", (spectra._polar_trace,))
    generator = torch.Generator().manual_seed(0)
    left, right = (
        torch.linalg.qr(torch.randn(n, 60, generator=generator, dtype=torch.float64))[0] for n in (60, columns)
    )
    matrix = (left * spectrum(kind)) @ right.T
    for either in (matrix, matrix.T):
        assert float(spectra.nuclear_norm(either)) == pytest.approx(float(spectrum(kind).sum()), rel=1e-13)


def test_what_products_do_not_reach_is_computed_otherwise(monkeypatch) -> None:
    """The rest that the iteration leaves shows that it stopped too early."""
    monkeypatch.setattr(spectra, "GROWING", 5)
    matrix = spectrum("steep").diag()
    assert float(spectra.nuclear_norm(matrix)) == pytest.approx(float(matrix.sum()), rel=1e-13)
    with pytest.raises(np.linalg.LinAlgError, match="did not converge"):
        spectra._polar_trace(matrix)


@pytest.mark.parametrize("rank", [DIM, 2])
def test_the_nearest_rotation_turns_vectors_back(failing, rank) -> None:
    noise = torch.Generator().manual_seed(0)
    turn, _ = torch.linalg.qr(torch.randn(DIM, DIM, generator=noise, dtype=torch.float64))
    vectors = torch.randn(MANY, rank, generator=noise, dtype=torch.float64) @ torch.eye(rank, DIM, dtype=torch.float64)
    found = spectra.nearest_rotation(vectors.T @ (vectors @ turn))
    torch.testing.assert_close(vectors @ found, vectors @ turn)
    torch.testing.assert_close(found @ found.T, torch.eye(DIM, dtype=torch.float64))
