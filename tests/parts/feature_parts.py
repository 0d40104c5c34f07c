"""Given features, and metrics fed with them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from bench.contracts.stats import Estimate
from bench.contracts.tokens import Tokens
from bench.metrics.base import Batch, FeatureSource
from bench.metrics.sets.base import SetMetric


class Given(FeatureSource):
    """Features without a network; every layer has the same."""

    def __init__(self, reference: torch.Tensor, reconstruction: torch.Tensor) -> None:
        self.sides = reference, reconstruction

    def get(self, extractor: str) -> tuple[Mapping[str, torch.Tensor], Mapping[str, torch.Tensor]]:
        reference, reconstruction = self.sides
        return {"pool": reference, "logits": reference}, {"pool": reconstruction, "logits": reconstruction}


def given(index: torch.Tensor, reference: torch.Tensor, reconstruction: torch.Tensor, groups: torch.Tensor) -> Batch:
    """Make a batch without pixels whose features are the given rows."""
    features = Given(reference[index], reconstruction[index])
    nothing = torch.zeros(len(index), 0)
    return Batch(index, groups[index], nothing, nothing, Tokens(payload=(b"",) * len(index)), features)


def measure(
    kind: type[SetMetric],
    reference: torch.Tensor | np.ndarray,
    reconstruction: torch.Tensor | np.ndarray,
    groups: Iterable[int] | None = None,
    parts: Iterable[torch.Tensor] | None = None,
    **settings: Any,
) -> Estimate:
    """Feed one metric with features ``[n, d]``, in ``parts`` of the samples' indices."""
    x, y = (torch.as_tensor(rows, dtype=torch.float32) for rows in (reference, reconstruction))
    labels = torch.arange(len(x)) if groups is None else torch.tensor(list(groups))
    metric = kind(settings)
    for index in parts if parts is not None else (torch.arange(len(x)),):
        metric.update(given(index, x, y, labels))
    (estimate,) = metric.compute().values()
    return estimate
