"""The transform before a quantizer: vectors to decorrelated coefficients in descending order of variance, and back."""

from __future__ import annotations

import torch

from bench.machine.spectra import eigenvectors


def klt(vectors: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean ``[dim]`` and basis ``[dim, dim]`` of the Karhunen-Loève transform of vectors ``[n, dim]``, in float32.

    The columns of the basis are the eigenvectors of the covariance, by descending variance.
    """
    wide = vectors.double()
    basis = eigenvectors(torch.cov(wide.T).view(wide.shape[1], -1)).flip(1)  # of one dimension it is a scalar
    # An eigenvector's sign is arbitrary: fix it, so that every LAPACK gives the same codes.
    basis = basis * basis.gather(0, basis.abs().argmax(0, keepdim=True)).sign()
    return wide.mean(0).float(), basis.float().contiguous()
