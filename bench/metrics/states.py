"""torchmetrics' base class, without the rest of torchmetrics.

Its ``__init__`` imports every metric it has, and with them transformers, librosa and onnxruntime where they are
installed: four seconds of a process that needs one class.
"""

from __future__ import annotations

import logging

from bench.machine.deferred import defer

defer("torchmetrics", _logger=logging.getLogger("torchmetrics"))

from torchmetrics.utilities import dim_zero_cat  # noqa: E402, I001 - before the class, which needs it imported
from torchmetrics.metric import Metric as TorchMetric  # noqa: E402

__all__ = ["TorchMetric", "dim_zero_cat"]
