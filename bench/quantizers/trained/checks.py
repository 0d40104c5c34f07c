"""Whether a bottleneck keeps its contract: messages that name what a class of a user's own does wrong."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from bench.errors import BenchError
from bench.quantizers.trained.base import Bottleneck, Coded

LOSSES = ("loss", "commitment")


def require_levels(bottleneck: Bottleneck, modality: str) -> None:
    """Check what a bottleneck states of itself.

    Raises:
        BenchError: it is for another modality, or its sizes or spans do not fit.
    """
    name, sizes, spans = type(bottleneck).__name__, bottleneck.sizes, bottleneck.spans
    if bottleneck.modality not in ("", modality):
        raise BenchError(f"{name} is a bottleneck of {bottleneck.modality}, not of {modality}")
    if not isinstance(sizes, tuple) or not all(type(size) is int and size > 0 for size in sizes):
        raise BenchError(f"{name}.sizes is {sizes!r}; give a tuple of the codebook sizes, a whole number per level")
    if spans and len(spans) != len(sizes):
        raise BenchError(f"{name} has {len(sizes)} sizes and {len(spans)} spans; give one of each per level")


@torch.no_grad()
def require_coding(bottleneck: Bottleneck, latents: torch.Tensor) -> None:
    """Check the codes of latents ``[batch, *grid, width]``, and the latents that they stand for.

    Raises:
        BenchError: ``encode`` or ``decode`` gives something else than the contract says.
    """
    if bottleneck.sizes:
        codes = bottleneck.encode(latents)
        _require_codes(f"{type(bottleneck).__name__}.encode", bottleneck, codes, latents, 0)
        _require_latents(f"{type(bottleneck).__name__}.decode", bottleneck.decode(codes), latents)


def require_coded(bottleneck: Bottleneck, coded: Any, latents: torch.Tensor) -> None:
    """Check what ``forward`` gives for latents ``[batch, *grid, width]``.

    Raises:
        BenchError: it is something else than the contract says.
    """
    name = f"{type(bottleneck).__name__}.forward"
    if not isinstance(coded, Coded):
        raise BenchError(f"{name} gives {_shown(coded)}; give a bench.quantizers.trained.base.Coded")
    _require_latents(name, coded.latents, latents)
    _require_codes(name, bottleneck, coded.codes, latents, -1)
    for field in LOSSES:
        value = getattr(coded, field)
        if not isinstance(value, torch.Tensor) or value.ndim:
            raise BenchError(f"{name} gives {_shown(value)} as {field}; give a tensor without axes")
    if coded.drawn is not None and coded.drawn.shape != latents.shape[:1]:
        raise BenchError(f"{name} gives {_shown(coded.drawn)} as drawn; give a log-probability per sample")


def _require_latents(name: str, given: Any, latents: torch.Tensor) -> None:
    if not isinstance(given, torch.Tensor) or given.shape != latents.shape:
        raise BenchError(f"{name} gives {_shown(given)} as latents; give {_shown(latents)}, as the encoder does")


def _require_codes(name: str, bottleneck: Bottleneck, codes: Any, latents: torch.Tensor, least: int) -> None:
    sizes = bottleneck.sizes
    if not isinstance(codes, Sequence) or len(codes) != len(sizes):
        many = f"{len(codes)} levels of codes" if isinstance(codes, Sequence) else f"{_shown(codes)} as codes"
        raise BenchError(f"{name} gives {many}; give a tuple with a tensor for each of the {len(sizes)} sizes")
    for level, (size, chosen) in enumerate(zip(sizes, codes, strict=True)):
        if not isinstance(chosen, torch.Tensor) or chosen.dtype != torch.int64:
            raise BenchError(f"{name} gives {_shown(chosen)} as codes of level {level}; give int64")
        if not bottleneck.spans and chosen.shape != latents.shape[:-1]:
            raise BenchError(
                f"{name} gives {_shown(chosen)} as codes of level {level} for latents {_shown(latents)}; give a code "
                "per place, or state in spans how many places along each axis a code stands for"
            )
        lowest, highest = (int(bound) for bound in chosen.aminmax())
        if lowest < least or highest >= size:
            raise BenchError(f"{name} gives codes from {lowest} to {highest} in level {level}, whose size is {size}")


def _shown(value: Any) -> str:
    """The dtype and the shape of a tensor; the type of anything else."""
    if isinstance(value, torch.Tensor):
        return f"{str(value.dtype).removeprefix('torch.')} {list(value.shape)}"
    return f"a {type(value).__name__}"
