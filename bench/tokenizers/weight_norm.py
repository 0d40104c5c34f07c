"""Weights that a file holds as a direction and a length (Salimans & Kingma 2016, arXiv 1602.07868)."""

from __future__ import annotations

import re

import torch

_LENGTHS = (
    (r"(.*)weight_g", r"\1weight_v"),
    (r"(.*)parametrizations\.weight\.original0", r"\1parametrizations.weight.original1"),
)
"""Names of lengths and of their directions: of ``torch.nn.utils.weight_norm``, and of its parametrization."""


def folded(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Tensors with each direction and its length made one weight, in float32.

    Args:
        state: tensors by name. A length has one number for each part of the weight's first axis, and as many axes.
    """
    weights: dict[str, torch.Tensor] = {}
    for name in list(state):
        for length, direction in _LENGTHS:
            match = re.fullmatch(length, name)
            if match and (paired := match.expand(direction)) in state:
                size, along = state.pop(name).float(), state.pop(paired).float()
                norm = torch.linalg.vector_norm(along, dim=tuple(range(1, along.ndim)), keepdim=True)
                weights[f"{match[1]}weight"] = along * (size / norm)
    return state | weights
