"""A metric of motions."""

from __future__ import annotations

import math
from typing import ClassVar

import torch

from bench.metrics.base import Batch, Fact, PerSampleMetric


class EndpointError(PerSampleMetric):
    """Euclidean distance between the last positions of reconstruction and original."""

    outputs: ClassVar[dict[str, Fact]] = {"endpoint_error": Fact("", False, (0, math.inf))}

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {"endpoint_error": (batch.reference - batch.reconstruction)[..., -1].double().norm(dim=1)}
