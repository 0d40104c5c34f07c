"""Factors, singular values, eigenvectors and roots of matrices, by methods of which the last cannot fail.

LAPACK's divide-and-conquer, which torch calls, is the fastest, and on degenerate matrices it may not converge ("too
many repeated eigenvalues"); a GPU's library fails on more of them, with an error or with values that are not finite.
QR iteration on the processor then mostly does. What is left for a factor is Cholesky's with pivots, which iterates
nothing; for singular values and eigenvectors Jacobi's rotations, whose iteration always converges.

On an accelerator, where products cost next to nothing and eigenvalues a thousand times as much, the sum of singular
values is the trace of AᵀU with U the polar factor of A, which takes products alone (see :func:`nuclear_norm`).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Way = Callable[[torch.Tensor], torch.Tensor]
_NOT_FOUND = (torch.linalg.LinAlgError, np.linalg.LinAlgError)  # type: ignore[attr-defined]

GROWTH = 1.6
"""ρ of the first Newton-Schulz steps, which multiply small singular values by 3ρ/2 and leave none of the others below
ρ(3 - ρ²)/2 = 0.35; √3 would be fastest, and would lose the largest in the rounding errors of the smallest."""
GROWING, SETTLING = 40, 10
"""Steps with ρ, (3ρ/2)⁴⁰ = 10¹⁵, and without, in which singular values from 0.35 to 1 become 1."""
POLAR_TOLERANCE = 1e-11
"""Largest error of the trace, relative, that a polar factor may leave."""


def factor_of(covariance: torch.Tensor) -> torch.Tensor:
    """A with AᵀA = Σ, of a symmetric positive semidefinite Σ ``[d, d]`` in float64, on its device."""
    return _first(covariance, FACTORS)


def singular_values(matrix: torch.Tensor) -> torch.Tensor:
    """Singular values of a float64 matrix, largest first."""
    return _first(matrix, SINGULAR_VALUES)


def nuclear_norm(matrix: torch.Tensor) -> torch.Tensor:
    """The sum of the singular values of a float64 matrix, by products alone where that converges.

    Newton-Schulz's iteration X ← X (3ρ - ρ³ XᵀX) / 2 (Higham 2008, Functions of Matrices, eq. 8.20), scaled by ρ as
    Chen & Chow (2014, SIAM J. Sci. Comput. 36(5)) do, turns A / |A| into the polar factor U, and tr AᵀU is the sum.
    Singular values below 1e-15 of the largest do not become 1; what they add is less than what rounding does.
    """
    return _first(matrix, NUCLEAR_NORMS).sum()


def root_trace(matrix: torch.Tensor) -> torch.Tensor:
    """Trace of the square root of a positive semidefinite matrix.

    It loses digits of the smallest eigenvalues only, far below the standard error that it is used for,
    and takes a quarter of the time of singular values.
    """
    return _first(matrix, EIGENVALUES).clamp(min=0).sqrt().sum()


def eigenvectors(matrix: torch.Tensor) -> torch.Tensor:
    """Eigenvectors of a symmetric positive semidefinite matrix in the columns, by ascending eigenvalue."""
    return _first(matrix, EIGENVECTORS)


def nearest_rotation(matrix: torch.Tensor) -> torch.Tensor:
    """The orthogonal U of a square float64 matrix A that maximizes tr AᵀU, so that X U is nearest to Y for A = XᵀY.

    It is the polar factor, by singular vectors (Schönemann 1966). These are found by QR iteration in the end.
    """
    return _first(matrix, NEAREST_ROTATIONS)


def _first(matrix: torch.Tensor, ways: tuple[Way, ...]) -> torch.Tensor:
    """The result of the first way that does not fail, or of the last one whatever it is, on the matrix's device."""
    # A GPU's libraries also raise errors of their own, and have too little memory where the processor has enough.
    failures = _NOT_FOUND if matrix.is_cpu else (*_NOT_FOUND, RuntimeError)
    for way in ways[:-1]:
        try:
            result = way(matrix)
        except failures:
            continue
        if bool(torch.isfinite(result).all()):
            return result.to(matrix.device)
    return ways[-1](matrix).to(matrix.device)


def _on_processor(way: Way) -> Way:
    """The way that failed on another device, for a matrix that comes from there."""

    def again(matrix: torch.Tensor) -> torch.Tensor:
        if matrix.is_cpu:
            raise np.linalg.LinAlgError("has failed before")
        return way(matrix.cpu())

    return again


def _numpy(matrix: torch.Tensor) -> np.ndarray:
    array: np.ndarray = matrix.cpu().numpy()
    return array


def _cholesky(covariance: torch.Tensor) -> torch.Tensor:
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        raise np.linalg.LinAlgError("not positive definite")
    factor: torch.Tensor = lower.T
    return factor


def _root_by_eigenvectors(covariance: torch.Tensor) -> torch.Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    factor: torch.Tensor = (vectors * values.clamp(min=0).sqrt()).T
    return factor


def _root_by_qr(covariance: torch.Tensor) -> torch.Tensor:
    from scipy.linalg import eigh

    values, vectors = eigh(_numpy(covariance), driver="ev", check_finite=False)
    return torch.from_numpy((vectors * np.sqrt(np.maximum(values, 0))).T)


