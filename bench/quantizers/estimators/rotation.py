"""The rotation trick: the encoder's gradient is turned and scaled as its vector is to become the codeword."""

from __future__ import annotations

from typing import Any

import torch

from bench.quantizers.estimators.base import Carried, Estimator

SHORTEST = 1e-6
"""The length that shorter vectors count as, where a gradient is divided by it."""


class Rotation(Estimator):
    """The rotation trick (Fifty et al. 2024, arXiv 2410.06424, section 4.2): e becomes q = (|q|/|e|) R e.

    R turns e onto q within the plane of the two. It and the scale count as constants, so that the encoder gets
    (|q|/|e|) Rᵀ g of the decoder's gradient g: the angle between gradient and vector stays. Forward, vectors are their
    nearest codewords exactly; codewords get no gradient from the decoder.
    """

    def forward(
        self, vectors: torch.Tensor, codewords: torch.Tensor, logits: torch.Tensor, generator: torch.Generator
    ) -> Carried:
        codes = logits.argmax(1)
        return Carried(turned(vectors, codewords[codes].detach()), codes)


def turned(vectors: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    """Targets ``[n, dim]``, as values of constant maps of vectors ``[n, dim]``: a rotation and a scale for each.

    Vectors of length zero are not turned, those below ``SHORTEST`` are scaled as if they were that long, and a target
    of length zero passes no gradient.
    """
    out: torch.Tensor = _Turned.apply(vectors, targets)  # type: ignore[no-untyped-call]
    return out


class _Turned(torch.autograd.Function):
    """Gives the targets forward; multiplies the gradient by the transposed Jacobian, without forming it."""

    @staticmethod
    def forward(ctx: Any, vectors: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(vectors, targets)
        return targets.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        vectors, targets = ctx.saved_tensors
        scale = targets.norm(dim=1, keepdim=True) / vectors.norm(dim=1, keepdim=True).clamp(min=SHORTEST)
        start, end = _unit(vectors), _unit(targets)
        # R is two reflections: the first one, across the middle of both, takes start to -end, the second -end to end.
        middle = _unit(start + end)
        opposite = middle.norm(dim=1, keepdim=True) == 0
        middle = torch.where(opposite, _across(start), middle)
        return scale * _reflected(_reflected(gradients[0], end), middle), None


def _unit(vectors: torch.Tensor) -> torch.Tensor:
    """Vectors ``[n, dim]`` with length one; zero where they are too short to have a direction."""
    lengths = vectors.norm(dim=1, keepdim=True)
    return torch.where(lengths > torch.finfo(vectors.dtype).tiny, vectors / lengths, 0.0)


def _reflected(vectors: torch.Tensor, normals: torch.Tensor) -> torch.Tensor:
    """Vectors ``[n, dim]`` reflected at the plane through zero with a normal of length one; as they are for zero."""
    return vectors - 2 * (vectors * normals).sum(1, keepdim=True) * normals


def _across(units: torch.Tensor) -> torch.Tensor:
    """For each vector ``[n, dim]`` of length one some unit vector at right angles to it; zero in one dimension."""
    flattest = units.abs().argmin(1, keepdim=True)
    axis = torch.zeros_like(units).scatter_(1, flattest, 1.0)
    return _unit(axis - (axis * units).sum(1, keepdim=True) * units)
