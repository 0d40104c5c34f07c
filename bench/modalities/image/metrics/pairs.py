"""What the per-image metrics share: pairs of images, and reasons why samples have no value."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from bench.contracts.stats import Estimate
from bench.errors import BenchError
from bench.metrics.base import Batch


def image_pairs(batch: Batch, dtype: torch.dtype, at_once: int = 1) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """References and reconstructions, ``[at_once, 3, height, width]`` each in the given dtype.

    One pair at a time by default, because the order in which a library sums depends on the shape it is
    given: only this makes an image's value the same to the bit whatever the batch it came in.
    """
    if batch.reference.shape != batch.reconstruction.shape:
        given, got = tuple(batch.reference.shape), tuple(batch.reconstruction.shape)
        raise BenchError(f"the reconstruction is {got}, the input {given}; decode must return the shape it encoded")
    parts = (side.split(at_once) for side in (batch.reference, batch.reconstruction))
    for reference, reconstruction in zip(*parts, strict=True):
        yield reference.to(dtype), reconstruction.to(dtype)


def explain_failures(estimate: Estimate, reason: str) -> Estimate:
    """The estimate with the reason why samples are missing from it, or why there is no value at all."""
    if not estimate.failures:
        return estimate
    if estimate.value is None:
        return estimate.model_copy(update={"unavailable": reason})
    note = f"{estimate.failures} of {estimate.n + estimate.failures} samples left out: {reason}"
    return estimate.model_copy(update={"note": note})