def _pivoted_cholesky(covariance: torch.Tensor) -> torch.Tensor:
    """Σ = P U ᵀU Pᵀ, cut off where the rest is rounding."""
    from scipy.linalg.lapack import dpstrf

    upper, pivots, rank, _ = dpstrf(_numpy(covariance))
    factor = np.zeros((rank, len(upper)))
    factor[:, pivots - 1] = np.triu(upper)[:rank]
    return torch.from_numpy(factor)


def _polar_trace(matrix: torch.Tensor) -> torch.Tensor:
    """tr AᵀU; LinAlgError where the rest of A = U AᵀU says that U is not the polar factor.

    In A's singular vectors, f the singular values of the iterate, the sum lacks Σ (1 - f) σ and the rest is
    (1 - f²) σ, so that √n times its norm bounds the error.
    """
    flat = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    rows, columns = (flat.abs().sum(axis).amax() for axis in (1, 0))
    bound = torch.minimum(torch.linalg.matrix_norm(flat), (rows * columns).sqrt())
    iterate = flat / bound.clamp_min(torch.finfo(flat.dtype).tiny)
    for step in range(GROWING + SETTLING):
        rho = GROWTH if step < GROWING else 1.0
        iterate = torch.addmm(iterate, iterate @ iterate.T, iterate, beta=1.5 * rho, alpha=-0.5 * rho**3)
    trace = (iterate * flat).sum()
    rest = torch.linalg.matrix_norm(flat - iterate @ (iterate.T @ flat))
    if not bool(math.sqrt(len(flat)) * rest <= POLAR_TOLERANCE * trace):  # nor if either is NaN
        raise np.linalg.LinAlgError("the polar factor did not converge")
    return trace


def _singular_values_by_qr(matrix: torch.Tensor) -> torch.Tensor:
    from scipy.linalg import svd

    return torch.from_numpy(svd(_numpy(matrix), compute_uv=False, lapack_driver="gesvd", check_finite=False))


def _singular_values_by_jacobi(matrix: torch.Tensor) -> torch.Tensor:
    from scipy.linalg.lapack import dgejsv

    if not matrix.any():
        return torch.zeros(min(matrix.shape), dtype=torch.float64)
    tall = _numpy(matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T)
    values, _, _, scale, *_ = dgejsv(tall, joba=0, jobu=3, jobv=3)
    return torch.from_numpy(values * (scale[0] / scale[1]))


def _eigenvalues_by_qr(matrix: torch.Tensor) -> torch.Tensor:
    from scipy.linalg import eigvalsh

    return torch.from_numpy(eigvalsh(_numpy(matrix), driver="ev", check_finite=False))


def _eigvalsh(matrix: torch.Tensor) -> torch.Tensor:
    values: torch.Tensor = torch.linalg.eigvalsh(matrix)
    return values


def _svdvals(matrix: Any) -> torch.Tensor:
    values: torch.Tensor = torch.linalg.svdvals(matrix)
    return values


def _eigenvectors(matrix: torch.Tensor) -> torch.Tensor:
    vectors: torch.Tensor = torch.linalg.eigh(matrix).eigenvectors
    return vectors


def _eigenvectors_by_qr(matrix: torch.Tensor) -> torch.Tensor:
    from scipy.linalg import eigh

    return torch.from_numpy(eigh(_numpy(matrix), driver="ev", check_finite=False)[1])


def _eigenvectors_by_jacobi(matrix: torch.Tensor) -> torch.Tensor:
    """Left singular vectors of Σ + tr Σ, which has the eigenvectors of Σ and no null space."""
    from scipy.linalg.lapack import dgejsv

    shift = float(matrix.trace()) or 1.0
    _, vectors, *_ = dgejsv(_numpy(matrix) + shift * np.eye(len(matrix)), joba=0, jobu=0, jobv=3)
    return torch.from_numpy(np.ascontiguousarray(vectors[:, ::-1]))


def _polar_factor(matrix: torch.Tensor) -> torch.Tensor:
    left, _, right = torch.linalg.svd(matrix)
    factor: torch.Tensor = left @ right
    return factor


def _polar_factor_by_qr(matrix: torch.Tensor) -> torch.Tensor:
    from scipy.linalg import svd

    left, _, right = svd(_numpy(matrix), lapack_driver="gesvd", check_finite=False)
    return torch.from_numpy(left @ right)


# Of a positive semidefinite matrix, eigenvalues are singular values.
FACTORS: tuple[Way, ...] = (
    _cholesky,
    _root_by_eigenvectors,
    _on_processor(_root_by_eigenvectors),
    _root_by_qr,
    _pivoted_cholesky,
)
SINGULAR_VALUES: tuple[Way, ...] = (
    _svdvals,
    _on_processor(_svdvals),
    _singular_values_by_qr,
    _singular_values_by_jacobi,
)
NUCLEAR_NORMS: tuple[Way, ...] = (_polar_trace, *SINGULAR_VALUES)
EIGENVALUES: tuple[Way, ...] = (
    _eigvalsh,
    _on_processor(_eigvalsh),
    _eigenvalues_by_qr,
    _singular_values_by_jacobi,
)
EIGENVECTORS: tuple[Way, ...] = (
    _eigenvectors,
    _on_processor(_eigenvectors),
    _eigenvectors_by_qr,
    _eigenvectors_by_jacobi,
)
NEAREST_ROTATIONS: tuple[Way, ...] = (_polar_factor, _on_processor(_polar_factor), _polar_factor_by_qr)
