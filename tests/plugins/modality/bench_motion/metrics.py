"""A metric of motions."""

from __future__ import annotations

import torch

from bench.metrics.base import Batch, PerSampleMetric

from .face import ENDPOINT_ERROR


class EndpointError(PerSampleMetric, line=ENDPOINT_ERROR):
    """Euclidean distance between the last positions of reconstruction and original."""

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {"endpoint_error": (batch.reference - batch.reconstruction)[..., -1].double().norm(dim=1)}
