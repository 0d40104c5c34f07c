"""Mean absolute error of images."""

import torch

from bench.metrics.base import Batch, PerSampleMetric
from bench.registry import Entry
from bench.values import Tolerance, Value

ENTRY = Entry(
    "mae",
    "mean_error:MeanError",
    "Mean absolute error of each image",
    modality="image",
    source="mean of |x - y| over pixels and channels; equal to numpy's",
    values=(Value("mae", "MAE", higher_is_better=False, bounds=(0.0, 1.0), tolerance=Tolerance(0.0005)),),
)


class MeanError(PerSampleMetric, line=ENTRY):
    """Mean of |x - y| over the pixels and channels of an image, both in [0, 1]."""

    def score(self, batch: Batch) -> dict[str, torch.Tensor]:
        return {"mae": (batch.reference - batch.reconstruction).abs().double().mean((1, 2, 3))}
