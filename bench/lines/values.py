"""Lines of the values that tasks of every modality give themselves: likelihood, and the cost of sampling."""

from __future__ import annotations

import math

from bench.lines import bottleneck_values, throughput
from bench.values import FROM_ZERO, Value

# A token of one tokenizer is not a token of another, so neither is better for being lower.
NLL = Value("nll", "NLL", "nat/token", None, FROM_ZERO, section="rate")
TOKEN_PERPLEXITY = Value(
    "token_perplexity", "Token perplexity", "", None, (1.0, math.inf), section="rate", default=False
)

SAMPLING_TOKENS = Value(
    "sampling_tokens_per_second", "Sampling", "token/s", True, FROM_ZERO, device_bound=True, section="cost"
)
SAMPLING_IMAGES = Value(
    "sampling_images_per_second", "Sampling, decoded", "img/s", True, FROM_ZERO, device_bound=True, section="cost"
)
SAMPLING_RTF = Value(
    "sampling_rtf",
    "Sampling, decoded (RTF)",
    "s/s",
    False,
    FROM_ZERO,
    device_bound=True,
    section="cost",
    shown_unit="",
)
SAMPLING_MEMORY = Value(
    "sampling_peak_memory", "Sampling memory", "MiB", False, FROM_ZERO, device_bound=True, section="cost", default=False
)

VALUES: tuple[Value, ...] = (
    NLL,
    TOKEN_PERPLEXITY,
    SAMPLING_TOKENS,
    SAMPLING_IMAGES,
    SAMPLING_RTF,
    SAMPLING_MEMORY,
    *throughput.VALUES,
    *bottleneck_values.VALUES,
)
