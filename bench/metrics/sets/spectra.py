"""Factors, singular values and roots of matrices, by methods of which the last cannot fail.

LAPACK's divide-and-conquer, which torch calls, is the fastest, and on degenerate matrices it may not converge ("too
many repeated eigenvalues"). QR iteration then mostly does. What is left for a factor is Cholesky's with pivots, which
iterates nothing; for singular values, those of the triangle by Jacobi's rotations, whose iteration always converges.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch

Way = Callable[[torch.Tensor], torch.Tensor]
_NOT_FOUND = (torch.linalg.LinAlgError, np.linalg.LinAlgError)  # type: ignore[attr-defined]


def factor_of(covariance: torch.Tensor) -> torch.Tensor:
    """A with AᵀA = Σ, of a symmetric positive semidefinite Σ ``[d, d]`` in float64 on the CPU."""
    return _first(covariance, FACTORS)


def singular_values(matrix: torch.Tensor) -> torch.Tensor:
    """Singular values of a float64 matrix on the CPU, largest first."""
    return _first(matrix, SINGULAR_VALUES)


def root_trace(matrix: torch.Tensor) -> torch.Tensor:
    """Trace of the square root of a positive semidefinite matrix.

    It loses digits of the smallest eigenvalues only, far below the standard error that it is used for,
    and takes a quarter of the time of singular values.
    """
    return _first(matrix, EIGENVALUES).clamp(min=0).sqrt().sum()


def _first(matrix: torch.Tensor, ways: tuple[Way, ...]) -> torch.Tensor:
    """The result of the first way that does not fail, or of the last one whatever it is."""
    for way in ways[:-1]:
        try:
            result = way(matrix)
        except _NOT_FOUND:
            continue
        if bool(torch.isfinite(result).all()):
            return result
    return ways[-1](matrix)


def _cholesky(covariance: torch.Tensor) -> torch.Tensor:
    lower, failed = torch.linalg.cholesky_ex(covariance)
    if failed:
        raise np.linalg.LinAlgError("not positive definite")
    factor: torch.Tensor = lower.T
    return factor


def _eigenvectors(covariance: torch.Tensor) -> torch.Tensor:
    values, vectors = torch.linalg.eigh(covariance)
    factor: torch.Tensor = (vectors * values.clamp(min=0).sqrt()).T
    return factor


def _eigenvectors_by_qr(covariance: torch.Tensor) -> torch.Tensor:
    from scipy.linalg import eigh

    values, vectors = eigh(covariance.numpy(), driver="ev", check_finite=False)
    return torch.from_numpy((vectors * np.sqrt(np.maximum(values, 0))).T)


def _pivoted_cholesky(covariance: torch.Tensor) -> torch.Tensor:
    """Σ = P U ᵀU Pᵀ, cut off where the rest is rounding."""
    from scipy.linalg.lapack import dpstrf

    upper, pivots, rank, _ = dpstrf(covariance.numpy())
    factor = np.zeros((rank, len(upper)))
    factor[:, pivots - 1] = np.triu(upper)[:rank]
    return torch.from_numpy(factor)


def _singular_values_by_qr(matrix: torch.Tensor) -> torch.Tensor:
    from scipy.linalg import svd

    return torch.from_numpy(svd(matrix.numpy(), compute_uv=False, lapack_driver="gesvd", check_finite=False))


def _singular_values_by_jacobi(matrix: torch.Tensor) -> torch.Tensor:
    from scipy.linalg.lapack import dgejsv

    if not matrix.any():
        return torch.zeros(min(matrix.shape), dtype=torch.float64)
    tall = matrix.numpy() if matrix.shape[0] >= matrix.shape[1] else matrix.numpy().T
    values, _, _, scale, *_ = dgejsv(tall, joba=0, jobu=3, jobv=3)
    return torch.from_numpy(values * (scale[0] / scale[1]))


def _eigenvalues_by_qr(matrix: torch.Tensor) -> torch.Tensor:
    from scipy.linalg import eigvalsh

    return torch.from_numpy(eigvalsh(matrix.numpy(), driver="ev", check_finite=False))


def _eigvalsh(matrix: torch.Tensor) -> torch.Tensor:
    values: torch.Tensor = torch.linalg.eigvalsh(matrix)
    return values


def _svdvals(matrix: Any) -> torch.Tensor:
    values: torch.Tensor = torch.linalg.svdvals(matrix)
    return values


# Of a positive semidefinite matrix, eigenvalues are singular values.
FACTORS: tuple[Way, ...] = (_cholesky, _eigenvectors, _eigenvectors_by_qr, _pivoted_cholesky)
SINGULAR_VALUES: tuple[Way, ...] = (_svdvals, _singular_values_by_qr, _singular_values_by_jacobi)
EIGENVALUES: tuple[Way, ...] = (_eigvalsh, _eigenvalues_by_qr, _singular_values_by_jacobi)
