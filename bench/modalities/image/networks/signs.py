"""Codes of lookup-free quantization: the signs of latents, read as the binary digits of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import torch


def codes_of_signs(latents: torch.Tensor, bits: Sequence[int], lowest_first: bool = True) -> tuple[torch.Tensor, ...]:
    """Codes int64 ``[batch, *grid]`` of each level of latents ``[batch, channels, *grid]``; zero counts as negative.

    Args:
        bits: how many channels, one after the other, make the code of each level.
        lowest_first: whether the first channel of a level is the lowest binary digit of its code, or the highest.
    """
    digits = (latents > 0).long().movedim(1, -1).split(list(bits), -1)
    return tuple((level * _values(level.shape[-1], lowest_first, level.device)).sum(-1) for level in digits)


def signs_of_codes(codes: Sequence[torch.Tensor], bits: Sequence[int], lowest_first: bool = True) -> torch.Tensor:
    """Latents of -1 and 1, float32 ``[batch, channels, *grid]``: the inverse of :func:`codes_of_signs`."""
    digits = [
        code[..., None] & _values(count, lowest_first, code.device) for code, count in zip(codes, bits, strict=True)
    ]
    return torch.cat(digits, -1).ne(0).float().mul(2).sub(1).movedim(-1, 1)


def _values(count: int, lowest_first: bool, device: torch.device) -> torch.Tensor:
    """The values of binary digits, int64 ``[count]``."""
    values = 2 ** torch.arange(count, device=device)
    return values if lowest_first else values.flip(0)
