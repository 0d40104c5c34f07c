"""torchmetrics' base class, without the rest of torchmetrics.

Its ``__init__`` imports every metric it has, and with them transformers, librosa and onnxruntime where they are
installed: four seconds of a process that needs one class. The class itself names a function that plots, and with it
come matplotlib's hundred modules.
"""

from __future__ import annotations

import logging

from bench.machine.deferred import Later, defer

PLOTS = "torchmetrics.utilities.plot"
PLOT = "plot_single_or_multi_val"

defer("torchmetrics", {"_logger": logging.getLogger("torchmetrics")})
defer(PLOTS, {"_AX_TYPE": object, "_PLOT_OUT_TYPE": object, PLOT: Later(PLOTS, PLOT)})

from torchmetrics.utilities import dim_zero_cat  # noqa: E402, I001 - before the class, which needs it imported
from torchmetrics.metric import Metric as TorchMetric  # noqa: E402

__all__ = ["TorchMetric", "dim_zero_cat"]
